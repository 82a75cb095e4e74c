# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What belongs to a whole server, and the script that makes it again: accounts, and on request plugins and the like.

Accounts are made before anything is granted. What is granted on tables and routines comes last: these must be there.
"""

from __future__ import annotations

from ..errors import UsageError
from ..lazy_dataclass import dataclass
from ..release import VERSION
from . import quoting
from .catalog.accounts import Account, read_accounts
from .catalog.server_objects import READERS, ServerObject
from .name_pattern import NamePattern
from .options import GLOBAL_PARTS, USERS, GlobalsOptions
from .script_text import COMPLETED
from .session import Session

# MariaDB makes who creates a role its administrator, and lets only an administrator grant it: a role in between takes
# both, and leaves nothing behind when it is dropped.
IMPORT_ROLE = "dbfleet_import_role"
ON_OBJECTS = "Privileges on tables, columns and routines"

_HEADER = """\
/*!50503 SET NAMES utf8mb4 */;
SET SESSION sql_mode = '';
"""


@dataclass(frozen=True)
class Section:
    """Statements that belong together.

    :param title: for the comment before them.
    :param on_objects: whether they need tables or routines that a restore of a database makes.
    """

    title: str
    statements: tuple[str, ...]
    on_objects: bool = False


@dataclass(frozen=True)
class Globals:
    """What was read of a server."""

    accounts: tuple[Account, ...]
    objects: tuple[ServerObject, ...]
    is_mariadb: bool

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        kinds = ["role" if one.is_role else "user" for one in self.accounts] + [one.kind for one in self.objects]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def sections(self) -> tuple[Section, ...]:
        """Everything in the order in which it can be made."""
        roles = [one for one in self.accounts if one.is_role and one.definition]
        in_between = self.is_mariadb and bool(roles)
        parts = [Section(f"{one.kind.capitalize()} {one.name}", (one.definition,)) for one in self.objects]
        if in_between:
            name = quoting.identifier(IMPORT_ROLE)
            parts.append(Section("A role to make roles with", (f"CREATE ROLE IF NOT EXISTS {name}",)))
        parts += [Section(f"Account {one.name}", (self._made(one),)) for one in self.accounts if one.definition]
        if in_between:
            parts.append(Section("Memberships are granted by it", (f"SET ROLE {quoting.identifier(IMPORT_ROLE)}",)))
        parts += [Section(f"Privileges of {one.name}", one.grants) for one in self.accounts if one.grants]
        defaults = tuple(one.default_role for one in self.accounts if one.default_role)
        if defaults:
            parts.append(Section("Default roles", defaults))
        if in_between:
            name = quoting.identifier(IMPORT_ROLE)
            parts.append(Section("It leaves nothing behind", ("SET ROLE NONE", f"DROP ROLE {name}")))
        granted = tuple(statement for one in self.accounts for statement in one.object_grants)
        if granted:
            parts.append(Section(ON_OBJECTS, granted, on_objects=True))
        return tuple(parts)

    def script(self, session: Session) -> bytes:
        """The whole script, for this engine and for the genuine clients."""
        lines = [
            quoting.comment_line(f"dbfleet SQL globals 1, engine {VERSION}"),
            "--",
            quoting.comment_line(f"Host: {session.host}"),
            quoting.comment_line(f"Server version\t{session.version.text}"),
            "",
            _HEADER,
        ]
        for section in self.sections():
            lines += ["--", quoting.comment_line(section.title), "--", ""]
            lines += [f"{statement};" for statement in section.statements]
            lines.append("")
        lines.append(f"{COMPLETED}\n")
        return "\n".join(lines).encode()

    def _made(self, account: Account) -> str:
        verb, _space, rest = account.definition.partition(" ")
        kind, _space, definition = rest.partition(" ")
        if account.is_role:
            definition += f" WITH ADMIN {quoting.identifier(IMPORT_ROLE)}"
        return f"{verb} {kind} IF NOT EXISTS {definition}"


def read_globals(session: Session, options: GlobalsOptions) -> Globals:
    """Read what is asked for.

    :raises PrivilegeError: the user may not read all of it.
    :raises UsageError: something unknown is asked for.
    """
    unknown = [part for part in options.parts if part not in GLOBAL_PARTS]
    if unknown:
        raise UsageError(f"{', '.join(unknown)} is no part of a server", hint=f"use some of {', '.join(GLOBAL_PARTS)}")
    session.execute("SET SESSION sql_mode = ''")
    only = [_account_pattern(text) for text in options.include_users]
    without = [_account_pattern(text) for text in options.exclude_users]

    def takes(user: str, host: str) -> bool:
        if any(_matches(pattern, user, host) for pattern in without):
            return False
        return not only or any(_matches(pattern, user, host) for pattern in only)

    accounts = read_accounts(session, takes) if USERS in options.parts else ()
    objects = [one for part in READERS if part in options.parts for one in READERS[part](session)]
    return Globals(accounts, tuple(objects), session.version.is_mariadb)


def _account_pattern(text: str) -> tuple[NamePattern, NamePattern | None]:
    """``user`` on any host, or ``user@host``; ``*`` and ``?`` as in names of tables, the host's points not apart."""
    user, at, host = text.partition("@")
    plain = host.strip("'\"").replace(".", "`.`")
    return NamePattern(user.strip("'\"") or "``"), NamePattern(plain) if at else None


def _matches(pattern: tuple[NamePattern, NamePattern | None], user: str, host: str) -> bool:
    of_user, of_host = pattern
    return of_user.matches("", user) and (of_host is None or of_host.matches("", host))
