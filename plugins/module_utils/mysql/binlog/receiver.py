# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A server's binlog over the replication protocol: every event as the file holds it.

The conditions for that were measured: the checksum algorithm is declared, MariaDB is told that its GTIDs are understood
and asked for annotations. See the protocol's documentation for COM_BINLOG_DUMP.
"""

from __future__ import annotations

import struct
import typing as t
import uuid

from ...errors import ConnectError, ConsistencyError, CorruptArtifactError, PrivilegeError, UsageError
from .. import faults, wire
from ..session import Session
from . import codes
from .event_run import Run, take_run
from .events import HEADER, EventHeader
from .file_facts import FileFacts

_COM_BINLOG_DUMP = 0x12
_WITHOUT_WAITING = 0x1
_WITH_ANNOTATIONS = 0x2
_LONGEST_PACKET = 0xFFFFFF
_BLOCK = 1 << 20
#: Bytes of a packet before what it holds.
_HEAD = 4
_OK, _EOF, _ERROR = 0x00, 0xFE, 0xFF
_CANNOT_READ_LOG = 1236
#: What an event of a semi-synchronous source begins with, a byte with a flag behind it, and what a reply begins with.
_SEMI_SYNC, _WANTS_REPLY = 0xEF, 0x01
_NANOSECONDS = 1_000_000_000


class ReceivedEvent(t.NamedTuple):
    """An event as it came, with its header and checksum.

    :param raw: all of it.
    :param wants_reply: the server waits until it is acknowledged.
    """

    header: EventHeader
    raw: bytes
    wants_reply: bool = False

    @property
    def is_made_for_the_connection(self) -> bool:
        """Whether it is not part of any file."""
        header = self.header
        if header.flags & codes.FLAG_ARTIFICIAL or header.type in (codes.HEARTBEAT, codes.HEARTBEAT_V2):
            return True
        if header.type == codes.ROTATE:
            return not header.timestamp
        # A file that is read from its middle is preceded by its format description.
        return header.type == codes.FORMAT_DESCRIPTION and not header.end_position


class Receiver:
    """Reads a server's binlog from a place in a file on, over this session, which is of no other use then.

    :param position: at the beginning of an event; 4 for the file's beginning.
    :param server_id: as which replica; another one of the same number would be thrown off.
    :param wait: go on waiting for what will be written; else end where the log ends.
    :param heartbeat: seconds without an event after which the server sends a sign of life.
    :param semi_sync: take part in semi-synchronous replication: commits wait until :meth:`acknowledge`.
    """

    def __init__(
        self,
        session: Session,
        *,
        file: str,
        position: int,
        server_id: int,
        wait: bool,
        heartbeat: float,
        semi_sync: bool = False,
    ) -> None:
        self._session = session
        self._file = file
        self._semi_sync = semi_sync
        if semi_sync:
            _check_semi_sync(session)
            session.execute("SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1")
        flags = (0 if wait else _WITHOUT_WAITING) | (_WITH_ANNOTATIONS if session.version.is_mariadb else 0)
        for statement in _greeting(session, heartbeat):
            session.execute(statement)
        body = struct.pack("<IHI", position, flags, server_id) + file.encode("utf-8")
        wire.send_command(session.connection, _COM_BINLOG_DUMP, body)
        self._blocks = _Blocks(wire.block_reader(session.connection, 2 * heartbeat + 10 if wait else None))

    def take_run(self, position: int, facts: FileFacts) -> Run:
        """Take of what has arrived the events that need no look of their own, see :func:`.event_run.take_run`.

        Nothing is waited for. What was taken before is not there any more.
        """
        blocks = self._blocks
        run = take_run(blocks.view, blocks.start, blocks.end, position, facts)
        blocks.start = run.behind
        return run

    def wait(self, seconds: float | None) -> bool:
        """Wait until more has arrived, and take it in; false where the time is over.

        :raises ConnectError: as :meth:`next_event`.
        """
        try:
            if seconds is not None and not wire.has_arrived(self._session.connection, seconds):
                return False
            self._blocks.fill()
        except (self._session.driver_errors, OSError) as error:
            raise self._translated(error) from error
        return True

    @property
    def is_within_packet(self) -> bool:
        """Whether of the next packet only a part has arrived, and the whole is not too long to be waited for."""
        blocks = self._blocks
        have = blocks.end - blocks.start
        if have < _HEAD:
            return True
        size = int.from_bytes(blocks.view[blocks.start : blocks.start + 3], "little")
        return have < _HEAD + size <= len(blocks.view)

    def next_event(self) -> ReceivedEvent | None:
        """The next event, those made for the connection too; ``None`` at the log's end.

        :raises ConnectError: the connection was lost, or nothing came for too long.
        :raises ConsistencyError: the server does not have the file or the position any more.
        :raises PrivilegeError: the user may not read the log.
        """
        try:
            return self._event()
        except (self._session.driver_errors, OSError) as error:
            raise self._translated(error) from error

    def _event(self) -> ReceivedEvent | None:
        status, raw = self._packet()
        if status == _EOF and len(raw) < 8:
            return None
        if status == _ERROR:
            wire.raise_server_error(bytes([status]) + raw)
        wants_reply = False
        if self._semi_sync and status == _OK and raw[:1] == bytes([_SEMI_SYNC]):
            wants_reply = bool(raw[1] & _WANTS_REPLY)
            raw = raw[2:]
        if status != _OK or len(raw) < HEADER.size:
            raise CorruptArtifactError(f"{self._session.address} sent a packet that is no event")
        header = EventHeader._make(HEADER.unpack_from(raw))
        if header.size != len(raw):
            raise CorruptArtifactError(
                f"{self._session.address} sent an event of {len(raw)} bytes that says it has {header.size}"
            )
        return ReceivedEvent(header, raw, wants_reply)

    def acknowledge(self, file: str, position: int) -> None:
        """Tell the server that everything up to a place in its log is safe; only for semi-synchronous replication.

        :raises ConnectError: the connection was lost.
        """
        reply = bytes([_SEMI_SYNC]) + position.to_bytes(8, "little") + file.encode("utf-8")
        try:
            wire.send_packet(self._session.connection, reply)
        except (self._session.driver_errors, OSError) as error:
            raise self._translated(error) from error

    def _packet(self) -> tuple[int, bytes]:
        """The next packet's first byte and the rest of it."""
        take = self._blocks.take
        head = take(5)
        size = int.from_bytes(head[:3], "little")
        if not size:
            raise CorruptArtifactError(f"{self._session.address} sent an empty packet")
        rest = take(size - 1)
        if size < _LONGEST_PACKET:
            return head[4], rest
        parts = [rest]
        while size == _LONGEST_PACKET:
            size = int.from_bytes(take(4)[:3], "little")
            parts.append(take(size))
        return head[4], b"".join(parts)

    def _translated(self, error: Exception) -> Exception:
        session = self._session
        if isinstance(error, TimeoutError):
            return ConnectError(
                f"{session.address} has not given a sign of life for too long", hint="see the network and the server"
            )
        number, message = faults.number_and_message(error)
        if number == _CANNOT_READ_LOG:
            return ConsistencyError(
                f"{session.address} cannot send its binlog from {self._file} on: {message}",
                hint="its log was reset, files are gone (SHOW BINARY LOGS), or another replica has the same id",
            )
        translated = session.translate(error, "COM_BINLOG_DUMP")
        if isinstance(translated, PrivilegeError):
            translated.hint = "grant REPLICATION SLAVE and REPLICATION CLIENT (MariaDB: BINLOG MONITOR)"
        return translated


