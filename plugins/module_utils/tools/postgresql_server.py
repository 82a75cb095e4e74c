# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""PostgreSQL's programs and how they reach a server: passwords in a private file, the rest in a connection string."""

from __future__ import annotations

import os
import typing as t

from ..errors import ConnectError, NotFoundError, ProgramError, UsageError
from ..postgresql.options import ConnectionOptions
from ..postgresql.quoting import literal
from ..postgresql.ssl_modes import SSL_MODES
from ..repository.records import ServerIdentity
from .engine import Engine
from .environment import program_environment
from .process import Room, ask
from .programs import POSTGRESQL, Program, newest, program_for
from .scratch import ScratchFolder

_UNFIT_FOR_PASSFILE = "\r\n\0"
_PARAMETERS = "SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version'), \
pg_catalog.current_setting('TimeZone'), :'HOST', :'PORT', pg_catalog.pg_is_in_recovery()"
_MAY_READ = "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
_IDENTIFIER = "SELECT system_identifier FROM pg_catalog.pg_control_system()"
_CONNECTION_FAILED = 2
# A sign that no name has, as nobody can type it; a zero byte would end the argument.
_RECORD = "\x1e\x1d\x1e"


class PostgresqlPrograms:
    """A server as the vendor's programs see it.

    :raises NotFoundError: there is no psql.
    :raises UsageError: the password cannot be given to a program.
    """

    def __init__(self, connection: ConnectionOptions, engine: Engine) -> None:
        if connection.ssl_mode and connection.ssl_mode not in SSL_MODES:
            raise UsageError(f"unknown ssl_mode {connection.ssl_mode!r}", hint=f"use one of {', '.join(SSL_MODES)}")
        self._connection = connection
        self._engine = engine
        self._psql = newest(("psql",), (POSTGRESQL,), engine.programs)
        self.scratch = ScratchFolder(engine.scratch_folder)
        try:
            self.room = self._room()
        except BaseException:
            self.close()
            raise
        self._known: ServerIdentity | None = None
        self.timezone = ""
        self.is_standby = False

    def _room(self) -> Room:
        password = self._connection.password or os.environ.get("PGPASSWORD", "")
        environment = program_environment()
        if password:
            if any(sign in password for sign in _UNFIT_FOR_PASSFILE):
                raise UsageError(
                    "the password has a line break, which the files that PostgreSQL's programs read cannot hold",
                    hint="use the native engine, or another password",
                )
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            content = f"*:*:*:*:{escaped}\n".encode("utf-8", "surrogateescape")
            environment["PGPASSFILE"] = self.scratch.secret("passfile", content)
        elif self._connection.passfile:
            environment["PGPASSFILE"] = os.path.abspath(os.path.expanduser(self._connection.passfile))
        return Room(self.scratch, environment, (password,) if len(password) > 3 else ())

    def conninfo(self, database: str, **more: str) -> str:
        """The connection string, which has no password."""
        options = self._connection
        values = {
            "host": options.unix_socket or options.host,
            "port": "" if options.port is None else str(options.port),
            "user": options.user,
            "dbname": database,
            "sslmode": options.ssl_mode,
            "sslrootcert": options.ca_cert,
            "sslcert": options.client_cert,
            "sslkey": options.client_key,
            "service": options.service,
            "connect_timeout": str(options.connect_timeout) if options.connect_timeout else "",
            "application_name": "dbfleet",
            **more,
        }
        return " ".join(f"{name}={_quoted(value)}" for name, value in values.items() if value)

    @property
    def maintenance_database(self) -> str:
        """Connected to where the target does not exist yet."""
        return self._connection.maintenance_database

    def rows(self, database: str, query: str) -> list[tuple[str, ...]]:
        """The rows of a query, values as text, NULL as an empty one.

        :raises ConnectError: the server cannot be reached, or refuses the login.
        :raises NotFoundError: there is no such database.
        :raises ProgramError: the server refuses the query.
        """
        return [tuple(record.split("\0")) for record in _records(self._ask(database, query))]

    def value(self, database: str, query: str) -> str:
        """The one value of a query, empty for NULL or no row."""
        rows = self.rows(database, query)
        return rows[0][0] if rows else ""

    def execute(self, database: str, *statements: str) -> None:
        """Run statements, each by itself.

        :raises DbfleetError: as :meth:`rows`.
        """
        self._ask(database, ";\n".join(statements))

    def identity(self, database: str) -> ServerIdentity:
        """Which server it is.

        :raises DbfleetError: as :meth:`rows`.
        """
        if self._known is None:
            number, version, self.timezone, host, port, standby = self.rows(database, _PARAMETERS)[0]
            self.is_standby = standby == "t"
            identifier = ""
            if self.value(database, _MAY_READ) == "t":
                identifier = self.value(database, _IDENTIFIER)
            self._known = ServerIdentity("postgresql", version, int(number), host, int(port or 5432), identifier)
        return self._known

    def program(self, name: str, database: str) -> Program:
        """The program of a name that knows this server.

        :raises NotFoundError, UsageError: there is none, or none that is new enough.
        """
        number = self.identity(database).version_number
        return program_for((name,), POSTGRESQL, (number // 10000, number % 10000), self._engine.programs)

    def close(self) -> None:
        """Remove the private folder."""
        self.scratch.remove()

    def _ask(self, database: str, query: str) -> bytes:
        # In a file, as the text may be longer than an argument can be.
        file = self.scratch.secret("query", f"{query};\n".encode("utf-8", "surrogateescape"))
        arguments = (
            "--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align",
            f"--dbname={self.conninfo(database, client_encoding='UTF8')}", f"--file={file}",
            "--field-separator-zero", f"--record-separator={_RECORD}", "--set=ON_ERROR_STOP=1",
        )  # fmt: skip
        try:
            return ask(self.room, self._psql, arguments)
        except ProgramError as error:
            raise self._failure(error, database) from error
        finally:
            os.unlink(file)

    def _failure(self, error: ProgramError, database: str) -> Exception:
        if error.context.get("exit_code") != _CONNECTION_FAILED:
            return error
        if f'database "{database}" does not exist' in error.message:
            return NotFoundError(
                f"the server has no database {database!r}",
                hint="check the name; names are case-sensitive here",
                database=database,
            )
        return ConnectError(
            f"cannot connect to PostgreSQL: {error.message}", hint="check host, port, user and password"
        )


def exists(programs: PostgresqlPrograms, database: str) -> bool:
    """Whether the server has a database of this name."""
    query = f"SELECT 1 FROM pg_catalog.pg_database WHERE datname = {literal(database)}"
    return bool(programs.rows(programs.maintenance_database, query))


def _records(output: bytes) -> t.Iterator[str]:
    # Behind the last record stands a line's end or another separator, by the program's version.
    text = output.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix(_RECORD)
    yield from text.split(_RECORD) if text else ()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
