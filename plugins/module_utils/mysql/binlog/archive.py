# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archiving a server's binlogs into a folder, byte for byte, without a gap."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
import typing as t
import zlib

from ...errors import ConnectError, ConsistencyError, CorruptArtifactError
from ...progress import Progress
from ...repository.local import LocalStorage
from ...repository.lock import RepositoryLock
from .. import connection
from ..options import ConnectionOptions
from ..session import Session
from . import codes
from .archive_folder import PART_SUFFIX, ArchiveFolder, PartialFile, Sealed, number_of
from .events import HEADER, EventHeader
from .file_facts import FileFacts, scan
from .format_description import FormatDescription, parse_format_description
from .receiver import ReceivedEvent, Receiver

_CHECKSUM = 4
_SYNC_SECONDS = 1.0
_STATUS_SECONDS = 10.0
_LONGEST_PAUSE = 60.0
#: Replicas that people number begin at 1.
_SERVER_IDS_FROM = 1 << 31
_LARGEST_POSITION = 0xFFFFFFFF
STATUS_NAME = "status.json"


@dataclasses.dataclass(frozen=True)
class ArchiveRequest:
    """What to archive, and where to.

    :param folder: of this one server.
    :param follow: go on with what will be written, until stopped.
    :param server_id: as which replica to ask; 0 for one made of this host's and the folder's names.
    :param heartbeat: seconds of silence after which the server gives a sign of life.
    """

    connection: ConnectionOptions
    folder: str
    follow: bool = False
    server_id: int = 0
    heartbeat: float = 10.0


