# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sending the rows of a ``COPY … FROM stdin`` that the server waits for.

libpq copies every block into a buffer of its own, and looks for an answer only after the last row. Where the connection
carries the protocol as it is, the rows are written to its socket instead, and a refusal is seen when it comes: nobody
sends the rest of a large table for nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import socket
import typing as t

from .. import drivers
from ..errors import ConnectError, CorruptArtifactError, DbfleetError
from ..streams.base import Buffer
from .session import Session
from .wire_messages import ASIDES, ERROR, HEADER

_ROWS = b"d"
#: Refusals are short, and so is what comes before them.
_PEEKED = 1 << 16
# Where in the rows it failed: "COPY orders, line 3, column total: ..." in every language of the server's.
_ROW = re.compile(r"^COPY [^\n]*?, \w+ (\d+)(?:, \w+ ([^:\n]+))?", re.MULTILINE)
# The file system cannot give its cached bytes to a socket.
_CANNOT_SEND = frozenset((errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP))
_ARRIVED = select.POLLIN | select.POLLHUP | select.POLLERR


class CopyIn:
    """The rows of one COPY. Nothing blocks inside libpq, so that an interrupt is handled at once.

    :param session: has been answered that rows may be sent.
    :param direct: the connection carries the protocol as it is.

    Every method raises psycopg's ``OperationalError`` where the connection broke.
    """

    def __init__(self, session: Session, *, direct: bool) -> None:
        self._pgconn = session.pgconn
        self._direct = direct
        self._arrived = select.poll()
        self._arrived.register(self._pgconn.socket, select.POLLIN)
        self._ready = select.poll()
        self._ready.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
        self._writable = select.poll()
        self._writable.register(self._pgconn.socket, select.POLLOUT)
        self._watches = self._direct
        # What is left of the message that is being written: of its bytes, and of what comes out of a file behind them.
        self._left: list[memoryview] = []
        self._left_in_file = 0
        #: The server has refused a row already; sending more would be of no use.
        self.refused = False

    def send(self, data: Buffer) -> None:
        """Send a block of rows, whatever rows begin or end in it."""
        if not self._direct:
            self._pgconn.nonblocking = 1
            self._pgconn.put_copy_data(data)
            self._flush()
            return
        view = memoryview(data).cast("B")
        with self._message(len(view)) as begun:
            if begun:
                self._left.append(view)
                self._write()

    def send_part(self, descriptor: int, offset: int, size: int) -> None:
        """Send a part of an open file as a block of rows, which the system takes out of its cache of files.

        The server may read it later than this returns. Only for a connection that carries the protocol as it is.

        :raises CorruptArtifactError: the file ends before the part does.
        :raises OSError: it cannot be read.
        """
        with self._message(size) as begun:
            if begun:
                self._left_in_file = size
                self._write()
                while self._left_in_file:
                    self._send_part(descriptor, offset + size - self._left_in_file)

    @contextlib.contextmanager
    def _message(self, size: int) -> t.Iterator[bool]:
        """Begin a message of so many bytes of rows, unless the server has refused one; whether it was begun."""
        try:
            if self._watches and self._arrived.poll(0):
                self._look()
            if not self.refused:
                self._left = [memoryview(HEADER.pack(_ROWS, size + 4))]
            yield not self.refused
        except self._fault:
            # libpq has closed its socket, whose number may be another file's by now.
            self._left, self._left_in_file = [], 0
            raise

    def end(self) -> None:
        """Say that these were all rows; where some were not sent, that it failed, so that the others never count."""
        self._finish(b"a row was refused" if self.refused else None)

    def cancel(self) -> None:
        """End the COPY as failed; the connection too, where :meth:`send` was interrupted in the middle of a message."""
        if self._left or self._left_in_file:
            # How much of it was written is not known for certain, and nothing can follow it.
            with self._socket() as copy, contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_WR)
        self._finish(b"cancelled by the client")

    def _finish(self, failure: bytes | None) -> None:
        self._pgconn.nonblocking = 1
        self._pgconn.put_copy_end(failure)
        self._flush()

    def _write(self) -> None:
        while self._left:
            try:
                written = os.writev(self._pgconn.socket, self._left)
            except BlockingIOError:
                self._wait()
                continue
            except OSError as error:
                raise self._broken(error) from error
            self._left = _after(self._left, written)

    def _send_part(self, descriptor: int, offset: int) -> None:
        try:
            sent = os.sendfile(self._pgconn.socket, descriptor, offset, self._left_in_file)
        except BlockingIOError:
            self._wait()
            return
        except ConnectionError as error:
            raise self._broken(error) from error
        except OSError as error:
            if error.errno not in _CANNOT_SEND:
                raise
            self._left = [memoryview(os.pread(descriptor, self._left_in_file, offset))]
            sent = len(self._left[0])
            self._write()
        if not sent:
            raise CorruptArtifactError("its file ends before its rows do")
        self._left_in_file -= sent

    def _broken(self, error: OSError) -> Exception:
        """The connection's end; libpq goes on to read what the server said at last."""
        with contextlib.suppress(self._fault):
            self._pgconn.put_copy_end()
        return self._fault(str(error))

    def _wait(self) -> None:
        """Until more can be sent. What was begun must be sent to its end, refused or not."""
        if self.refused:
            self._writable.poll()
        elif any(event & _ARRIVED for _descriptor, event in self._ready.poll()):
            self._look()

    def _look(self) -> None:
        """See what the server says in the middle of the rows."""
        if self._watches:
            self.refused = _tells_error(self._peeked())
            if self.refused:
                return
            # Notices, which are libpq's. What it takes may end inside of one, and then no beginning is known any more.
            self._watches = False
        self._pgconn.consume_input()

    def _peeked(self) -> bytes:
        with self._socket() as copy:
            try:
                return copy.recv(_PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return b""
            except OSError as error:
                raise self._fault(str(error)) from error

    def _socket(self) -> socket.socket:
        """The connection's, to be closed: libpq keeps its own number."""
        return socket.socket(fileno=os.dup(self._pgconn.socket))

    def _flush(self) -> None:
        while self._pgconn.flush():
            if any(event & _ARRIVED for _descriptor, event in self._ready.poll()):
                self._pgconn.consume_input()

    @property
    def _fault(self) -> type[Exception]:
        fault: type[Exception] = drivers.psycopg().OperationalError
        return fault


def refused_row(context: str, error: DbfleetError) -> tuple[int, str]:
    """The row, counted from 1, and the column that the server's CONTEXT names; 0 and empty where it names none."""
    row, column = 0, ""
    # A connection that ended says no more than where the server happened to be.
    if not isinstance(error, ConnectError):
        # The innermost comes first: what a value's own parser says of the value.
        for found in _ROW.finditer(context):
            row, column = int(found.group(1)), found.group(2) or column
    return row, column


def _tells_error(data: bytes) -> bool:
    """Whether an error is among the messages that ``data`` begins with; the last one may not be there whole."""
    position = 0
    while position < len(data):
        kind = data[position : position + 1]
        if kind == ERROR:
            # Its first field is the severity; another begin of a message was no begin.
            return data[position + HEADER.size : position + HEADER.size + 1] == b"S"
        if kind not in ASIDES or len(data) < position + HEADER.size:
            return False
        position += 1 + int(HEADER.unpack_from(data, position)[1])
    return False


def _after(pieces: list[memoryview], written: int) -> list[memoryview]:
    """What is left of ``pieces`` behind so many bytes."""
    left = []
    for piece in pieces:
        if written < len(piece):
            left.append(piece[written:])
        written = max(0, written - len(piece))
    return left
