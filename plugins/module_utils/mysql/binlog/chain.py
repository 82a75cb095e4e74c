# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The chain of archived binlogs that leads on from a full backup, without a gap."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ...errors import ConsistencyError, UsageError
from ...lazy_dataclass import dataclass
from ...repository.access import NO_ACCESS, Access
from ...repository.layout import escape_name
from ...repository.storage import Storage
from .binlog_file import StoredBinlog
from .coverage import ArchivedFile, ArchivedLog
from .events import BinlogReader
from .file_facts import FileFacts
from .log_start import is_held, missing_between


@dataclass(frozen=True)
class BackupPoint:
    """The moment of a full backup.

    :param identifier: of the server that was backed up; empty where it has none.
    :param taken_at: ISO 8601, by the server's clock.
    """

    file: str
    position: int
    gtid: str
    taken_at: str
    identifier: str

    @classmethod
    def of(cls, snapshot: t.Mapping[str, t.Any], identifier: str) -> BackupPoint:
        """Read a manifest's snapshot.

        :raises UsageError: the server wrote no binlog when it was backed up.
        """
        if not snapshot.get("binlog_file") and not snapshot.get("gtid"):
            raise UsageError(
                "the backup knows no place in a binlog: its server wrote none",
                hint="set log_bin on the server and make a new full backup",
            )
        return cls(
            file=str(snapshot.get("binlog_file") or ""),
            position=int(snapshot.get("binlog_position") or 0),
            gtid=str(snapshot.get("gtid") or "").replace("\n", ""),
            taken_at=str(snapshot.get("taken_at") or ""),
            identifier=identifier,
        )

    @property
    def time(self) -> int:
        """Seconds since 1970; 0 where it is not known."""
        if not self.taken_at:
            return 0
        moment = datetime.datetime.fromisoformat(self.taken_at.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        return int(moment.timestamp())


@dataclass(frozen=True)
class Chain:
    """Binlogs that follow each other without a gap, from a backup's moment on.

    :param start_position: in the first file.
    :param held: GTIDs that the backup has already, for a chain that begins by them.
    :param end_time: seconds since 1970 up to which nothing is missing.
    :param gtids: at the chain's end.
    :param steps: of each file, the folder of its log and its name.
    :param broken: why it does not go on, where later files are archived; empty where it ends with the archive.
    """

    files: tuple[StoredBinlog, ...]
    start_position: int
    held: str
    end_time: int
    gtids: str
    broken: str
    steps: tuple[tuple[str, str], ...] = ()

    @property
    def is_of_several(self) -> bool:
        """Whether it goes on from one server to another."""
        return any(file.is_first_of_server for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files, from the backup's moment on."""
        return max(0, sum(file.size for file in self.files) - self.start_position)


def chain_from(
    storage: Storage,
    logs: t.Sequence[ArchivedLog],
    point: BackupPoint,
    access: Access = NO_ACCESS,
    *,
    reads: bool = True,
) -> Chain:
    """The chain that leads on from a backup.

    :param reads: look into the first file, whether it is what the backup's server was writing; else the records of the
        files are believed.
    :raises ConsistencyError: no log holds the moment of the backup.
    """
    if not logs:
        raise ConsistencyError(
            "no binlogs are archived for this cluster",
            hint="archive them: dbfleet binlog archive --repository … --cluster …; and make a new full backup",
        )
    builder = _ChainBuilder(storage, logs, access, reads=reads)
    begun = builder.begin_by_position(point) or builder.begin_by_gtid(point)
    if not begun:
        raise ConsistencyError(
            f"the backup was taken at {point.file or 'no file'}:{point.position} ({point.gtid or 'no GTID'}), which no "
            "archived binlog of the cluster holds",
            hint="binlogs are archived from a later moment on, or of another server; restore a newer backup",
            file=point.file,
            position=point.position,
            gtid=point.gtid,
        )
    return builder.chain()


class _ChainBuilder:
    def __init__(self, storage: Storage, logs: t.Sequence[ArchivedLog], access: Access, *, reads: bool) -> None:
        self._reads = reads
        self._storage = storage
        self._logs = logs
        self._access = access
        self._files: list[StoredBinlog] = []
        self._steps: list[tuple[str, str]] = []
        self._visited: list[ArchivedLog] = []
        self._start = 0
        self._held = ""
        self._end: ArchivedFile | None = None
        self._broken = ""

    def begin_by_position(self, point: BackupPoint) -> bool:
        """Begin where the backup's own server stood, if its log is archived."""
        if not point.file:
            return False
        for log in reversed(self._logs):
            for index, file in enumerate(log.files):
                if file.name == point.file and self._is_place_of(log, file, point):
                    self._start = point.position
                    self._add(log, index)
                    return True
        return False

    def begin_by_gtid(self, point: BackupPoint) -> bool:
        """Begin with a file that begins before what the backup has, and leave out what it has."""
        if not point.gtid:
            return False
        for log in self._logs:
            files = log.files
            # One that has not seen all of it would begin before the backup and could stop there.
            if not files or not is_held(point.gtid, files[-1].gtids_after):
                continue
            for index in reversed(range(len(files))):
                if is_held(files[index].gtids_before, point.gtid):
                    self._held = point.gtid
                    self._add(log, index)
                    return True
        return False

    def chain(self) -> Chain:
        """What was begun with, and the logs of other servers that go on where it ends."""
        while not self._broken and self._go_on_elsewhere():
            pass
        end = self._end
        seen = max((log.seen for log in self._visited[-1:]), default=0)
        return Chain(
            files=tuple(self._files),
            start_position=self._start,
            held=self._held,
            end_time=max(end.last_time if end is not None else 0, 0 if self._broken else seen),
            gtids=end.gtids_after if end is not None else "",
            broken=self._broken,
            steps=tuple(self._steps),
        )

    def _is_place_of(self, log: ArchivedLog, file: ArchivedFile, point: BackupPoint) -> bool:
        """Whether a file of the name is the very one that the backup's server was writing."""
        if file.size < point.position or (point.time and file.made > point.time):
            return False
        server = log.server
        if point.identifier and server.get("uuid") and escape_name(server["uuid"]) != escape_name(point.identifier):
            return False
        if not is_held(file.gtids_before, point.gtid) or not is_held(point.gtid, file.gtids_after):
            return False
        if self._reads:
            found = _gtids_at(self._stored(log, file), point.position)
            if found is None or not is_held(found, point.gtid) or not is_held(point.gtid, found):
                return False
        # Without GTIDs only its identity tells a server from another with files of the same names.
        return bool(point.gtid or (point.identifier and server.get("uuid")) or server.get("dbms") == "mariadb")

    def _add(self, log: ArchivedLog, index: int, *, held: str = "") -> None:
        """Add a log's files from one on, as far as they follow each other."""
        files = log.files[index:]
        self._visited.append(log)
        before: ArchivedFile | None = None
        for number, file in enumerate(files):
            if before is not None and before.next_file != file.name:
                self._broken = (
                    f"there is a gap: {before.next_file} is missing behind {before.name}; the next one archived is "
                    f"{file.name}"
                )
                return
            stored = self._stored(log, file)
            anew = number == 0 and bool(self._files)
            self._files.append(dataclasses.replace(stored, held=held or self._held, is_first_of_server=anew))
            self._steps.append((log.folder, file.name))
            before = self._end = file

    def _go_on_elsewhere(self) -> bool:
        """Go on with another server's log, which holds all that this one ended with and more."""
        end = self._end
        if end is None or not end.gtids_after:
            return False
        for log in self._logs:
            files = log.files
            if log in self._visited or not files or is_held(files[-1].gtids_after, end.gtids_after):
                continue
            if not is_held(end.gtids_after, files[-1].gtids_after):
                self._broken = (
                    f"the log {log.folder.rpartition('/')[2]} does not hold "
                    f"{missing_between(end.gtids_after, files[-1].gtids_after)}, with which the one before it ends"
                )
                continue
            for index in reversed(range(len(files))):
                if is_held(files[index].gtids_before, end.gtids_after):
                    self._broken = ""
                    self._add(log, index, held=end.gtids_after)
                    return True
        return False

    def _stored(self, log: ArchivedLog, file: ArchivedFile) -> StoredBinlog:
        return file.stored(self._storage, log.folder, self._access)


def _gtids_at(file: StoredBinlog, position: int) -> str | None:
    """The transactions that a server had made when it stood at a place in a file; ``None`` if no event ends there."""
    facts = FileFacts(file.name)
    with contextlib.closing(file.open()) as source:
        reader = BinlogReader(source, file.name, partial=True)
        for event in reader:
            facts.see(event.header, event.body, reader.format)
            if event.next_position >= position:
                return facts.gtids_after if event.next_position == position else None
    return None