@dataclasses.dataclass(frozen=True)
class ArchiveResult:
    """What was done.

    :param sealed: the files that were completed.
    :param received: bytes that were added.
    :param file: the one that is being written, with how much of it is archived.
    :param gtids: the transactions that are archived or came before.
    """

    folder: str
    changed: bool
    sealed: tuple[str, ...]
    received: int
    file: str
    position: int
    gtids: str

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data."""
        return {**dataclasses.asdict(self), "sealed": list(self.sealed)}


def archive_binlogs(request: ArchiveRequest, progress: Progress) -> ArchiveResult:
    """Archive what the server has written since the last time, or go on until interrupted.

    :raises ConnectError: the server cannot be reached (when following: at the first try).
    :raises PrivilegeError: the user may not read the binlog.
    :raises ConsistencyError: files between those archived and those of the server are missing, or it is another server.
    :raises CorruptArtifactError: an event's checksum or position is wrong.
    :raises LockedError: somebody else archives into the folder.
    :raises StorageError: the folder cannot be written.
    """
    folder = ArchiveFolder(request.folder)
    with RepositoryLock(LocalStorage(request.folder), ".lock", purpose="archiving binlogs"):
        archive = _Archive(request, folder, progress)
        try:
            archive.run()
        finally:
            archive.close()
    return archive.result()


class _Archive:
    def __init__(self, request: ArchiveRequest, folder: ArchiveFolder, progress: Progress) -> None:
        self._request = request
        self._folder = folder
        self._progress = progress
        self._newly_sealed: list[str] = []
        self._received = 0
        self._facts: FileFacts | None = None
        self._file: PartialFile | None = None
        self._synced = 0.0
        self._told = 0.0
        self._passing_over = 0
        self._position_when_closed = 0
        self._server: dict[str, str] = {}
        self._seal_again()
        sealed = folder.sealed()
        self._last: Sealed | None = sealed[-1] if sealed else None
        for before, after in zip(sealed, sealed[1:]):
            if before.next_file != after.file:
                raise _gap(before.file, before.next_file, after.file)

    def _seal_again(self) -> None:
        """Write the sidecars that are missing: an archiver was killed before it could, or they were lost."""
        for name in self._folder.without_sidecar():
            facts, size = scan(self._folder.path_of(name), name)
            if facts.ended_by:
                file = PartialFile(self._folder.path_of(name), size)
                file.close()
                self._folder.write_sidecar(self._record(facts, file, facts.ended_by, facts.next_file))
                self._newly_sealed.append(name)

    def run(self) -> None:
        """Archive up to the log's end, or until interrupted."""
        pause, was_connected = 1.0, False
        while True:
            try:
                with contextlib.closing(connection.connect(self._request.connection)) as session:
                    was_connected = True
                    self._archive_from(session)
                    pause = 1.0
                if not self._request.follow:
                    return
            except ConnectError as error:
                if not (self._request.follow and was_connected):
                    raise
                self._progress.warn(f"{error.message}; trying again in {pause:.0f} s")
            except KeyboardInterrupt:
                if not self._request.follow:
                    raise
                return
            try:
                time.sleep(pause)
            except KeyboardInterrupt:
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def result(self) -> ArchiveResult:
        facts, last = self._facts, self._last
        gtids = facts.gtids_after if facts is not None else last.gtids_after if last is not None else ""
        return ArchiveResult(
            folder=self._request.folder,
            changed=bool(self._received or self._newly_sealed),
            sealed=tuple(self._newly_sealed),
            received=self._received,
            file=facts.name if facts is not None else "",
            position=self._position,
            gtids=gtids,
        )

    def close(self) -> None:
        """Put on the disk what was received."""
        file, self._position_when_closed = self._file, self._position
        self._file = None
        if file is not None:
            file.sync()
            file.close()

    @property
    def _position(self) -> int:
        return self._file.size if self._file is not None else self._position_when_closed

    def _archive_from(self, session: Session) -> None:
        self._server = _identity(session)
        names = [name or "" for name, *_rest in session.query("SHOW BINARY LOGS")]
        if not names:
            raise ConsistencyError(f"{session.address} has no binlogs", hint="set log_bin and restart the server")
        if self._file is None:
            self._reopen()
        start = self._where_to_begin(names)
        self._progress.phase("archiving")
        position = self._position or len(codes.MAGIC)
        if position > _LARGEST_POSITION:
            # The protocol has four bytes for it; what is archived already is sent again and passed over.
            self._passing_over, position = position - len(codes.MAGIC), len(codes.MAGIC)
        receiver = Receiver(
            session,
            file=start,
            position=position,
            server_id=self._request.server_id or _own_server_id(self._request.folder),
            wait=self._request.follow,
            heartbeat=self._request.heartbeat,
        )
        for event in receiver:
            self._take(event, session)
        self._sync(caught_up=True)

    def _where_to_begin(self, names: t.Sequence[str]) -> str:
        """The file to ask for; it must be there.

        :raises ConsistencyError: the server has purged it, or counts anew.
        """
        if self._facts is not None:
            wanted = self._facts.name
        elif self._last is not None:
            wanted = self._last.next_file
        else:
            return names[0]
        if wanted in names:
            return wanted
        if number_of(wanted) > max(map(number_of, names)):
            raise ConsistencyError(
                f"the server's newest binlog is {names[-1]}, but {wanted} is due: its log was reset, or it is another "
                "server",
                hint="archive into a new folder, and make a new full backup",
            )
        raise _gap(self._last.file if self._last is not None else wanted, wanted, names[0])

    def _reopen(self) -> None:
        """Go on with the partial file, after its last whole event."""
        name = self._folder.unsealed()
        if name is None:
            return
        path = self._folder.reopen(name)
        facts, position = scan(path, name)
        if self._last is not None and self._last.next_file != name:
            raise _gap(self._last.file, self._last.next_file, name)
        self._facts, self._file = facts, PartialFile(path, position)
        if not position:
            self._file.write(codes.MAGIC)
        if facts.ended_by:
            self._seal(facts.ended_by, facts.next_file)

    def _take(self, event: ReceivedEvent, session: Session) -> None:
        if event.is_made_for_the_connection:
            self._connection_event(event)
            return
        if self._passing_over:
            self._passing_over -= len(event.raw)
            return
        facts, file = self._facts, self._file
        if facts is None or file is None:
            raise CorruptArtifactError(f"{session.address} sent a {event.header.name} event of no file")
        body, description = self._verified(event, facts, file)
        file.write(event.raw)
        self._received += len(event.raw)
        facts.see(event.header, body, description)
        if event.header.type in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
            self._check_history(facts)
        self._progress.advance(len(event.raw))
        if facts.ended_by:
            self._seal(facts.ended_by, facts.next_file)
        elif time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync(caught_up=False)

    def _connection_event(self, event: ReceivedEvent) -> None:
        kind = event.header.type
        if kind == codes.ROTATE:
            self._begin(_without_checksum(event.raw)[HEADER.size + 8 :].decode("utf-8", "replace"))
        elif kind == codes.FORMAT_DESCRIPTION:
            self._check_same_file(event.header)
        elif kind in (codes.HEARTBEAT, codes.HEARTBEAT_V2):
            self._sync(caught_up=True)

    def _begin(self, name: str) -> None:
        """The server says that events of the file ``name`` follow."""
        number_of(name)
        facts = self._facts
        if facts is not None:
            if facts.name == name:
                return
            # Its server crashed, or was killed, while it wrote the file.
            self._seal("crash", name)
        if self._last is not None and self._last.next_file != name:
            raise _gap(self._last.file, self._last.next_file, name)
        self._facts = FileFacts(name)
        self._file = PartialFile(self._folder.path_of(name + PART_SUFFIX), 0)
        self._file.write(codes.MAGIC)
        self._progress.item(name)

    def _check_same_file(self, header: EventHeader) -> None:
        facts = self._facts
        if facts is not None and facts.made and facts.made != header.timestamp:
            raise ConsistencyError(
                f"the server's {facts.name} is another file than the one archived: its log was reset, or it is another "
                "server",
                hint="archive into a new folder, and make a new full backup",
            )

    def _check_history(self, facts: FileFacts) -> None:
        last = self._last
        if last is None or last.ended_by == "crash" or facts.gtids_before == last.gtids_after:
            return
        raise ConsistencyError(
            f"{facts.name} begins after the transactions {facts.gtids_before or 'none'}, but {last.file} ended with "
            f"{last.gtids_after or 'none'}",
            hint="transactions are missing between the two: archive into a new folder, and make a new full backup",
        )

    def _verified(self, event: ReceivedEvent, facts: FileFacts, file: PartialFile) -> tuple[bytes, FormatDescription]:
        header, raw = event.header, event.raw
        where = f"the {header.name} event at {file.size} of {facts.name}"
        description = facts.format
        if header.type == codes.FORMAT_DESCRIPTION:
            description = parse_format_description(raw[HEADER.size :], lambda cause: _damaged(where, cause))
        if description is None:
            raise _damaged(where, "it comes before the format description")
        body = raw[HEADER.size :]
        if description.checksums:
            if zlib.crc32(memoryview(raw)[:-_CHECKSUM]) != int.from_bytes(raw[-_CHECKSUM:], "little"):
                raise _damaged(where, "its checksum is wrong")
            body = body[:-_CHECKSUM]
        end = file.size + header.size
        if header.end_position and header.end_position != end & 0xFFFFFFFF:
            raise _damaged(where, f"it says that it ends at {header.end_position}, not {end}")
        return body, description

    def _seal(self, ended_by: str, next_file: str) -> None:
        facts, file = self._facts, self._file
        if facts is None or file is None:
            return
        number_of(next_file)
        file.sync()
        file.close()
        record = self._record(facts, file, ended_by, next_file)
        self._folder.seal(record)
        self._newly_sealed.append(facts.name)
        self._last, self._facts, self._file = record, None, None

    def _record(self, facts: FileFacts, file: PartialFile, ended_by: str, next_file: str) -> Sealed:
        return Sealed(
            file=facts.name,
            size=file.size,
            sha256=file.hexdigest(),
            server=self._server,
            created=facts.created,
            first_time=facts.first_time,
            last_time=facts.last_time,
            transactions=facts.transactions,
            gtids_before=facts.gtids_before or "",
            gtids_after=facts.gtids_after,
            next_file=next_file,
            ended_by=ended_by,
        )

    def _sync(self, *, caught_up: bool) -> None:
        now = time.monotonic()
        if self._file is not None:
            self._file.sync()
        self._synced = now
        if now - self._told < _STATUS_SECONDS and not (caught_up and not self._request.follow):
            return
        self._told = now
        last_time = self._facts.last_time if self._facts is not None else 0
        self._folder.write_small(
            STATUS_NAME,
            {
                "file": self._facts.name if self._facts is not None else "",
                "position": self._position,
                "caught_up": caught_up,
                "lag_seconds": 0 if caught_up else max(0, int(time.time()) - last_time),
                "updated": int(time.time()),
            },
        )


