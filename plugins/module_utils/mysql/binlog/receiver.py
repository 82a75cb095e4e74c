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

from ...errors import ConnectError, ConsistencyError, CorruptArtifactError, PrivilegeError
from .. import faults, wire
from ..session import Session
from . import codes
from .events import HEADER, EventHeader

_COM_BINLOG_DUMP = 0x12
_WITHOUT_WAITING = 0x1
_WITH_ANNOTATIONS = 0x2
_LONGEST_PACKET = 0xFFFFFF
_OK, _EOF, _ERROR = 0x00, 0xFE, 0xFF
_CANNOT_READ_LOG = 1236
_NANOSECONDS = 1_000_000_000


class ReceivedEvent(t.NamedTuple):
    """An event as it came, with its header and checksum.

    :param raw: all of it.
    """

    header: EventHeader
    raw: bytes

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
    """

    def __init__(
        self, session: Session, *, file: str, position: int, server_id: int, wait: bool, heartbeat: float
    ) -> None:
        self._session = session
        self._file = file
        flags = (0 if wait else _WITHOUT_WAITING) | (_WITH_ANNOTATIONS if session.version.is_mariadb else 0)
        for statement in _greeting(session, heartbeat):
            session.execute(statement)
        body = struct.pack("<IHI", position, flags, server_id) + file.encode("utf-8")
        self._read = wire.exact_reader(session.connection, 2 * heartbeat + 10 if wait else None)
        wire.send_command(session.connection, _COM_BINLOG_DUMP, body)

    def __iter__(self) -> t.Iterator[ReceivedEvent]:
        """The events, those made for the connection too.

        :raises ConnectError: the connection was lost, or nothing came for too long.
        :raises ConsistencyError: the server does not have the file or the position any more.
        :raises PrivilegeError: the user may not read the log.
        """
        try:
            while True:
                packet = self._packet()
                status = packet[0]
                if status == _EOF and len(packet) < 9:
                    return
                if status == _ERROR:
                    wire.raise_server_error(packet)
                raw = packet[1:]
                if status != _OK or len(raw) < HEADER.size:
                    raise CorruptArtifactError(f"{self._session.address} sent a packet that is no event")
                header = EventHeader._make(HEADER.unpack_from(raw))
                if header.size != len(raw):
                    raise CorruptArtifactError(
                        f"{self._session.address} sent an event of {len(raw)} bytes that says it has {header.size}"
                    )
                yield ReceivedEvent(header, raw)
        except (self._session.driver_errors, OSError) as error:
            raise self._translated(error) from error

    def _packet(self) -> bytes:
        parts = []
        while True:
            head = self._exactly(4)
            size = int.from_bytes(head[:3], "little")
            parts.append(self._exactly(size))
            if size < _LONGEST_PACKET:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise wire.lost_connection()
        return data

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
