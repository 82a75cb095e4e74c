# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Users and roles with everything that makes them: authentication, limits, grants, memberships, default roles."""

from __future__ import annotations

import re
import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session

# The servers' own: each makes them itself.
_INTERNAL = frozenset(
    {
        ("mysql.sys", "localhost"),
        ("mysql.session", "localhost"),
        ("mysql.infoschema", "localhost"),
        ("mariadb.sys", "localhost"),
    }
)
#: MariaDB's role that every account has.
PUBLIC = "PUBLIC"
_QUOTED = r"(?:'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`)"
_NAME = rf"{_QUOTED}(?:@{_QUOTED})?"
_DEFAULT_ROLE = re.compile(rf"^((?:[^'`]|{_QUOTED})*?) DEFAULT ROLE ({_NAME}(?:, ?{_NAME})*)", re.DOTALL)
_GRANTEE = re.compile(rf"^(?:[^'`]|{_QUOTED})*? (?:TO|FROM|FOR) ({_NAME}|PUBLIC)", re.DOTALL)
_MADE = re.compile(rf"CREATE (?:USER|ROLE) (?:IF NOT EXISTS )?({_NAME})")
_OBJECT = re.compile(r" ON (?:(?:TABLE|FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) )?`(?:[^`]|``)*`\.(\*|`)")
_SECRET_HIDDEN = "<secret>"


@dataclass(frozen=True)
class Account:
    """A user or a role.

    :param host: empty for MariaDB's roles.
    :param definition: CREATE USER or CREATE ROLE as the server shows it, without default roles; empty where every
        server has it.
    :param grants: GRANT and REVOKE statements on everything, on databases, proxies and roles.
    :param object_grants: those on tables, columns and routines, which must exist when they are granted.
    :param default_role: the statement that sets it, empty where there is none.
    """

    user: str
    host: str
    is_role: bool
    definition: str
    grants: tuple[str, ...]
    object_grants: tuple[str, ...]
    default_role: str

    @property
    def name(self) -> str:
        """As SQL."""
        return account_name(self.user, self.host)


def account_name(user: str, host: str) -> str:
    """``'user'@'host'``, a role of MariaDB in back quotes."""
    if not host:
        return PUBLIC if user == PUBLIC else quoting.identifier(user)
    return f"{quoting.literal(user)}@{quoting.literal(host)}"


def read_accounts(session: Session, takes: t.Callable[[str, str], bool]) -> tuple[Account, ...]:
    """The accounts of a server, roles first, without those that belong to the server itself.

    :param takes: whether an account of this user and host is wanted.
    :raises PrivilegeError: the user may not see all of them with their passwords.
    """
    # MySQL 8 and later: a hash may hold any byte otherwise.
    session.set_variables({"print_identified_with_as_hex": "1"})
    with _Named():
        is_role = "is_role" if session.version.is_mariadb else "'N'"
        rows = session.query(
            f"SELECT User, Host, {is_role}, ssl_cipher, x509_issuer, x509_subject FROM mysql.user ORDER BY 1, 2"
        )
        accounts = []
        for row in rows:
            user, host, role, *required = (value or "" for value in row)
            if (user, host) not in _INTERNAL and takes(user, host):
                accounts.append(_read(session, user, host, required, is_role=role == "Y"))
    return tuple(sorted(accounts, key=lambda one: (not one.is_role, one.user, one.host)))


class _Named:
    """Says of a refusal what it is about."""

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, PrivilegeError):
            raise PrivilegeError(
                "the user may not read the server's accounts with their passwords",
                hint="GRANT SELECT ON mysql.* TO the user, or leave the accounts out",
                **error.context,
            ) from error


def _read(session: Session, user: str, host: str, required: t.Sequence[str], *, is_role: bool) -> Account:
    name = account_name(user, host)
    if is_role:
        definition, default_role = "" if user == PUBLIC else f"CREATE ROLE {name}", ""
    else:
        definition = _escaped(session.scalar(f"SHOW CREATE USER {name}") or "", required)
        definition, default_role = _without_default_role(definition, name)
    if _SECRET_HIDDEN in definition:
        raise PrivilegeError(f"the server hides the password of {name}")
    grants: list[str] = []
    object_grants: list[str] = []
    for (line,) in session.query(f"SHOW GRANTS FOR {name}"):
        statement = _escaped(line or "", required)
        if _SECRET_HIDDEN in statement:
            raise PrivilegeError(f"the server hides the password of {name}")
        grantee = _GRANTEE.match(statement)
        if grantee is None or not _same(grantee.group(1), user, host):
            # MariaDB shows the grants of a role's roles with it.
            continue
        if statement.startswith("SET DEFAULT ROLE"):
            default_role = statement
        else:
            (object_grants if is_on_object(statement) else grants).append(statement)
    return Account(user, host, is_role, definition, tuple(grants), tuple(object_grants), default_role)


def _escaped(statement: str, required: t.Sequence[str]) -> str:
    """The servers show what a certificate must say as it is, whatever quotes it holds."""
    for word, text in zip(("CIPHER", "ISSUER", "SUBJECT"), required):
        if "'" in text or "\\" in text:
            statement = statement.replace(f"{word} '{text}'", f"{word} {quoting.literal(text)}")
    return statement


def _without_default_role(definition: str, name: str) -> tuple[str, str]:
    """MySQL shows default roles as a part of CREATE USER, which wants them to be there and granted."""
    match = _DEFAULT_ROLE.match(definition)
    if match is None:
        return definition, ""
    return match.group(1) + definition[match.end() :], f"SET DEFAULT ROLE {match.group(2)} TO {name}"


def _same(text: str, user: str, host: str) -> bool:
    return parse_account(text) == (user, host)


def parse_account(text: str) -> tuple[str, str]:
    """User and host of an account's name in SQL; a role of MariaDB has no host."""
    if text == PUBLIC:
        return PUBLIC, ""
    user, host, *_rest = [_unquoted(part) for part in re.findall(_QUOTED, text)] + [""]
    return user, host


def is_on_object(grant: str) -> bool:
    """Whether a grant is on a table, its columns or a routine, which must be there."""
    scope = _OBJECT.search(grant)
    return scope is not None and scope.group(1) != "*"


def account_of(statement: str) -> tuple[str, str] | None:
    """The account that a statement makes, grants to, revokes from or sets the default role of."""
    match = _MADE.match(statement) or _GRANTEE.match(statement)
    return parse_account(match.group(1)) if match else None


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "`":
        return inner.replace("``", "`")
    return re.sub(r"\\(.)|''", lambda match: match.group(1) or "'", inner)
