# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sending a script's statements and COPY rows over a session as they are, in the simple query protocol.

Nothing here blocks inside libpq, so that an interrupt is handled at once; rows of results are thrown away one by one.
"""

from __future__ import annotations

import contextlib
import select
import typing as t

from .. import drivers
from ..errors import DbfleetError, QueryError
from ..streams.file import FileSource, storage_error
from .copy_in import CopyIn, refused_row
from .session import Session
from .text import to_text
from .wire_messages import is_plain

# The zero stands where once the OID of a row was.
_INSERT_TAG = "INSERT 0 "


class Failure(Exception):
    """The server refused what was sent.

    :param error: the engine's error; its message is the server's, its DETAIL and CONTEXT are left out.
    :param completed: how many statements of those sent were done before.
    :param position: the character of the text that the server points at, counted from 1; 0 where it does not.
    :param row: the row of the COPY rows that it names, counted from 1; 0 where it does not.
    :param column: the column it names.
    :param nested: it arose inside of something that the statement did: taking a row, or running a function.
    """

    def __init__(
        self,
        error: DbfleetError,
        *,
        completed: int,
        position: int,
        row: int = 0,
        column: str = "",
        nested: bool = False,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.completed = completed
        self.position = position
        self.row = row
        self.column = column
        self.nested = nested


class Answer(t.NamedTuple):
    """The server's answer to what was sent.

    :param tag: the last statement's command tag.
    :param completed: how many statements were done.
    :param takes_rows: it waits for the rows of a COPY.
    :param rows: how many rows INSERT statements added.
    """

    tag: str
    completed: int
    takes_rows: bool
    rows: int = 0


class ScriptWire:
    """The one who sends, for one session."""

    def __init__(self, session: Session) -> None:
        pq = drivers.psycopg_pq()
        self._session = session
        self._pgconn = session.pgconn
        self._status = pq.ExecStatus
        self._field = pq.DiagnosticField
        self._fault: type[Exception] = drivers.psycopg().OperationalError
        self._direct = is_plain(session)
        # Made anew for each COPY, when the server waits for its rows.
        self._rows: CopyIn | None = None
        self._reading = select.poll()
        self._reading.register(self._pgconn.socket, select.POLLIN)
        self._writing = select.poll()
        self._writing.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)

    def send(self, text: bytes, name: str) -> None:
        """Send one statement, or several; :meth:`answer` must follow.

        :param name: what to call it in messages.
        :raises Failure: the connection broke.
        """
        try:
            self._pgconn.nonblocking = 1
            self._pgconn.send_query(text)
            self._pgconn.set_single_row_mode()
            self._flush()
        except self._fault as error:
            raise self._broken(error, name) from error

    def answer(self, name: str) -> Answer:
        """Wait for the answer to what was sent.

        :raises Failure: the server refused it, or the connection broke.
        """
        status = self._status
        completed, tag, rows, failure = 0, "", 0, None
        try:
            while True:
                result = self._result()
                if result is None:
                    break
                if result.status in (status.COMMAND_OK, status.TUPLES_OK, status.EMPTY_QUERY):
                    completed += 1
                    tag = to_text(result.command_status or b"")
                    if tag.startswith(_INSERT_TAG):
                        rows += int(tag[len(_INSERT_TAG) :])
                elif result.status == status.COPY_IN:
                    self._rows = CopyIn(self._session, direct=self._direct)
                    return Answer(tag, completed, True)
                elif result.status == status.COPY_OUT:
                    self._throw_rows_away()
                    failure = failure or self._unexpected(name, completed)
                elif result.status != status.SINGLE_TUPLE and failure is None:
                    failure = self._failure(result, name, completed)
        except self._fault as error:
            raise self._broken(error, name) from error
        finally:
            self._block()
        if failure is not None:
            raise failure
        return Answer(tag, completed, False, rows)

    def send_rows(self, data: bytes, name: str) -> None:
        """Send a block of a COPY's rows, unless the server has refused one already.

        :raises Failure: the connection broke.
        """
        try:
            self._copied().send(data)
        except self._fault as error:
            raise self._broken(error, name) from error

    @property
    def is_plain(self) -> bool:
        """Whether rows can be sent out of a file: the connection carries the protocol as it is."""
        return self._direct

    def send_file(self, file: FileSource, offset: int, size: int, name: str) -> None:
        """Send a part of a file as rows of a COPY, unless the server has refused one already.

        :raises Failure: the connection broke.
        :raises StorageError: the file cannot be read.
        :raises CorruptArtifactError: it ends before the part does.
        """
        try:
            self._copied().send_part(file.fileno(), offset, size)
        except self._fault as error:
            raise self._broken(error, name) from error
        except OSError as error:
            raise storage_error("read", file.path, error) from error

    def end_rows(self, name: str) -> Answer:
        """End a COPY's rows and wait for the answer.

        :raises Failure: the server refused a row, or the connection broke.
        """
        try:
            self._copied().end()
        except self._fault as error:
            raise self._broken(error, name) from error
        return self.answer(name)

    def cancel_rows(self) -> None:
        """End a COPY as failed, as far as the connection is still there."""
        try:
            self._copied().cancel()
            while self._result() is not None:
                pass
        except self._fault:
            # The connection is gone, and the COPY with it.
            return
        finally:
            self._block()

    def _copied(self) -> CopyIn:
        if self._rows is None:
            raise RuntimeError("rows without a COPY")
        return self._rows

    def _block(self) -> None:
        """Back to how the session's other users expect the connection; a broken one refuses even that."""
        with contextlib.suppress(self._fault):
            self._pgconn.nonblocking = 0

    def _flush(self) -> None:
        while self._pgconn.flush():
            events = self._writing.poll()
            if any(event & select.POLLIN for _socket, event in events):
                self._pgconn.consume_input()

    def _result(self) -> t.Any:
        while self._pgconn.is_busy():
            self._reading.poll()
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _throw_rows_away(self) -> None:
        while True:
            size, _data = self._pgconn.get_copy_data(1)
            if size < 0:
                return
            if size == 0:
                self._reading.poll()
                self._pgconn.consume_input()

    def _unexpected(self, name: str, completed: int) -> Failure:
        error = QueryError("the server sends rows to the client, which has no place for them", statement=name)
        return Failure(error, completed=completed, position=0)

    def _failure(self, result: t.Any, name: str, completed: int) -> Failure:
        try:
            self._session.raise_for(result, name)
        except DbfleetError as error:
            position = result.error_field(self._field.STATEMENT_POSITION) or b"0"
            context = to_text(result.error_field(self._field.CONTEXT) or b"")
            row, column = refused_row(context, error)
            return Failure(
                error, completed=completed, position=int(position), row=row, column=column, nested=bool(context)
            )
        return Failure(QueryError("the server broke it off", statement=name), completed=completed, position=0)

    def _broken(self, error: Exception, name: str) -> Failure:
        return Failure(self._session.copy_failed(error, name), completed=0, position=0)
