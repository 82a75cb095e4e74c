# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The part of :mod:`.wire` that sends a script's statements: sending apart from reading the answer, no decoding.

Together with :mod:`.wire` the only code that touches PyMySQL's private names; written against 1.1 and 1.2.
"""

from __future__ import annotations

import contextlib
import struct
import typing as t

from .wire import COM_QUERY, lost_connection

# Length in three bytes and sequence number in one.
_HEADER = struct.Struct("<I")
_LONGEST_PACKET = 0xFFFFFF
_LARGE = 1 << 20
_NO_BACKSLASH_ESCAPES = 0x200


class Outcome(t.NamedTuple):
    """The server's answer to a statement.

    :param affected: rows, summed over the answers of a statement with several.
    :param warnings: how many the server counted.
    :param backslash_escapes: whether the session's sql_mode leaves them on now.
    """

    affected: int
    warnings: int
    backslash_escapes: bool


def send(connection: t.Any, statement: bytes) -> None:
    """Send a statement as it is; :func:`receive` must follow before anything else.

    A large one goes to the socket in views of itself: the driver would copy each of its packets twice.
    """
    with _reader_closed(connection):
        if len(statement) < _LARGE:
            connection._execute_command(COM_QUERY, statement)
        elif not connection._sock:
            raise lost_connection()
        else:
            _send_large(connection, statement)


def _send_large(connection: t.Any, statement: bytes) -> None:
    view = memoryview(statement)
    connection._write_bytes(_HEADER.pack(min(len(view) + 1, _LONGEST_PACKET)) + bytes([COM_QUERY]))
    position = _LONGEST_PACKET - 1
    connection._write_bytes(view[:position])
    sequence = 1
    # A packet of the full length says that another one follows, if only an empty one.
    while position <= len(view):
        piece = view[position : position + _LONGEST_PACKET]
        connection._write_bytes(_HEADER.pack(len(piece) | sequence << 24))
        connection._write_bytes(piece)
        position += _LONGEST_PACKET
        sequence = (sequence + 1) % 256
    connection._next_seq_id = sequence


def receive(connection: t.Any) -> Outcome:
    """Wait for the answer and read it completely; rows are dropped.

    :raises pymysql.err.Error: the server refused the statement, or the connection was lost.
    """
    with _reader_closed(connection):
        affected = connection._read_query_result()
        while connection._result.has_next:
            connection.next_result()
            affected += connection.affected_rows()
    warnings = connection._result.warning_count
    return Outcome(int(affected or 0), int(warnings or 0), not connection.server_status & _NO_BACKSLASH_ESCAPES)


@contextlib.contextmanager
def _reader_closed(connection: t.Any) -> t.Iterator[None]:
    """When the driver gives the connection up, it leaves the reading half of the socket open."""
    reader = connection._rfile
    try:
        yield
    finally:
        if connection._rfile is None and reader is not None:
            reader.close()
