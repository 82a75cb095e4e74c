# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An account of MySQL or MariaDB that has what a backup needs and nothing else.

What it needs differs between the servers: who sees routines is said by another privilege in nearly each of them, and
the privilege to read binlog positions has another name on MariaDB.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..errors import ConnectError, UsageError
from . import quoting
from .catalog.routines import missing_privilege
from .connection import connect
from .options import ConnectionOptions
from .session import Session

ALL = "*.*"
GLOBALS, REPLICATION, REPLICA_STATUS = "globals", "replication", "replica_status"
_NAME = r"(?:\*|`(?:[^`]|``)*`)"
_GRANT = re.compile(rf"GRANT (.+?) ON (?:TABLE )?({_NAME}\.{_NAME}) TO .*?( WITH GRANT OPTION)?$", re.DOTALL)
_NOTHING = "USAGE"
_GRANT_OPTION = "GRANT OPTION"
# A wrong password, and a host from which the account may not connect.
_REFUSED = (1045, 1130, 1698)
_DATABASE_PRIVILEGES = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT", "LOCK TABLES")

Privileges = dict[str, frozenset[str]]


class MysqlAccount:
    """One account of one server.

    :param host: from where it may connect, as the server matches it.
    """

    def __init__(self, session: Session, user: str, host: str) -> None:
        self._session = session
        self._user, self._host = user, host
        self.name = f"{quoting.literal(user)}@{quoting.literal(host)}"

    def exists(self) -> bool:
        """Whether there is such an account.

        :raises PrivilegeError: the connected user may not know.
        """
        user, host = quoting.literal(self._user), quoting.literal(self._host)
        return bool(self._session.query(f"SELECT 1 FROM mysql.user WHERE User = {user} AND Host = {host}"))

    def privileges(self) -> Privileges:
        """What it was granted, by the scope: ``*.*``, a database's pattern or a table.

        :raises UsageError: it has roles or privileges on columns or routines, which no account of ours has.
        """
        found: dict[str, frozenset[str]] = {}
        for (line,) in self._session.query(f"SHOW GRANTS FOR {self.name}"):
            match = _GRANT.match(line or "")
            if match is None or "(" in match.group(1):
                raise UsageError(
                    f"the account {self.name} has more than privileges on databases and tables: "
                    f"{(line or '').split(' IDENTIFIED ')[0]}",
                    hint="revoke that, or use an account for backups alone",
                )
            words = {word.strip().upper() for word in match.group(1).split(",")} - {_NOTHING}
            if match.group(3):
                words.add(_GRANT_OPTION)
            if words:
                found[match.group(2)] = found.get(match.group(2), frozenset()) | words
        return found

    def has_password(self, options: ConnectionOptions, password: str) -> bool:
        """Whether it can log in from here with this password; not if it only may from elsewhere."""
        session = self._session
        given = ConnectionOptions(
            host=session.host if not session.unix_socket else "",
            port=session.port if not session.unix_socket else None,
            unix_socket=session.unix_socket,
            user=self._user,
            password=password,
            ssl_mode=options.ssl_mode,
            ca_cert=options.ca_cert,
            client_cert=options.client_cert,
            client_key=options.client_key,
            connect_timeout=options.connect_timeout,
        )
        try:
            opened = connect(given)
        except ConnectError as error:
            if error.context.get("errno") in _REFUSED:
                return False
            raise
        with contextlib.closing(opened):
            user = opened.scalar("SELECT CURRENT_USER()") or ""
        return user == f"{self._user}@{self._host}"

    def creation(self, password: str) -> str:
        """The statement that creates it."""
        return f"CREATE USER {self.name} IDENTIFIED BY {quoting.literal(password)}"

    def new_password(self, password: str) -> str:
        """The statement that gives it another password."""
        return f"ALTER USER {self.name} IDENTIFIED BY {quoting.literal(password)}"

    def removal(self) -> str:
        """The statement that drops it."""
        return f"DROP USER {self.name}"

    def changes(self, have: Privileges, want: Privileges) -> list[str]:
        """The statements that make what it has to what it shall have."""
        statements = []
        for scope in sorted({*have, *want}):
            extra = sorted(have.get(scope, frozenset()) - want.get(scope, frozenset()))
            missing = sorted(want.get(scope, frozenset()) - have.get(scope, frozenset()))
            if extra:
                statements.append(f"REVOKE {', '.join(extra)} ON {scope} FROM {self.name}")
            if missing:
                statements.append(f"GRANT {', '.join(missing)} ON {scope} TO {self.name}")
        return statements


def needed_privileges(session: Session, databases: t.Sequence[str], purposes: t.Collection[str]) -> Privileges:
    """What an account needs to back up ``databases``, all where there are none, and for the purposes.

    :param purposes: :data:`GLOBALS` for the accounts of the server in a set, :data:`REPLICATION` for archiving binlogs,
        :data:`REPLICA_STATUS` for asking whether the server is a replica.
    """
    mariadb = session.version.is_mariadb
    # MariaDB says the position that belongs to a snapshot to everybody.
    want: dict[str, set[str]] = {ALL: set() if mariadb else {"REPLICATION CLIENT"}}
    scopes = [f"{quoting.identifier(_pattern(session, name))}.*" for name in databases] or [ALL]
    for scope in scopes:
        want.setdefault(scope, set()).update(_DATABASE_PRIVILEGES)
    routines = missing_privilege(session)
    if routines.startswith("SHOW_ROUTINE"):
        want[ALL].add("SHOW_ROUTINE")
    elif routines.startswith("SHOW CREATE ROUTINE"):
        for scope in scopes:
            want[scope].add("SHOW CREATE ROUTINE")
    elif databases:
        want.setdefault("`mysql`.`proc`", set()).add("SELECT")
    if GLOBALS in purposes and databases:
        want.setdefault("`mysql`.*", set()).add("SELECT")
    if REPLICATION in purposes:
        want[ALL].update(("REPLICATION SLAVE", "BINLOG MONITOR") if mariadb else ("REPLICATION SLAVE",))
    if REPLICA_STATUS in purposes and mariadb:
        want[ALL].add("SLAVE MONITOR")
    return {scope: frozenset(words) for scope, words in want.items() if words}


def _pattern(session: Session, database: str) -> str:
    """A database's name in a grant, where ``%`` and ``_`` stand for others unless partial revokes are on."""
    if session.variables.get("partial_revokes") == "ON":
        return database
    return re.sub(r"([\\%_])", r"\\\1", database)
