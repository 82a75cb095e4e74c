# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archiving one server's log: every event is verified before it is written, and no file may be missing."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError, DbfleetError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from .. import connection
from ..options import ConnectionOptions
from ..session import Session
from . import codes
from .archive_place import ServerLog, Tail
from .archive_record import Sealed
from .binlog_name import number_of
from .checksum import crc32
from .events import HEADER, EventHeader
from .file_facts import BODIES, FileFacts
from .format_description import FormatDescription, parse_format_description
from .log_start import first_file, gap
from .receiver import ReceivedEvent, Receiver
from .server_identity import binlogs_of, bytes_behind

_CHECKSUM = 4
#: How old what is archived may be before it is on the disk: while the log is followed, and on the way to the present.
_SYNC_SECONDS, _SYNC_SECONDS_OF_BACKLOG = 1.0, 10.0
_STATUS_SECONDS = 10.0
_LARGEST_POSITION = 0xFFFFFFFF


@dataclass(frozen=True)
class LogRequest:
    """How one server's log is archived; see :class:`.archive.ArchiveRequest`.

    :param connection: for looking at the server beside the stream of events.
    """

    connection: ConnectionOptions
    server_id: int
    follow: bool
    heartbeat: float
    semi_sync: bool


class LogArchiver:
    """One server's log being archived.

    :param server: see :func:`.server_identity.identity_of`.
    :param check: nothing will be archived, only :meth:`waiting` asked.
    """

    def __init__(
        self,
        log: ServerLog,
        server: t.Mapping[str, str],
        request: LogRequest,
        progress: Progress,
        *,
        check: bool = False,
    ) -> None:
        self._request = request
        self._log = log
        self._progress = progress
        self._server = server
        self.newly_sealed: list[str] = []
        self.received = 0
        self.lag_bytes: int | None = None
        self._facts: FileFacts | None = None
        self._tail: Tail | None = None
        self._synced = 0.0
        self._told = 0.0
        self._sync_seconds = _SYNC_SECONDS if request.follow else _SYNC_SECONDS_OF_BACKLOG
        self._unsynced = False
        # What is known of the file is about exactly what was written.
        self._is_between = True
        self._passing_over = 0
        self._position_when_closed = 0
        if not check:
            self.newly_sealed += [record.file for record in log.mend(self._mended)]
        self._last: Sealed | None = log.last()

    @property
    def changed(self) -> bool:
        return bool(self.received or self.newly_sealed)

    @property
    def file_name(self) -> str:
        return self._facts.name if self._facts is not None else ""

    @property
    def position(self) -> int:
        """How much of the file is archived."""
        return self._tail.size if self._tail is not None else self._position_when_closed

    @property
    def gtids(self) -> str:
        if self._facts is not None:
            return self._facts.gtids_after
        return self._last.gtids_after if self._last is not None else ""

    def close(self) -> None:
        """Put on the disk what was received."""
        tail, self._position_when_closed = self._tail, self.position
        self._tail = None
        if tail is not None and self._facts is not None:
            if self._is_between:
                tail.sync(self._facts)
            tail.close()

    def waiting(self, session: Session) -> int:
        """How many bytes the server has that are not archived.

        :raises ConsistencyError: there is a gap, or it is another server.
        """
        logs = binlogs_of(session)
        tail = self._log.tail_position()
        name, position = tail or (self._where_to_begin(session, list(logs)), 0)
        if name not in logs:
            name = self._where_to_begin(session, list(logs), wanted=name)
        return bytes_behind(logs, name, position) or 0

    def archive_from(self, session: Session) -> None:
        """Archive over a connection until the log ends or the connection does."""
        logs = binlogs_of(session)
        if self._tail is None:
            self._reopen()
        start = self._where_to_begin(session, list(logs))
        self._progress.phase("archiving", total_bytes=bytes_behind(logs, start, self.position) or 0)
        position = self.position or len(codes.MAGIC)
        if position > _LARGEST_POSITION:
            # The protocol has four bytes for it; what is archived already is sent again and passed over.
            self._passing_over, position = position - len(codes.MAGIC), len(codes.MAGIC)
        receiver = Receiver(
            session,
            file=start,
            position=position,
            server_id=self._request.server_id,
            wait=self._request.follow,
            heartbeat=self._request.heartbeat,
            semi_sync=self._request.semi_sync,
        )
        while True:
            if not self._request.semi_sync:
                self._take_runs(receiver)
            event = receiver.next_event()
            if event is None:
                break
            self._take(event, session)
            if event.wants_reply:
                self._acknowledge(receiver)
        self._sync(caught_up=True)

    def _take_runs(self, receiver: Receiver) -> None:
        """Archive what needs no look of its own, until something comes that does."""
        facts, tail = self._facts, self._tail
        if facts is None or tail is None or facts.format is None or self._passing_over:
            return
        while True:
            self._is_between = False
            run = receiver.take_run(tail.size, facts)
            if run.size:
                tail.write(run.pieces, run.size)
            self._is_between = True
            if run.size:
                self.received += run.size
                self._unsynced = True
                self._progress.advance(run.size)
                self._sync_in_time()
            if not receiver.is_within_packet:
                return
            if not receiver.wait(self._seconds_to_sync()):
                self._sync(caught_up=True)

    def _seconds_to_sync(self) -> float | None:
        """When what is not on the disk has to be; ``None`` where everything is."""
        if not self._unsynced:
            return None
        return max(0.0, self._synced + self._sync_seconds - time.monotonic())

    def _sync_in_time(self) -> None:
        if (self._tail is not None and self._tail.is_full) or self._seconds_to_sync() == 0:
            self._sync(caught_up=False)

    def _acknowledge(self, receiver: Receiver) -> None:
        """Say that everything taken is safe, once it is."""
        facts, tail = self._facts, self._tail
        if facts is None or tail is None:
            if self._last is not None:
                receiver.acknowledge(self._last.file, self._last.size)
            return
        tail.sync(facts)
        self._synced, self._unsynced = time.monotonic(), False
        receiver.acknowledge(facts.name, tail.size)

    def _where_to_begin(self, session: Session, names: t.Sequence[str], *, wanted: str = "") -> str:
        """The file to ask for; it must be there.

        :raises ConsistencyError: the server has purged it, or counts anew.
        """
        if self._facts is not None:
            wanted = self._facts.name
        elif self._last is not None:
            wanted = wanted or self._last.next_file
        elif not wanted:
            return first_file(session, names, self._log.held, self._log.way_out)
        if wanted in names:
            return wanted
        if number_of(wanted) > max(map(number_of, names)):
            raise ConsistencyError(
                f"the server's newest binlog is {names[-1]}, but {wanted} is due: its log was reset, or it is another "
                "server",
                hint=self._log.way_out,
            )
        raise gap(self._last.file if self._last is not None else wanted, wanted, names[0], self._log.way_out)

    def _reopen(self) -> None:
        """Go on with the unfinished file, after its last whole event."""
        found = self._log.resume()
        if found is None:
            return
        facts, tail = found
        if self._last is not None and self._last.next_file != facts.name:
            raise gap(self._last.file, self._last.next_file, facts.name, self._log.way_out)
        self._facts, self._tail = facts, tail
        if facts.ended_by:
            self._seal(facts.ended_by, facts.next_file)

    def _take(self, event: ReceivedEvent, session: Session) -> None:
        if event.is_made_for_the_connection:
            self._connection_event(event)
            return
        if self._passing_over:
            self._passing_over -= len(event.raw)
            return
        facts, tail = self._facts, self._tail
        if facts is None or tail is None:
            raise CorruptArtifactError(f"{session.address} sent a {event.header.name} event of no file")
        body, description = _verified(event, facts, tail.size)
        self._is_between = False
        tail.write([event.raw], len(event.raw))
        facts.see(event.header, body, description)
        self._is_between, self._unsynced = True, True
        self.received += len(event.raw)
        if event.header.type in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
            self._check_history(facts)
        self._progress.advance(len(event.raw))
        if facts.ended_by:
            self._seal(facts.ended_by, facts.next_file)
        else:
            self._sync_in_time()

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
            raise gap(self._last.file, self._last.next_file, name, self._log.way_out)
        self._facts = FileFacts(name)
        self._tail = self._log.begin(self._facts)
        self._progress.item(name)

    def _check_same_file(self, header: EventHeader) -> None:
        facts = self._facts
        if facts is not None and facts.made and facts.made != header.timestamp:
            raise ConsistencyError(
                f"the server's {facts.name} is another file than the one archived: its log was reset, or it is another "
                "server",
                hint=self._log.way_out,
            )

    def _check_history(self, facts: FileFacts) -> None:
        last = self._last
        if last is None or last.ended_by == "crash" or facts.gtids_before == last.gtids_after:
            return
        raise ConsistencyError(
            f"{facts.name} begins after the transactions {facts.gtids_before or 'none'}, but {last.file} ended with "
            f"{last.gtids_after or 'none'}",
            hint=f"transactions are missing between the two: {self._log.way_out}",
        )

    def _seal(self, ended_by: str, next_file: str) -> None:
        facts, tail = self._facts, self._tail
        if facts is None or tail is None:
            return
        number_of(next_file)
        facts.ended_by, facts.next_file = ended_by, next_file
        tail.sync(facts)
        record = self._record(facts, tail.size, tail.hexdigest())
        self._log.seal(tail, record)
        self.newly_sealed.append(facts.name)
        self._last, self._facts, self._tail = record, None, None

    def _mended(self, facts: FileFacts, size: int, sha256: str) -> Sealed:
        return self._record(facts, size, sha256)

    def _record(self, facts: FileFacts, size: int, sha256: str) -> Sealed:
        return Sealed(
            file=facts.name,
            size=size,
            sha256=sha256,
            server=self._server,
            created=facts.created,
            first_time=facts.first_time,
            last_time=facts.last_time,
            transactions=facts.transactions,
            gtids_before=facts.gtids_before or "",
            gtids_after=facts.gtids_after,
            next_file=facts.next_file,
            ended_by=facts.ended_by,
            made=facts.made,
            boundaries=tuple(facts.boundaries),
        )

    def _sync(self, *, caught_up: bool) -> None:
        now = time.monotonic()
        if self._tail is not None and self._facts is not None:
            self._tail.sync(self._facts)
        self._synced, self._unsynced = now, False
        if now - self._told < _STATUS_SECONDS and not (caught_up and not self._request.follow):
            return
        self._told = now
        last_time = self._facts.last_time if self._facts is not None else 0
        self.lag_bytes = self._bytes_behind()
        self._log.write_status(
            {
                "file": self.file_name,
                "position": self.position,
                "gtids": self.gtids,
                "last_time": last_time,
                "caught_up": caught_up,
                "lag_seconds": 0 if caught_up else max(0, int(time.time()) - last_time),
                "lag_bytes": self.lag_bytes,
                "semi_sync": self._request.semi_sync,
                "server": dict(self._server),
                "updated": int(time.time()),
            }
        )

    def _bytes_behind(self) -> int | None:
        """What the server has written and is not archived: asked over another connection, this one sends events."""
        try:
            with contextlib.closing(connection.connect(self._request.connection)) as session:
                logs = binlogs_of(session)
        except DbfleetError as error:
            # The stream of events tells whether the server is gone; how far behind it is then, nobody knows.
            self._progress.message(f"the lag in bytes is not known: {error.message}")
            return None
        if self._facts is not None:
            return bytes_behind(logs, self._facts.name, self.position)
        return bytes_behind(logs, self._last.next_file, 0) if self._last is not None else None


