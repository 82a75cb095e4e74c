# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The answer to one replication command, read straight from the connection's socket.

libpq copies what a walsender sends three times, message by message, before Python sees it; see
:mod:`..wire_messages` for how it is passed by.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import time
import typing as t

from ...errors import ConnectError, DbfleetError, QueryError
from ..row_values import TEXT_LEFT_OUT, is_of_database_code
from ..session import Session
from ..text import to_text
from ..wire_messages import (
    ASIDES,
    COMPLETE,
    COPY_DONE,
    COPY_OUT,
    DESCRIPTION,
    ERROR,
    HEADER,
    NOTICE,
    READY,
    ROW,
    Fields,
    fields_of,
    send_query,
)

_LENGTH = struct.Struct(">I")
_COUNT = struct.Struct(">H")
_COLUMN = struct.Struct(">i")
_HEADER_SIZE = 5
_COPY_DATA = ord("d")
_ROOM = 1 << 20
#: What a server itself does not exceed.
_LARGEST = 1 << 30
_MILLISECONDS = 1000
#: Seconds in which a fast server does not fill a socket.
_NAP = 0.0002

Row = tuple[t.Optional[bytes], ...]


class WireAnswer:
    """A command that is sent, and its results and streams in their order.

    Nothing else may use the session until :meth:`finish` has returned; after an error it can only be closed.

    :param on_notice: is told the fields of every notice.
    :raises ConnectError: the connection broke.
    """

    def __init__(self, session: Session, command: str, on_notice: t.Callable[[Fields], None]) -> None:
        self._session = session
        self._command = command
        self._on_notice = on_notice
        self._socket: int = session.pgconn.socket
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._buffer = bytearray(_ROOM)
        self._view = memoryview(self._buffer)
        self._begin = 0
        self._end = 0
        send_query(session, command)

    def raw_rows(self) -> list[Row] | None:
        """The rows of the next result (none for a command without any); ``None`` where a stream begins instead.

        :raises DbfleetError: the server says that the command failed.
        """
        rows: list[Row] = []
        while True:
            kind, content = self._message()
            if kind == COPY_OUT:
                return None
            if kind == COMPLETE:
                return rows
            if kind == ROW:
                rows.append(_values(content))
            elif kind != DESCRIPTION:
                raise self._unexpected(kind)

    def finish(self) -> None:
        """Read what is left of the answer, up to its end.

        :raises DbfleetError: the server says that the command failed.
        """
        while self._message()[0] != READY:
            continue

    def receive_many(self, size: int, wait: t.Callable[[select.poll], None]) -> list[memoryview] | None:
        """The next messages of the stream, until they have ``size`` bytes or it ends.

        :param wait: waits for the connection to have something to read, or raises.
        :returns: views that are valid until the next call; ``None`` at the stream's end.
        :raises DbfleetError: the server says that it failed, or the connection broke.
        """
        self._make_room(0)
        found: list[memoryview] = []
        while True:
            self._take(found)
            if self._end - self._begin >= _HEADER_SIZE and self._buffer[self._begin] != _COPY_DATA:
                if found:
                    return found
                kind, _content = self._any_message()
                if kind == COPY_DONE:
                    return None
                if kind not in ASIDES:
                    raise self._unexpected(kind)
            elif found and (self._begin >= size or self._end == len(self._buffer)):
                return found
            else:
                self._fill(wait)

    def _take(self, found: list[memoryview]) -> None:
        """Add the stream's messages that are there as a whole."""
        buffer, view, position, end = self._buffer, self._view, self._begin, self._end
        length_at = _LENGTH.unpack_from
        while end - position >= _HEADER_SIZE and buffer[position] == _COPY_DATA:
            (length,) = length_at(buffer, position + 1)
            following = position + 1 + length
            if following > end:
                if length > len(buffer) - position and not found:
                    self._begin = position
                    self._make_room(self._checked(length) + 1)
                    return
                break
            found.append(view[position + _HEADER_SIZE : following])
            position = following
        self._begin = position

    def _message(self) -> tuple[bytes, bytes]:
        """The kind and the content of the next message that means something here.

        :raises DbfleetError: it is an error.
        """
        while True:
            kind, content = self._any_message()
            if kind not in ASIDES:
                return kind, content

    def _any_message(self) -> tuple[bytes, bytes]:
        """The next message; a notice was told, and an error is raised."""
        self._have(_HEADER_SIZE)
        kind, length = HEADER.unpack_from(self._buffer, self._begin)
        self._have(self._checked(length) + 1)
        content = bytes(self._view[self._begin + _HEADER_SIZE : self._begin + 1 + length])
        self._begin += 1 + length
        if kind == ERROR:
            raise self._failed(fields_of(content))
        if kind == NOTICE:
            self._on_notice(fields_of(content))
        return kind, content

    def _checked(self, length: int) -> int:
        if not _LENGTH.size <= length <= _LARGEST:
            raise self._session.broken(Exception(f"the server sent a message of {length} bytes"))
        return length

    def _have(self, size: int) -> None:
        """Wait until so many bytes are there, however long that takes: a checkpoint can take an hour."""
        if len(self._buffer) - self._begin < size:
            self._make_room(size)
        while self._end - self._begin < size:
            self._fill(lambda poll: t.cast(None, poll.poll()))

    def _make_room(self, size: int) -> None:
        """Move what was not consumed to the buffer's beginning; make it larger for a message of ``size`` bytes."""
        waiting = self._view[self._begin : self._end]
        if size > len(self._buffer):
            # Not the same one in larger: there are views of it.
            self._buffer = bytearray(size)
            self._view = memoryview(self._buffer)
        self._view[: len(waiting)] = waiting
        self._begin, self._end = 0, len(waiting)

    def _fill(self, wait: t.Callable[[select.poll], None]) -> None:
        """Read once."""
        while True:
            try:
                received = os.readv(self._socket, [self._view[self._end :]])
            except BlockingIOError:
                # Servers send in small pieces; to be woken for each would take both sides longer than to copy it.
                # Meanwhile the socket takes more of them, but never so many that the server waits.
                time.sleep(_NAP)
                wait(self._poll)
                continue
            except OSError as error:
                raise self._session.broken(error) from error
            if not received:
                raise self._session.broken(None)
            self._end += received
            return

    def _failed(self, fields: Fields) -> DbfleetError:
        """The engine's error for what the server says went wrong."""
        # A server that ends the connection says why before.
        with contextlib.suppress(ConnectError):
            self.finish()
        said = {name: to_text(fields.get(key, b"")) for name, key in _SAID.items()}
        if is_of_database_code(to_text(fields.get(b"F", b""))) and not self._session.show_data:
            said.update(message=TEXT_LEFT_OUT, hint="")
        return self._session.server_error(**said, sql=self._command)

    def _unexpected(self, kind: bytes) -> QueryError:
        return QueryError(f"the server sent {kind!r} where a result or data were due", statement=self._command)


_SAID = {"sqlstate": b"C", "message": b"M", "hint": b"H"}


def _values(content: bytes) -> Row:
    """The values of a row."""
    (count,) = _COUNT.unpack_from(content)
    position = _COUNT.size
    values: list[bytes | None] = []
    for _number in range(count):
        (length,) = _COLUMN.unpack_from(content, position)
        position += _COLUMN.size
        values.append(None if length < 0 else content[position : position + length])
        position += max(length, 0)
    return tuple(values)