def _identity(session: Session) -> dict[str, str]:
    server = {"address": session.address, "version": session.version.text, "dbms": session.version.dbms}
    server["server_id"] = session.scalar("SELECT @@server_id") or ""
    if session.has_variable("server_uuid"):
        server["uuid"] = session.variables["server_uuid"]
    return server


def _own_server_id(folder: str) -> int:
    return _SERVER_IDS_FROM | zlib.crc32(f"{socket.gethostname()}\0{folder}".encode("utf-8", "surrogateescape"))


def _without_checksum(raw: bytes) -> bytes:
    """An event that comes before any format description says only by its content whether it has one."""
    has_one = zlib.crc32(memoryview(raw)[:-_CHECKSUM]) == int.from_bytes(raw[-_CHECKSUM:], "little")
    return raw[:-_CHECKSUM] if has_one else raw


def _damaged(where: str, cause: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"{where} is damaged: {cause}",
        hint="nothing of it was archived; run it again, and look at the server's disk if it happens again",
    )


def _gap(last: str, wanted: str, found: str) -> ConsistencyError:
    return ConsistencyError(
        f"there is a gap: the binlogs from {wanted} on are missing up to {found}; the last one archived is {last}",
        hint="archive into a new folder, make a new full backup, and keep binlogs longer (binlog_expire_logs_seconds)",
        last=last,
        missing_from=wanted,
        next=found,
    )
