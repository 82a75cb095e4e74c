# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Loading one table with COPY."""

from __future__ import annotations

import re
import select
import typing as t

from .. import drivers
from ..errors import CorruptArtifactError, DbfleetError, QueryError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..streams.digest import RowsDigest
from ..streams.file import FileSource, storage_error
from ..streams.prefetch import PrefetchSource
from .archive.extent import Extent
from .copy_in import CopyIn, refused_row
from .row_values import IN_ROW
from .session import Session
from .text import to_text
from .wire_messages import is_plain

BLOCK_SIZE = 1 << 18
#: Of a file as one message: the larger, the fewer calls; the server takes so much memory.
PART_SIZE = 1 << 20

_COPY_TAG = re.compile(r"COPY (\d+)")


@dataclass(frozen=True)
class Loaded:
    """What a COPY loaded.

    :param rows: as the server counted them.
    :param bytes: of COPY text.
    """

    rows: int
    bytes: int
    sha256: str


def load_table(
    session: Session,
    copy_statement: str,
    rows: RowsDigest,
    progress: Progress,
    *,
    counted: bool = True,
    first: t.Sequence[str] = (),
) -> Loaded:
    """Send a table's rows as they are; nothing of them is ever part of a statement.

    :param rows: COPY text, without the end marker.
    :param counted: the rows are counted on the way; else the caller knows how many they must be.
    :param first: statements that are sent with it, to wait for the server only once.
    :raises QueryError: the server refused the statement or a row, or took fewer rows than were sent; the message
        names line and column, no value.
    :raises CorruptArtifactError: the rows could not be read to their end; the COPY was cancelled.
    """
    direct = is_plain(session)
    session.start_copy(copy_statement, first=first)
    sender = _Sender(session, direct=direct)
    sent = 0
    ahead = PrefetchSource(rows, size=BLOCK_SIZE)
    try:
        while not sender.refused:
            data = ahead.read()
            if not data:
                break
            sender.send(data, copy_statement)
            count = data.count(b"\n") if counted else 0
            sent += count
            progress.advance(len(data), count)
    except BaseException:
        sender.cancel()
        raise
    finally:
        ahead.close()
    loaded = sender.finish(copy_statement)
    if not counted:
        progress.advance(0, loaded)
    elif loaded != sent:
        # A server takes a row of backslash and dot alone for the end of the data and passes over what follows.
        raise QueryError(f"the server took {loaded} of {sent} rows")
    return Loaded(loaded, rows.size, rows.hexdigest())


def load_file(
    session: Session,
    copy_statement: str,
    file: FileSource,
    extents: t.Iterable[Extent],
    progress: Progress,
    *,
    size: int,
    first: t.Sequence[str] = (),
) -> int:
    """Send a table's rows out of the file in which they lie as they are; they are not looked at here.

    What the server reads is what the file holds until this returns: whether it was changed is the caller's to find out.

    :param session: its connection carries the protocol as it is.
    :param extents: where in the file they lie; what comes behind them may be among it.
    :param size: of the rows, in bytes.
    :param first: statements that are sent with it, to wait for the server only once.
    :returns: how many rows the server took.
    :raises QueryError: the server refused the statement or a row.
    :raises CorruptArtifactError: the file ends before the rows do.
    """
    session.start_copy(copy_statement, first=first)
    sender = _Sender(session, direct=True)
    left = size
    try:
        for extent in extents:
            offset, end = extent.offset, extent.offset + min(extent.size, left)
            left -= end - offset
            while offset < end and not sender.refused:
                part = min(end - offset, PART_SIZE)
                sender.send_part(file, offset, part, copy_statement)
                offset += part
                progress.advance(part)
            if not left or sender.refused:
                break
        else:
            raise CorruptArtifactError("its file ends before its rows do")
    except BaseException:
        sender.cancel()
        raise
    loaded = sender.finish(copy_statement)
    progress.advance(0, loaded)
    return loaded


class _Sender:
    """Sends COPY data and collects the server's answer."""

    def __init__(self, session: Session, *, direct: bool) -> None:
        self._session = session
        self._pgconn = session.pgconn
        self._rows = CopyIn(session, direct=direct)

    @property
    def refused(self) -> bool:
        """The server has refused the rows; :meth:`finish` says why."""
        return self._rows.refused

    def send(self, data: bytes, statement: str) -> None:
        try:
            self._rows.send(data)
        except drivers.psycopg().OperationalError as error:
            raise self._session.copy_failed(error, statement) from error

    def send_part(self, file: FileSource, offset: int, size: int, statement: str) -> None:
        try:
            self._rows.send_part(file.fileno(), offset, size)
        except drivers.psycopg().OperationalError as error:
            raise self._session.copy_failed(error, statement) from error
        except OSError as error:
            raise storage_error("read", file.path, error) from error

    def finish(self, statement: str) -> int:
        """End the data and collect the server's answer: how many rows it took."""
        try:
            self._rows.end()
            self._pgconn.nonblocking = 0
            tag = self._collect(statement)
        except drivers.psycopg().OperationalError as error:
            raise self._session.copy_failed(error, statement) from error
        match = _COPY_TAG.fullmatch(tag)
        if match is None:
            raise QueryError(f"the server ended the COPY with {tag!r}")
        return int(match.group(1))

    def cancel(self) -> None:
        """End the COPY as failed, as far as the connection is still there."""
        try:
            self._rows.cancel()
            self._pgconn.nonblocking = 0
            while self._pgconn.get_result() is not None:
                pass
        except drivers.psycopg().OperationalError:
            # The connection is gone, and the COPY with it.
            return

    def _collect(self, statement: str) -> str:
        status = drivers.psycopg_pq().ExecStatus
        tag, failure = "", None
        waiter = select.poll()
        waiter.register(self._pgconn.socket, select.POLLIN)
        while True:
            while self._pgconn.is_busy():
                waiter.poll()
                self._pgconn.consume_input()
            result = self._pgconn.get_result()
            if result is None:
                break
            if result.status == status.COMMAND_OK:
                tag = to_text(result.command_status or b"")
            elif failure is None:
                failure = self._failure(result, statement)
        if failure is not None:
            raise failure
        return tag

    def _failure(self, result: t.Any, statement: str) -> DbfleetError:
        context = to_text(result.error_field(drivers.psycopg_pq().DiagnosticField.CONTEXT) or b"")
        try:
            self._session.raise_for(result, statement)
        except DbfleetError as error:
            if self._session.show_data and context:
                error.message = f"{error.message} ({context})"
            row, column = refused_row(context, error)
            if row:
                error.context[IN_ROW] = True
                error.context["line"] = row
            if column:
                error.context["column"] = column
            return error
        return QueryError("the server broke off the COPY")