def _check_semi_sync(session: Session) -> None:
    names = ("rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled")
    if not any(session.variables.get(name) == "ON" for name in names):
        raise UsageError(
            f"{session.address} does not replicate semi-synchronously",
            hint="on MySQL install the plugin rpl_semi_sync_source (5.7: rpl_semi_sync_master), then set "
            f"{' or '.join(names)}",
        )


class _Blocks:
    """What the server sends, in one large buffer: most events are small.

    :ivar view: the buffer; what is not taken yet lies in it between ``start`` and ``end``.
    """

    def __init__(self, read: t.Callable[[memoryview], int]) -> None:
        self._read = read
        self.view = memoryview(bytearray(_BLOCK))
        self.start = self.end = 0

    def take(self, size: int) -> bytes:
        """The next bytes.

        :raises pymysql.err.Error: the connection was lost.
        """
        if size > len(self.view):
            return self._long(size)
        while size > self.end - self.start:
            self.fill()
        start, self.start = self.start, self.start + size
        return bytes(self.view[start : self.start])

    def fill(self) -> None:
        """Wait for more bytes; the buffer must not be full.

        :raises pymysql.err.Error: the connection was lost.
        """
        if self.start:
            kept = self.end - self.start
            self.view[:kept] = self.view[self.start : self.end]
            self.start, self.end = 0, kept
        self.end += self._some(self.view[self.end :])

    def _long(self, size: int) -> bytes:
        whole = bytearray(size)
        filled = self.end - self.start
        whole[:filled] = self.view[self.start : self.end]
        self.start = self.end = 0
        with memoryview(whole) as view:
            while filled < size:
                filled += self._some(view[filled:])
        return bytes(whole)

    def _some(self, target: memoryview) -> int:
        read = self._read(target)
        if not read:
            raise wire.lost_connection()
        return read


def _greeting(session: Session, heartbeat: float) -> t.Iterator[str]:
    """What a replica says about itself. Each family reads its own of the variables."""
    yield "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum"
    period = int(heartbeat * _NANOSECONDS)
    yield f"SET @master_heartbeat_period = {period}, @source_heartbeat_period = {period}"
    if session.version.is_mariadb:
        yield "SET @mariadb_slave_capability = 4"
    else:
        identity = uuid.uuid4()
        yield f"SET @slave_uuid = '{identity}', @replica_uuid = '{identity}'"
