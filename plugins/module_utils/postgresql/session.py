# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One connection in use: statements in, text rows out, the server's errors as the engine's.

It works on psycopg's ``pq`` layer: results are text as the server sends it, nothing is converted, and COPY is at hand.
"""

from __future__ import annotations

import contextlib
import logging
import re
import select
import typing as t

from .. import drivers
from ..errors import ConnectError, ConsistencyError, DbfleetError, NotFoundError, PrivilegeError, QueryError
from .row_values import TEXT_LEFT_OUT, is_of_database_code
from .text import to_bytes, to_text

Row = tuple[t.Optional[str], ...]

_log = logging.getLogger("dbfleet.postgresql")
_LONGEST_STATEMENT = 200
_BATCH = 10_000
_DISK_FULL = "53100"


def shortened(statement: str) -> str:
    """A statement on one line, cut to what an error message can bear."""
    line = " ".join(statement.split())
    return line if len(line) <= _LONGEST_STATEMENT else line[: _LONGEST_STATEMENT - 1] + "…"


def server_version_text(pgconn: t.Any) -> str:
    """The server's version as it says it, without a packager's addition: ``16.15``."""
    reported = (pgconn.parameter_status(b"server_version") or b"").decode("ascii", "replace")
    return str(reported).partition(" ")[0]


class Session:
    """An open connection. Not for several threads at once.

    :param pgconn: psycopg's ``PGconn``, connected.
    :param database: its name, for messages.
    """

    def __init__(self, pgconn: t.Any, *, database: str) -> None:
        self.pgconn = pgconn
        self.database = database
        #: Errors say the server's DETAIL too, which may quote row values.
        self.show_data = False
        #: Whether the connection carries the protocol as it is; ``None`` while nobody asked (:mod:`.wire_messages`).
        self.plain: bool | None = None
        self._status = drivers.psycopg_pq().ExecStatus
        self._failures = (self._status.FATAL_ERROR, self._status.BAD_RESPONSE, self._status.NONFATAL_ERROR)
        self._field = drivers.psycopg_pq().DiagnosticField
        self._last_words: dict[str, str] = {}
        self._poll = select.poll()
        self._poll.register(pgconn.socket, select.POLLIN)
        pgconn.notice_handler = self._notice
        pgconn.nonblocking = 0

    @property
    def version(self) -> int:
        """``server_version_num``: 100023 for 10.23, 180006 for 18.6."""
        return int(self.pgconn.server_version)

    @property
    def version_text(self) -> str:
        return server_version_text(self.pgconn)

    @property
    def host(self) -> str:
        """The host, or the folder of the socket."""
        return to_text(self.pgconn.host or b"")

    @property
    def port(self) -> int:
        return int(self.pgconn.port or 0)

    def parameter(self, name: str) -> str:
        """A setting that the server reports by itself (``server_encoding``, ``in_hot_standby``), empty where not."""
        return to_text(self.pgconn.parameter_status(name.encode()) or b"")

    def query(self, sql: str, params: t.Sequence[str | None] = ()) -> list[Row]:
        """The rows of one statement, every value as the server's text.

        :raises QueryError, PrivilegeError, NotFoundError, ConnectError: as for :meth:`execute`.
        """
        result = self._tuples(sql, params)
        width = range(result.nfields)
        value = result.get_value
        rows: list[Row] = []
        for number in range(result.ntuples):
            raw = [value(number, column) for column in width]
            rows.append(tuple([None if item is None else item.decode("utf-8", "surrogateescape") for item in raw]))
        result.clear()
        return rows

    def query_bytes(self, sql: str, params: t.Sequence[str | None]) -> list[bytes]:
        """The rows of a statement that gives one column of bytes, which must not be NULL.

        :raises QueryError, PrivilegeError, NotFoundError, ConnectError: as for :meth:`execute`.
        """
        result = self._run(sql, params, binary=True)
        # Every value is a copy of its own.
        rows = [bytes(result.get_value(number, 0)) for number in range(result.ntuples)]
        result.clear()
        return rows

    def rows(self, sql: str, params: t.Sequence[str | None] = ()) -> list[tuple[str, ...]]:
        """As :meth:`query`, with NULL as the empty string: for catalogs, where the two never mean different things."""
        result = self._tuples(sql, params)
        width = range(result.nfields)
        value = result.get_value
        rows = [
            tuple([(value(number, column) or b"").decode("utf-8", "surrogateescape") for column in width])
            for number in range(result.ntuples)
        ]
        result.clear()
        return rows

    def stream(self, sql: str) -> t.Iterator[tuple[str, ...]]:
        """As :meth:`rows`, a batch at a time: for results that may be large. Only inside a transaction."""
        self.execute(f"DECLARE dbfleet_stream NO SCROLL CURSOR FOR {sql}")
        while True:
            rows = self.rows(f"FETCH {_BATCH} FROM dbfleet_stream")
            yield from rows
            if len(rows) < _BATCH:
                break
        self.execute("CLOSE dbfleet_stream")

    def value(self, sql: str, params: t.Sequence[str | None] = ()) -> str | None:
        """The one value of a query that gives one row of one column."""
        ((value,),) = self.query(sql, params)
        return value

    def execute(self, sql: str, params: t.Sequence[str | None] = (), *, log_as: str = "") -> str:
        """Run statements (several only without parameters); the last one's command tag, for example ``INSERT 0 3``.

        :param log_as: stands in logs and errors for a statement that may hold a secret.
        :raises PrivilegeError: SQLSTATE 42501.
        :raises NotFoundError: SQLSTATE 3D000, the database does not exist.
        :raises ConsistencyError: a standby cancelled it, because it stood in the way of replay.
        :raises ConnectError: the connection broke.
        :raises QueryError: every other error of the server; ``context['sqlstate']`` tells which.
        """
        result = self._run(sql, params, log_as=log_as)
        tag = (result.command_status or b"").decode("ascii", "replace")
        result.clear()
        return str(tag)

    def start_copy(self, sql: str, *, first: t.Sequence[str] = ()) -> t.Any:
        """Send a COPY statement; the result says how (``COPY_OUT`` or ``COPY_IN``), the data follows on ``pgconn``.

        :param first: statements that go with it in the same turn.
        """
        result = self._run("; ".join((*first, sql)), (), log_as=sql)
        if result.status not in (self._status.COPY_OUT, self._status.COPY_IN):
            raise QueryError("the server did not start a COPY", statement=shortened(sql))
        return result

    def send(self, sql: str) -> None:
        """Send statements whose results are then read with :meth:`next_result`."""
        self.log_statement(sql)
        try:
            self.pgconn.send_query(to_bytes(sql))
        except drivers.psycopg().OperationalError as error:
            raise self.broken(error) from error

    def next_result(self, sql: str) -> t.Any:
        """The next result of what was sent, ``None`` after the last.

        :param sql: its statement, for messages.
        :raises PrivilegeError, QueryError, ConnectError: as for :meth:`execute`; nothing is left to be read then.
        """
        try:
            result = self._wait_for_result()
            if result is not None and result.status in self._failures:
                while self._wait_for_result() is not None:
                    continue
                raise self._error(result, sql)
        except drivers.psycopg().OperationalError as error:
            raise self.broken(error) from error
        return result

    def copy_failed(self, error: Exception, sql: str) -> DbfleetError:
        """The engine's error for libpq's failure in the middle of a COPY: the server's own, if it sent one."""
        try:
            self._collect(sql)
        except DbfleetError as known:
            return known
        return self.broken(error)

    def raise_for(self, result: t.Any, sql: str) -> None:
        """Raise the engine's error for a failed result; nothing for a good one."""
        if result.status in self._failures:
            raise self._error(result, sql)

    @property
    def in_transaction(self) -> bool:
        return int(self.pgconn.transaction_status) != int(drivers.psycopg_pq().TransactionStatus.IDLE)

    def broken(self, error: Exception | None) -> DbfleetError:
        """The engine's error for a connection that failed, ``None`` where the server just closed it.

        A server that ends a connection says why before; that may not have been read yet.
        """
        with contextlib.suppress(drivers.psycopg().OperationalError):
            self.pgconn.consume_input()
            self.pgconn.is_busy()
        if self._last_words:
            words, self._last_words = self._last_words, {}
            return self.server_error(**words, sql="")
        text = " ".join(str(error).split()) if error else "the server closed it"
        return ConnectError(
            f"the connection to database {self.database!r} broke: {text}",
            hint="look into the server's log for the reason",
            database=self.database,
        )

    def server_error(self, *, sqlstate: str, message: str, hint: str, sql: str) -> DbfleetError:
        """The engine's error for what the server says went wrong with a statement."""
        if not sqlstate or sqlstate.startswith("08") or sqlstate in ("57P01", "57P02", "57P03"):
            return self.broken(Exception(message))
        context = {"sqlstate": sqlstate, "statement": shortened(sql), "database": self.database}
        # The server's own DETAIL may quote rows, so it stays out of messages.
        if sqlstate == "42501":
            return PrivilegeError(message, hint=hint or "grant the privilege or connect as another user", **context)
        if sqlstate == "40001":
            # A read-only transaction meets no other conflict than the one with replay.
            wait = "on a standby, raise max_standby_streaming_delay or turn hot_standby_feedback on, then run it again"
            return ConsistencyError(f"{message} [SQLSTATE {sqlstate}]", hint=wait, **context)
        if sqlstate == "3D000":
            return NotFoundError(message, hint=hint, **context)
        if sqlstate == _DISK_FULL:
            hint = hint or "make room on the server's disk, then run it again"
        return QueryError(f"{message} [SQLSTATE {sqlstate}]", hint=hint, **context)

    def log_statement(self, sql: str) -> None:
        """Note a statement for ``--debug``."""
        _log.debug("%s: %s", self.database, sql)

    def close(self) -> None:
        """Close the connection in whatever state; an open transaction is rolled back by the server."""
        self.pgconn.finish()

    def _run(self, sql: str, params: t.Sequence[str | None], *, log_as: str = "", binary: bool = False) -> t.Any:
        statement = to_bytes(sql)
        sql = log_as or sql
        self.log_statement(sql)
        try:
            if params:
                values = [None if value is None else to_bytes(value) for value in params]
                self.pgconn.send_query_params(statement, values, result_format=int(binary))
            else:
                self.pgconn.send_query(statement)
            return self._collect(sql)
        except drivers.psycopg().OperationalError as error:
            raise self.broken(error) from error

    def _tuples(self, sql: str, params: t.Sequence[str | None]) -> t.Any:
        result = self._run(sql, params)
        if result.status != self._status.TUPLES_OK:
            raise QueryError("the server answered without rows", statement=shortened(sql))
        return result

    def _wait_for_result(self) -> t.Any:
        while self.pgconn.is_busy():
            self._poll.poll()
            self.pgconn.consume_input()
        return self.pgconn.get_result()

    def _collect(self, sql: str) -> t.Any:
        """The last result of what was sent. Waiting is done here, not in libpq, so that signals are handled."""
        last = None
        try:
            while True:
                result = self._wait_for_result()
                if result is None:
                    break
                last = result
                if result.status in (self._status.COPY_OUT, self._status.COPY_IN, self._status.COPY_BOTH):
                    break
        except drivers.psycopg().OperationalError as error:
            raise self.broken(error) from error
        if last is None:
            raise self.broken(None)
        self.raise_for(last, sql)
        return last

    def _error(self, result: t.Any, sql: str) -> DbfleetError:
        said = self._said(result)
        said["message"] = said["message"] or to_text(result.error_message or b"").strip()
        detail = to_text(result.error_field(self._field.MESSAGE_DETAIL) or b"")
        if self.show_data and detail:
            said["message"] = f"{said['message']} ({detail})"
        return self.server_error(**said, sql=sql)

    def _said(self, result: t.Any) -> dict[str, str]:
        """What the server says went wrong, as :meth:`server_error` takes it."""
        fields = {"sqlstate": "SQLSTATE", "message": "MESSAGE_PRIMARY", "hint": "MESSAGE_HINT"}
        said = {key: to_text(result.error_field(getattr(self._field, name)) or b"") for key, name in fields.items()}
        if is_of_database_code(to_text(result.error_field(self._field.SOURCE_FILE) or b"")) and not self.show_data:
            said.update(message=TEXT_LEFT_OUT, hint="")
        return said

    def _notice(self, result: t.Any) -> None:
        if result.error_field(self._field.SEVERITY_NONLOCALIZED) == b"FATAL":
            self._last_words = self._said(result)
        _log.debug("%s: notice: %s", self.database, re.sub(r"\s+", " ", self._said(result)["message"]))
