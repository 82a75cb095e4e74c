# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""MySQL's and MariaDB's programs and how they reach a server: everything in a private option file, which is the only
one that they read."""

from __future__ import annotations

import re
import typing as t

from ..errors import ConnectError, DbfleetError, ProgramError, UsageError
from ..mysql import faults
from ..mysql.connection import Endpoint, resolve
from ..mysql.options import ConnectionOptions
from ..mysql.server_identity import server_identity
from ..mysql.session import Session
from ..mysql.version import ServerVersion, parse_version
from ..repository.records import ServerIdentity
from .engine import Engine
from .environment import program_environment
from .process import Room, ask
from .programs import MARIADB, MYSQL, Program, newest, program_for
from .scratch import ScratchFolder

DUMP, CLIENT = "dump", "client"
#: The first statement of every session.
NAMES = "SET NAMES utf8mb4"

_NAMES = {
    (MYSQL, DUMP): ("mysqldump",),
    (MYSQL, CLIENT): ("mysql",),
    # Since 10.5 they have names of their own.
    (MARIADB, DUMP): ("mariadb-dump", "mysqldump"),
    (MARIADB, CLIENT): ("mariadb", "mysql"),
}
# utf8mb4_0900_ai_ci, which servers before 8.0 do not know.
_NEW_COLLATION, _KNOWN_SINCE = (8, 0), 80000
_VERIFYING = ("VERIFY_CA", "VERIFY_IDENTITY")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ERROR = re.compile(r"ERROR (\d+) \(\w+\)(?: at line \d+)?: (.*)", re.DOTALL)
_CANNOT_CONNECT = frozenset((1045, 1130, 2002, 2003, 2005, 2013, 2026, 2054, 2058, 2059, 2061))
_TLS = re.compile(r"\b(?:TLS|SSL)\b")
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


class ProgramSession:
    """As much of :class:`..mysql.session.Session` as asking a server needs, by its client program.

    Each statement is run in a session of its own.
    """

    def __init__(self, programs: MysqlPrograms) -> None:
        self._programs = programs
        self._variables: dict[str, str] | None = None
        self.host = programs.endpoint.host
        self.port = programs.endpoint.port
        self.unix_socket = programs.endpoint.unix_socket
        self.address = programs.endpoint.address
        self.version = ServerVersion("mysql", "", 0)
        text, comment = self.query("SELECT @@version, @@version_comment")[0]
        self.version = parse_version(text or "", comment or "")

    def query(self, statement: str) -> list[tuple[str | None, ...]]:
        """The rows of a statement."""
        return self._run(statement)[1:]

    def each(self, statement: str) -> t.Iterator[tuple[str | None, ...]]:
        return iter(self.query(statement))

    def query_bytes(self, statement: str) -> list[tuple[bytes | None, ...]]:
        return [tuple(None if value is None else value.encode() for value in row) for row in self.query(statement)]

    def records(self, statement: str) -> list[dict[str, str | None]]:
        """The rows of a statement by column name in lower case."""
        rows = self._run(statement)
        names = [(name or "").lower() for name in rows[0]] if rows else []
        return [dict(zip(names, row)) for row in rows[1:]]

    def scalar(self, statement: str) -> str | None:
        rows = self.query(statement)
        return rows[0][0] if rows else None

    def execute(self, statement: str) -> int:
        self._run(statement)
        return 0

    @property
    def variables(self) -> t.Mapping[str, str]:
        if self._variables is None:
            self._variables = {name or "": value or "" for name, value in self.query("SHOW SESSION VARIABLES")}
        return self._variables

    def _run(self, statement: str) -> list[tuple[str | None, ...]]:
        """The names of the columns and the rows; nothing for no row."""
        try:
            output = self._programs.ask(statement)
        except ProgramError as error:
            raise self._translated(error, statement) from error
        lines = output.decode("utf-8", "replace").split("\n")[:-1]
        return [tuple(map(_value, line.split("\t"))) for line in lines]

    def _translated(self, error: ProgramError, statement: str) -> DbfleetError:
        match = _ERROR.search(error.message)
        if match is None:
            return error
        number, message = int(match.group(1)), match.group(2)
        if number in _CANNOT_CONNECT:
            return ConnectError(
                f"cannot connect to {self.address}: {message}", hint="check host, port, user and password", errno=number
            )
        return faults.translate(Exception(number, message), statement, product=self.version.product)


class MysqlPrograms:
    """A server as the vendor's programs see it.

    :raises NotFoundError: there is no client program.
    :raises ConnectError: the server cannot be reached, or refuses the login.
    """

    def __init__(self, connection: ConnectionOptions, engine: Engine) -> None:
        self.endpoint = resolve(connection)
        self._engine = engine
        names = (*_NAMES[MYSQL, CLIENT], "mariadb")
        self._client = newest(names, (MYSQL, MARIADB), engine.programs)
        self.scratch = ScratchFolder(engine.scratch_folder)
        try:
            password = self.endpoint.password
            self.room = Room(
                self.scratch,
                # A file of logins in the user's home is read besides.
                program_environment(MYSQL_TEST_LOGIN_FILE=self.scratch.join("no-logins")),
                (password,) if len(password) > 3 else (),
            )
            self._with_tls = True
            self._files: dict[str, str] = {}
            self.session = self._session()
        except BaseException:
            self.close()
            raise

    @property
    def as_session(self) -> Session:
        """For the engine's own checks, which ask questions only."""
        return t.cast(Session, self.session)

    @property
    def identity(self) -> ServerIdentity:
        """Which server it is."""
        return server_identity(self.as_session)

    def program(self, what: str) -> Program:
        """The program that knows this server.

        :param what: :data:`DUMP` or :data:`CLIENT`.
        :raises NotFoundError, UsageError: there is none, or none that is new enough.
        """
        version = self.session.version
        number = (version.number // 10000, version.number // 100 % 100, version.number % 100)
        return program_for(_NAMES[version.dbms, what], version.dbms, number, self._engine.programs)

    def first_statement(self, program: Program) -> list[str]:
        """The arguments that make a dump program speak UTF-8 with a server that does not know its collation.

        :raises UsageError: it cannot be made to.
        """
        if program.family != MYSQL or program.series < _NEW_COLLATION or self.session.version.number >= _KNOWN_SINCE:
            return []
        if b"--init-command" not in ask(self.room, program, [self.defaults(program), "--help"]):
            raise UsageError(
                f"{program} cannot speak UTF-8 with MySQL {self.session.version.text}",
                hint="use the client programs of the server's series, or the native engine",
                program=program.path,
            )
        return [f"--init-command={NAMES}"]

    def defaults(self, program: Program) -> str:
        """The first argument of a program: the file that says how to connect."""
        if program.family not in self._files:
            text = _option_file(self.endpoint, program.family, with_tls=self._with_tls)
            self._files[program.family] = self.scratch.secret("options", text.encode("utf-8", "surrogateescape"))
        return f"--defaults-file={self._files[program.family]}"

    def ask(self, statement: str) -> bytes:
        """What the client program answers.

        :raises ProgramError: it failed.
        """
        client = self._client
        return ask(self.room, client, [self.defaults(client), "--batch", f"--execute={statement}"])

    def close(self) -> None:
        """Remove the private folder."""
        self.scratch.remove()

    def _session(self) -> ProgramSession:
        try:
            return ProgramSession(self)
        except DbfleetError as error:
            if self.endpoint.ssl_mode != "PREFERRED" or not _TLS.search(error.message):
                raise
        # MariaDB's programs know no mode that does without where the server has no TLS.
        self._with_tls = False
        self._files = {}
        return ProgramSession(self)


def _value(text: str) -> str | None:
    return None if text == "NULL" else _UNESCAPED.sub(lambda match: _MEANT.get(match[1], match[1]), text)


def _option_file(endpoint: Endpoint, family: str, *, with_tls: bool) -> str:
    values = {"user": endpoint.user, "password": endpoint.password, "default-character-set": "utf8mb4"}
    if endpoint.unix_socket:
        values["socket"] = endpoint.unix_socket
    else:
        values.update(host=endpoint.host, port=str(endpoint.port), protocol="TCP")
    values.update({"ssl-ca": endpoint.ca_cert, "ssl-cert": endpoint.client_cert, "ssl-key": endpoint.client_key})
    flags: list[str] = []
    if family == MYSQL:
        values["ssl-mode"] = endpoint.ssl_mode
        if endpoint.ssl_mode in ("DISABLED", "PREFERRED"):
            # What a password is encrypted with, where TLS does not.
            flags.append("get-server-public-key")
    elif endpoint.ssl_mode == "DISABLED" or not with_tls or (endpoint.ssl_mode == "PREFERRED" and endpoint.unix_socket):
        flags.append("skip-ssl")
    elif endpoint.ssl_mode in _VERIFYING:
        flags += ["ssl", "ssl-verify-server-cert"]
    else:
        flags += ["ssl", "skip-ssl-verify-server-cert"]
    lines = ["[client]", *(f'{name}="{_escaped(value)}"' for name, value in values.items() if value), *flags]
    # Servers take latin1 where they do not know the collation that a newer program asks for.
    lines += ["[mysql]", f'init-command="{NAMES}"']
    # The dump programs do not know it.
    lines += [f"connect-timeout={endpoint.connect_timeout}"] if endpoint.connect_timeout else []
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return "".join(_ESCAPES.get(sign, sign) for sign in value)