def _verified(event: ReceivedEvent, facts: FileFacts, position: int) -> tuple[bytes, FormatDescription]:
    """The event's body, where it is one that :class:`.file_facts.FileFacts` looks at, and how events are laid out.

    :raises CorruptArtifactError: its checksum or its position is wrong.
    """
    header, raw = event.header, event.raw
    description = facts.format
    if header.type == codes.FORMAT_DESCRIPTION:
        description = parse_format_description(
            raw[HEADER.size :], lambda cause: _damaged(event, facts, position, cause)
        )
    if description is None:
        raise _damaged(event, facts, position, "it comes before the format description")
    body = raw[HEADER.size :] if header.type in BODIES else b""
    if description.checksums:
        if crc32(memoryview(raw)[:-_CHECKSUM]) != int.from_bytes(raw[-_CHECKSUM:], "little"):
            raise _damaged(event, facts, position, "its checksum is wrong")
        body = body[:-_CHECKSUM]
    end = position + header.size
    if header.end_position and header.end_position != end & 0xFFFFFFFF:
        raise _damaged(event, facts, position, f"it says that it ends at {header.end_position}, not {end}")
    return body, description


def _without_checksum(raw: bytes) -> bytes:
    """An event that comes before any format description says only by its content whether it has one."""
    has_one = crc32(memoryview(raw)[:-_CHECKSUM]) == int.from_bytes(raw[-_CHECKSUM:], "little")
    return raw[:-_CHECKSUM] if has_one else raw


def _damaged(event: ReceivedEvent, facts: FileFacts, position: int, cause: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"the {event.header.name} event at {position} of {facts.name} is damaged: {cause}",
        hint="nothing of it was archived; run it again, and look at the server's disk if it happens again",
    )
