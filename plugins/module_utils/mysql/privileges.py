# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Proves before a backup that the user sees everything in the database.

The servers hide what a user has no privilege on: tables, triggers, events and routines are simply not listed then, and
a backup would silently lack them. So each kind is probed for the whole database, by behaviour where a harmless
statement tells, else by the user's grants.
"""

from __future__ import annotations

import re
import secrets
import typing as t

from ..errors import DbfleetError, PrivilegeError
from . import quoting
from .catalog.routines import missing_privilege
from .selection import Selected
from .session import Session

_NO_SUCH_TABLE = 1146
_NO_SUCH_ROUTINE = 1305
_GRANT = re.compile(r"(GRANT|REVOKE) (.+?) ON (\*|`(?:[^`]|``)*`)\.\* (?:TO|FROM) ", re.DOTALL)
_SEES_ROUTINES = frozenset({"SELECT", "SHOW_ROUTINE", "SHOW CREATE ROUTINE"})


def check_visibility(session: Session, database: str, chosen: Selected) -> None:
    """Fail unless the user may see every table, view, trigger, event and routine of the database that is chosen.

    :raises PrivilegeError: names what is missing.
    """
    grants = _Grants(session)
    missing = []
    if not _may_read_any_table(session, database):
        missing.append("SELECT")
    if chosen.triggers and not grants.has("TRIGGER", database):
        missing.append("TRIGGER")
    if chosen.events and not _may_see_events(session, database):
        missing.append("EVENT")
    if missing:
        names = ", ".join(missing)
        raise PrivilegeError(
            f"the user lacks {names} on the whole database {database!r}: the server may hide objects from the backup",
            hint=f"GRANT {names} ON {quoting.identifier(database)}.* TO the user",
            database=database,
            missing=missing,
        )
    if chosen.routines and not _may_see_routines(session, database, grants):
        needed = missing_privilege(session)
        raise PrivilegeError(
            f"the server may hide procedures and functions of {database!r} from this user",
            hint=f"GRANT {needed} TO the user",
            database=database,
            missing=[needed],
        )


def may_lock_tables(session: Session, database: str) -> bool:
    """Whether the user may LOCK TABLES everywhere in the database."""
    return _Grants(session).has("LOCK TABLES", database)


def may_see_triggers(session: Session, database: str) -> bool:
    """Whether the user sees every trigger of the database."""
    return _Grants(session).has("TRIGGER", database)


def _may_read_any_table(session: Session, database: str) -> bool:
    # Of a table that does not exist, only who may read every table is told so.
    name = quoting.qualified(database, f"dbfleet_{secrets.token_hex(12)}")
    return _fails_with(session, f"SELECT 1 FROM {name} LIMIT 0", _NO_SUCH_TABLE)


def _may_see_events(session: Session, database: str) -> bool:
    try:
        session.execute(f"SHOW EVENTS FROM {quoting.identifier(database)} LIKE ''")
    except PrivilegeError:
        return False
    return True


def _may_see_routines(session: Session, database: str, grants: _Grants) -> bool:
    if any(grants.has_global(privilege) for privilege in _SEES_ROUTINES) or grants.has("SHOW CREATE ROUTINE", database):
        return True
    # MySQL before 8.0 and MariaDB keep routines in a table; who may read it sees all of them.
    if _succeeds(session, "SELECT 1 FROM mysql.proc LIMIT 0"):
        return True
    name = quoting.qualified(database, f"dbfleet_{secrets.token_hex(12)}")
    return _fails_with(session, f"CALL {name}()", _NO_SUCH_ROUTINE)


def _succeeds(session: Session, statement: str) -> bool:
    try:
        session.execute(statement)
    except DbfleetError:
        return False
    return True


def _fails_with(session: Session, statement: str, number: int) -> bool:
    try:
        session.execute(statement)
    except DbfleetError as error:
        if error.context.get("errno") == number:
            return True
        if isinstance(error, PrivilegeError):
            return False
        raise
    return True


class _Grants:
    """What the account and its active roles were granted, as far as whole databases go."""

    def __init__(self, session: Session) -> None:
        self._granted: list[tuple[str, str, frozenset[str]]] = []
        roles = session.scalar("SELECT CURRENT_ROLE()") if _succeeds(session, "SELECT CURRENT_ROLE()") else None
        # MariaDB shows the active role's grants by itself; its syntax has no USING.
        using = f" USING {roles}" if roles and roles.upper() != "NONE" and not session.version.is_mariadb else ""
        for (line,) in session.query(f"SHOW GRANTS FOR CURRENT_USER(){using}"):
            match = _GRANT.match(line or "")
            if match:
                verb, privileges, scope = match.groups()
                names = frozenset(name.strip().upper() for name in privileges.split(","))
                self._granted.append((verb, scope.strip("`").replace("``", "`"), names))

    def has_global(self, privilege: str) -> bool:
        """Whether it is granted on ``*.*`` and not revoked from any database."""
        return self._has(privilege, lambda scope: scope == "*") and not any(
            verb == "REVOKE" and privilege in names for verb, _scope, names in self._granted
        )

    def has(self, privilege: str, database: str) -> bool:
        """Whether it is granted on the whole database."""
        return self._has(privilege, lambda scope: scope == "*" or _matches(scope, database)) and not any(
            verb == "REVOKE" and scope == database and privilege in names for verb, scope, names in self._granted
        )

    def _has(self, privilege: str, covers: t.Callable[[str], bool]) -> bool:
        return any(
            verb == "GRANT" and covers(scope) and (privilege in names or "ALL PRIVILEGES" in names)
            for verb, scope, names in self._granted
        )


def _matches(pattern: str, database: str) -> bool:
    """Whether a grant's database pattern (``%`` and ``_`` with backslash escapes) covers a database."""
    if pattern == database:
        return True
    parts = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\" and position + 1 < len(pattern):
            position += 1
            parts.append(re.escape(pattern[position]))
        else:
            parts.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
        position += 1
    return re.fullmatch("".join(parts), database, re.DOTALL) is not None
