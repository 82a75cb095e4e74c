# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reading a table's rows with COPY: the hot path."""

from __future__ import annotations

import collections
import contextlib
import typing as t

from .. import drivers
from ..errors import ConsistencyError, QueryError
from ..progress import Progress
from ..streams.base import ByteSink
from .copy_wire import WireCopies
from .session import Session
from .text import to_text
from .wire_messages import is_plain

#: A batch ends at either: rows bound the cost of a join, bytes the memory that wide rows take.
_BATCH_ROWS = 2000
_BATCH_BYTES = 1 << 18
_LARGEST_PIECE = 1 << 20


def _write(sink: ByteSink, batch: list[t.Any], size: int) -> None:
    if size <= _LARGEST_PIECE:
        sink.write(b"".join(batch))
        return
    # Very wide rows go in pieces: joining them, and queueing them whole, would hold several of them at once.
    for row in batch:
        for start in range(0, len(row), _BATCH_BYTES):
            sink.write(bytes(row[start : start + _BATCH_BYTES]))


class Copies(t.Protocol):
    """Several ``COPY … TO stdout``, whose rows are read one after the other. Close it, in whatever state."""

    def read(self, sink: ByteSink, progress: Progress) -> tuple[int, int]:
        """Write the next one's rows into ``sink``: number of rows and of bytes.

        :raises ConsistencyError: the server says that it sent another number of rows than arrived.
        """

    def close(self) -> None: ...


class CopyReader:
    """Runs COPY in the fastest way that a session allows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._wire = is_plain(session)

    def start(self, statements: t.Sequence[str]) -> Copies:
        """Run statements; nothing else may use the session until all are read and closed."""
        return WireCopies(self._session, statements) if self._wire else LibpqCopies(self._session, statements)


class LibpqCopies:
    """Several ``COPY … TO stdout`` through libpq, which any connection can do, an encrypted one too.

    They are sent as one query, so that the server need not be waited for between two.

    :raises ConnectError: the connection broke.
    """

    def __init__(self, session: Session, statements: t.Sequence[str]) -> None:
        self._session = session
        self._waiting = collections.deque(statements)
        session.send("; ".join(statements))

    def read(self, sink: ByteSink, progress: Progress) -> tuple[int, int]:
        """Write the next one's rows into ``sink``: number of rows and of bytes.

        :raises QueryError, PrivilegeError, ConnectError: as for :meth:`Session.execute`.
        :raises ConsistencyError: the server says that it sent another number of rows than arrived.
        """
        session, statement = self._session, self._waiting.popleft()
        if session.next_result(statement) is None:
            raise QueryError("the server did not start a COPY", statement=statement)
        rows, size = _read_rows(session, statement, sink, progress)
        done = session.next_result(statement)
        tag = to_text(done.command_status or b"") if done is not None else ""
        if not self._waiting:
            session.next_result(statement)
        if tag != f"COPY {rows}":
            raise ConsistencyError(
                f"the server says {tag!r} where {rows} rows arrived", hint="run the backup again", statement=statement
            )
        return rows, size

    def close(self) -> None:
        """Nothing is held but the session."""


def copy_out(session: Session, statement: str, sink: ByteSink, progress: Progress) -> tuple[int, int]:
    """Run ``COPY … TO stdout`` and write its text into ``sink``: number of rows and of bytes.

    :raises ConsistencyError: the server says that it sent another number of rows than arrived.
    """
    with contextlib.closing(CopyReader(session).start((statement,))) as copies:
        return copies.read(sink, progress)


def copy_out_libpq(session: Session, statement: str, sink: ByteSink, progress: Progress) -> tuple[int, int]:
    """As :func:`copy_out`, through libpq.

    :raises DbfleetError: as :class:`LibpqCopies`.
    """
    return LibpqCopies(session, (statement,)).read(sink, progress)


def _read_rows(session: Session, statement: str, sink: ByteSink, progress: Progress) -> tuple[int, int]:
    """Everything up to the end of the data.

    The server sends one message a row, so the cost is per row: this loop touches nothing else. Rows are joined in
    batches, and what happens to a batch (digest, compression, file) belongs into another thread.
    """
    get = session.pgconn.get_copy_data
    rows = size = 0
    broken = drivers.psycopg().Error
    try:
        while True:
            batch: list[t.Any] = []
            add = batch.append
            batch_size = 0
            for _number in range(_BATCH_ROWS):
                length, data = get(0)
                if length <= 0:
                    break
                add(data)
                batch_size += length
                if batch_size > _BATCH_BYTES:
                    break
            else:
                length = 1
            if batch:
                _write(sink, batch, batch_size)
                rows += len(batch)
                size += batch_size
                progress.advance(batch_size, len(batch))
            if length <= 0:
                break
    except broken as error:
        raise session.copy_failed(error, statement) from error
    return rows, size
