# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One connection to a server: statements in, text out, errors translated.

Results are the server's own text (:class:`bytes`), decoded as UTF-8 by the methods that say so; numbers and times are
never turned into Python's types on the way. Every statement is logged at debug level without row data.
"""

from __future__ import annotations

import contextlib
import logging
import typing as t

from .. import drivers
from ..errors import DbfleetError, QueryError
from . import faults, wire
from .packets import RowPackets
from .version import ServerVersion, parse_version

_LOG = logging.getLogger("dbfleet.mysql")

Record = dict[str, t.Optional[str]]
_T = t.TypeVar("_T")


class Session:
    """A connection with the facts about its server.

    Not thread-safe: one session, one thread.

    :param connection: made by :func:`.wire.open_connection`.
    :raises QueryError: the server does not answer the first questions.
    """

    def __init__(self, connection: t.Any, *, host: str, port: int, unix_socket: str) -> None:
        self.connection = connection
        self.host = host
        self.port = port
        self.unix_socket = unix_socket
        self.driver_errors: type[Exception] = drivers.pymysql().err.Error
        self.version = ServerVersion("mysql", "", 0)
        self._variables: dict[str, str] | None = None
        # A limit in the server's configuration would cut off every answer, the list of variables too.
        self.execute("SET SESSION sql_select_limit = 18446744073709551615")
        text, comment = self.query("SELECT @@version, @@version_comment")[0]
        self.version = parse_version(text or "", comment or "")

    def execute(self, statement: str | bytes, *, show_values: bool = False) -> int:
        """Run one statement; the number of affected rows. A result set is read and dropped.

        :param show_values: let an error quote row values, only where the user asked for it.
        :raises DbfleetError: see :func:`.faults.translate`.
        """
        return self._run(statement, show_values=show_values)[2]

    def execute_with_file(self, statement: bytes, pieces: t.Iterable[bytes]) -> None:
        """Run one ``LOAD DATA LOCAL``, with these bytes as its file; see :func:`.wire.run_with_file`.

        :raises DbfleetError: see :func:`.faults.translate`.
        """
        _LOG.debug("%s", faults.shorten(_head(statement)))
        try:
            wire.run_with_file(self.connection, statement, pieces)
        except self.driver_errors as error:
            raise self.translate(error, _head(statement)) from error

    def query(self, statement: str | bytes) -> list[tuple[str | None, ...]]:
        """The rows of a statement, every value decoded as UTF-8."""
        return list(_taken(self._run(statement)[1], lambda row: tuple(map(_decoded, row))))

    def each(self, statement: str | bytes) -> t.Iterator[tuple[str | None, ...]]:
        """As :meth:`query`, one row after the other, where there may be very many: they are never all in memory.

        Nothing else may use the session before the end of the rows.
        """
        raw = statement.encode("utf-8") if isinstance(statement, str) else statement
        _LOG.debug("%s", faults.shorten(_head(raw)))
        try:
            for row in wire.each_row(self.connection, raw):
                yield tuple(map(_decoded, row))
        except self.driver_errors as error:
            raise self.translate(error, _head(raw)) from error

    def query_bytes(self, statement: str | bytes) -> list[tuple[bytes | None, ...]]:
        """The rows of a statement, every value as it came."""
        return self._run(statement)[1]

    def records(self, statement: str | bytes) -> list[Record]:
        """The rows of a statement by column name in lower case (servers differ in the case of these names)."""
        names, rows, _affected = self._run(statement)
        keys = [name.lower() for name in names]
        return list(_taken(rows, lambda row: dict(zip(keys, map(_decoded, row)))))

    def records_bytes(self, statement: str | bytes) -> list[dict[str, bytes | None]]:
        """Like :meth:`records` with undecoded values."""
        names, rows, _affected = self._run(statement)
        keys = [name.lower() for name in names]
        return [dict(zip(keys, row)) for row in rows]

    def scalar(self, statement: str | bytes) -> str | None:
        """The first value of the first row, ``None`` for NULL or no row."""
        rows = self.query(statement)
        return rows[0][0] if rows else None

    def stream(self, statement: str) -> RowPackets:
        """Begin to read a query's rows as the server sends them.

        Nothing else may use the session before the end of the rows. The driver's errors come out as they are: whoever
        reads must :meth:`drop` the session then.
        """
        _LOG.debug("%s", statement)
        return RowPackets(self.connection, statement.encode("utf-8"))

    @property
    def variables(self) -> t.Mapping[str, str]:
        """The session's system variables as they were at the first use: what to probe features with."""
        if self._variables is None:
            self._variables = {name or "": value or "" for name, value in self.query("SHOW SESSION VARIABLES")}
        return self._variables

    def has_variable(self, name: str) -> bool:
        """Whether the server knows this system variable."""
        return name in self.variables

    def set_variables(self, assignments: t.Mapping[str, str]) -> None:
        """Set session variables, those that this server knows.

        :param assignments: variable name to an expression in SQL.
        """
        known = [f"{name} = {value}" for name, value in assignments.items() if self.has_variable(name)]
        if known:
            self.execute(f"SET SESSION {', SESSION '.join(known)}")

    @contextlib.contextmanager
    def stored_character_sets(self) -> t.Iterator[None]:
        """Inside, definitions come in the bytes they were stored in, not converted to utf8mb4.

        A stored program's or view's text is only the same under the character set it was created with.
        """
        self.execute("SET character_set_results = binary")
        yield
        self.execute("SET character_set_results = utf8mb4")

    @property
    def thread_id(self) -> int:
        """The server's id of this connection, for KILL and the process list."""
        return int(self.scalar("SELECT CONNECTION_ID()") or 0)

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection runs over TLS."""
        return wire.is_encrypted(self.connection)

    @property
    def address(self) -> str:
        """Where the server is, for messages."""
        return f"socket {self.unix_socket}" if self.unix_socket else f"{self.host}:{self.port}"

    def close(self) -> None:
        """Say good-bye to the server; never raises, whatever state the connection is in."""
        with contextlib.suppress(self.driver_errors, OSError):
            self.connection.close()

    def drop(self) -> None:
        """Cut the connection at once, for one that is in the middle of a result."""
        wire.drop(self.connection)

    def translate(self, error: BaseException, statement: str, *, show_values: bool = False) -> DbfleetError:
        """The engine's error for a driver's exception."""
        return faults.translate(error, statement, product=self.version.product, show_values=show_values)

    def _run(
        self, statement: str | bytes, *, show_values: bool = False
    ) -> tuple[tuple[str, ...], list[tuple[bytes | None, ...]], int]:
        raw = statement.encode("utf-8") if isinstance(statement, str) else statement
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s", faults.shorten(_head(raw)))
        try:
            return wire.run(self.connection, raw)
        except self.driver_errors as error:
            raise self.translate(error, _head(raw), show_values=show_values) from error


def _head(statement: bytes) -> str:
    return statement[:2000].decode("utf-8", "replace")


def _taken(rows: list[tuple[bytes | None, ...]], change: t.Callable[[tuple[bytes | None, ...]], _T]) -> t.Iterator[_T]:
    """Every row changed, each given up at once: a catalog may have very many."""
    rows.reverse()
    while rows:
        yield change(rows.pop())


def _decoded(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise QueryError("the server sent text that is not UTF-8 where a name or number was expected") from error
