# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""COPY … TO stdout read straight from the connection's socket, in blocks instead of row by row.

libpq hands out every row by a call of its own, which costs Python several times what the row costs the server. Whether
it can be passed by, and how, :mod:`.wire_messages` tells.
"""

from __future__ import annotations

import collections
import contextlib
import select
import socket
import time
import typing as t

from .. import drivers
from ..errors import ConsistencyError
from ..progress import Progress
from ..streams.base import ByteSink
from .copy_rows import HEADER_SIZE, ROW, Rows, take_rows, take_rows_fast
from .session import Session
from .text import to_text
from .wire_messages import ASIDES, COMPLETE, COPY_DONE, COPY_OUT, ERROR, READY, fields_of, send_query

_BLOCK_SIZE = 1 << 20
#: Below this many bytes a row on average the fast way pays, and from this many rows on: importing numpy costs as much.
_SHORT_ROW = 400
_MANY_ROWS = 100_000
#: What is worth processing when the server makes a pause.
_WORTHWHILE = 1 << 17
_PAUSE_MILLISECONDS = 20
#: How long the server is left alone once it has sent something: it sends 8 KB at a time, and waking this side up for
#: each costs both sides more than the rows do. Its socket takes more than it can send in this time.
_GATHER_SECONDS = 0.0002


class WireCopies:
    """Several ``COPY … TO stdout``, sent as one query: the server goes on to the next while this side still reads.

    :raises ConnectError: the connection broke.

    Until :meth:`close` nothing else may use the session. Whoever closes it before all are read can only close the
    session then.
    """

    def __init__(self, session: Session, statements: t.Sequence[str]) -> None:
        self._waiting = collections.deque(statements)
        self._wire = _Wire(session)
        try:
            send_query(session, "; ".join(statements))
        except BaseException:
            self.close()
            raise

    def read(self, sink: ByteSink, progress: Progress) -> tuple[int, int]:
        """Write the next one's rows into ``sink``: number of rows and of bytes.

        :raises QueryError, PrivilegeError, ConnectError: as for :meth:`Session.execute`.
        :raises ConsistencyError: the server says that it sent another number of rows than arrived.
        """
        wire = self._wire
        wire.statement = statement = self._waiting.popleft()
        wire.expect(COPY_OUT)
        rows, size = _read_rows(wire, sink, progress)
        wire.expect(COPY_DONE)
        tag = wire.expect(COMPLETE).rstrip(b"\0").decode("ascii", "replace")
        if not self._waiting:
            wire.expect(READY)
        if tag != f"COPY {rows}":
            raise ConsistencyError(
                f"the server says {tag!r} where {rows} rows arrived", hint="run the backup again", statement=statement
            )
        return rows, size

    def close(self) -> None:
        """Leave the socket to libpq."""
        self._wire.detach()


def copy_out_wire(session: Session, statement: str, sink: ByteSink, progress: Progress) -> tuple[int, int]:
    """Run ``COPY … TO stdout`` and write its rows into ``sink``: number of rows and of bytes.

    :raises DbfleetError: as :class:`WireCopies`.
    """
    with contextlib.closing(WireCopies(session, (statement,))) as copies:
        return copies.read(sink, progress)


def _read_rows(wire: _Wire, sink: ByteSink, progress: Progress) -> tuple[int, int]:
    """Everything up to CopyDone."""
    rows = size = 0
    short = True
    while True:
        block = wire.block()
        taken = _take_rows(block, many=short and rows >= _MANY_ROWS)
        block.release()
        if taken.number:
            sink.write(taken.text)
            wire.consume(taken.consumed)
            rows += taken.number
            size += len(taken.text)
            short = taken.consumed < taken.number * _SHORT_ROW
            progress.advance(len(taken.text), taken.number)
        elif wire.next_is_row():
            written = wire.pass_on_row(sink, progress)
            rows += int(bool(written))
            size += written
            if not written:
                wire.fill()
        elif wire.is_empty():
            wire.fill()
        elif not wire.skip_aside():
            return rows, size


def _take_rows(block: memoryview, *, many: bool) -> Rows:
    numpy = drivers.numpy() if many and len(block) >= _WORTHWHILE else None
    taken = take_rows_fast(block, numpy) if numpy is not None else None
    return taken if taken is not None and taken.number else take_rows(block)


class _Wire:
    """The socket of a connection that libpq is not using at the moment, and the bytes that were read from it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.statement = ""
        self._socket = socket.socket(fileno=session.pgconn.socket)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._buffer = bytearray(_BLOCK_SIZE)
        self._begin = 0
        self._end = 0

    def detach(self) -> None:
        """Leave the socket to libpq."""
        self._socket.detach()

    def block(self) -> memoryview:
        """What was read and not consumed. Release it before the next :meth:`fill`."""
        return memoryview(self._buffer)[self._begin : self._end]

    def consume(self, size: int) -> None:
        self._begin += size

    def fill(self) -> None:
        """Wait for more than there is, then for a good piece as long as the server goes on sending."""
        if self._begin:
            self._buffer[: self._end - self._begin] = self._buffer[self._begin : self._end]
            self._end -= self._begin
            self._begin = 0
        room = memoryview(self._buffer)
        self._end += self._receive(room[self._end :])
        # Whatever comes after the answer's end must not be waited for.
        while self._end < _WORTHWHILE and not self._has_end():
            time.sleep(_GATHER_SECONDS)
            received = self._receive(room[self._end :], _PAUSE_MILLISECONDS)
            if not received:
                return
            self._end += received

    def expect(self, kind: bytes) -> bytes:
        """The content of the next message, which must be of this kind (asides are passed over)."""
        found, content = self._message()
        while found in ASIDES:
            found, content = self._message()
        if found == ERROR:
            self._raise_error(content)
        if found != kind:
            raise self._session.broken(Exception(f"the server sent {found!r} where {kind!r} was due"))
        return content

    def is_empty(self) -> bool:
        return self._begin == self._end

    def next_is_row(self) -> bool:
        return self._end > self._begin and self._buffer[self._begin] == ROW

    def pass_on_row(self, sink: ByteSink, progress: Progress) -> int:
        """Write one row that does not fit into the buffer, piece by piece; 0 where it only has not arrived whole."""
        if self._end - self._begin < HEADER_SIZE:
            return 0
        length = self._length_at(self._begin)
        if length + 1 <= _BLOCK_SIZE:
            return 0
        missing = size = length - 4
        self._begin += HEADER_SIZE
        while missing:
            if self._begin == self._end:
                self._begin = self._end = 0
                self._end = self._receive(memoryview(self._buffer))
            piece = min(missing, self._end - self._begin)
            sink.write(bytes(self._buffer[self._begin : self._begin + piece]))
            self._begin += piece
            missing -= piece
            progress.advance(piece)
        progress.advance(0, 1)
        return size

    def skip_aside(self) -> bool:
        """Pass over a message that means nothing here; False where the next one does mean something."""
        if self._buffer[self._begin : self._begin + 1] not in ASIDES:
            return False
        self._message()
        return True

    def _message(self) -> tuple[bytes, bytes]:
        while self._end - self._begin < HEADER_SIZE:
            self._more()
        kind = bytes(self._buffer[self._begin : self._begin + 1])
        length = self._length_at(self._begin)
        if length + 1 > _BLOCK_SIZE:
            raise self._session.broken(Exception(f"the server sent a message of {length} bytes"))
        while self._end - self._begin < length + 1:
            self._more()
        content = bytes(self._buffer[self._begin + HEADER_SIZE : self._begin + length + 1])
        self._begin += length + 1
        return kind, content

    def _more(self) -> None:
        waiting = self._end - self._begin
        self._buffer[:waiting] = self._buffer[self._begin : self._end]
        self._begin, self._end = 0, waiting
        self._end += self._receive(memoryview(self._buffer)[waiting:])

    def _receive(self, room: memoryview, patience: int | None = None) -> int:
        """Read once; 0 where nothing came within ``patience`` milliseconds."""
        while True:
            # Waiting is done here rather than in the socket, so that signals are handled.
            if not self._poll.poll(patience):
                return 0
            try:
                received = self._socket.recv_into(room)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._session.broken(error) from error
            if not received:
                raise self._session.broken(None)
            return received

    def _has_end(self) -> bool:
        """Whether what was read ends with ReadyForQuery, after which nothing comes."""
        return self._end - self._begin >= 6 and bytes(self._buffer[self._end - 6 : self._end - 1]) == b"Z\0\0\0\5"

    def _length_at(self, position: int) -> int:
        return int.from_bytes(self._buffer[position + 1 : position + HEADER_SIZE], "big")

    def _raise_error(self, content: bytes) -> t.NoReturn:
        fields = fields_of(content)
        self.expect(READY)
        raise self._session.server_error(
            sqlstate=to_text(fields.get(b"C", b"")),
            message=to_text(fields.get(b"M", b"")),
            hint=to_text(fields.get(b"H", b"")),
            sql=self.statement,
        )
