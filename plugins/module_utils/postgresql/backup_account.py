# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A role of PostgreSQL that may read what a backup reads and change nothing.

From version 14 on the server has a role that reads everything, now and later. Before, every schema, table and sequence
is granted, and so is what the present owners of objects will create.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import typing as t

from ..errors import UsageError
from . import quoting
from .session import Session

GLOBALS, REPLICATION = "globals", "replication"
READ_ALL = 140000
_READER = "pg_read_all_data"
_FLAGS = {
    "rolcanlogin": ("LOGIN", "NOLOGIN"),
    "rolinherit": ("INHERIT", "NOINHERIT"),
    "rolsuper": ("SUPERUSER", "NOSUPERUSER"),
    "rolcreaterole": ("CREATEROLE", "NOCREATEROLE"),
    "rolcreatedb": ("CREATEDB", "NOCREATEDB"),
    "rolreplication": ("REPLICATION", "NOREPLICATION"),
    "rolbypassrls": ("BYPASSRLS", "NOBYPASSRLS"),
}
_SCRAM = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)")
_SCHEMAS = """
    SELECT n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT pg_catalog.has_schema_privilege($1, n.oid, 'USAGE') ORDER BY 1
"""
_RELATIONS = """
    SELECT n.nspname, c.relname, CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege($1, c.oid, 'SELECT')
                   ELSE pg_catalog.has_table_privilege($1, c.oid, 'SELECT') END
    ORDER BY 1, 2
"""
# The owners of objects of a database, each with the kinds of which new ones would not be granted.
_DEFAULTS = """
    WITH owners AS (
        SELECT c.relowner AS oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        UNION SELECT n.nspowner FROM pg_catalog.pg_namespace n
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    )
    SELECT pg_catalog.pg_get_userbyid(o.oid), k.words, k.privilege
    FROM owners o CROSS JOIN (VALUES ('r', 'TABLES', 'SELECT'), ('S', 'SEQUENCES', 'SELECT'), ('n', 'SCHEMAS', 'USAGE'))
        AS k (kind, words, privilege)
    WHERE o.oid <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $1) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_default_acl d CROSS JOIN pg_catalog.aclexplode(d.defaclacl) a
        WHERE d.defaclrole = o.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = k.kind::"char"
          AND a.grantee = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $1)
          AND a.privilege_type = k.privilege)
    ORDER BY 1, 2
"""
_DATABASES = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datname <> 'template0' ORDER BY 1"


class PostgresqlAccount:
    """One role of one server, seen through a session in any of its databases."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._role = name
        self.name = quoting.identifier(name)

    def exists(self) -> bool:
        """Whether there is such a role."""
        return bool(self._session.rows("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", (self._role,)))

    def attributes(self) -> set[str]:
        """The words of its attributes."""
        names = list(_FLAGS)
        rows = self._session.rows(
            f"SELECT {', '.join(names)} FROM pg_catalog.pg_roles WHERE rolname = $1", (self._role,)
        )
        return {_FLAGS[name][0 if value == "t" else 1] for row in rows for name, value in zip(names, row)}

    def memberships(self) -> set[str]:
        """The roles that it is a member of."""
        sql = (
            "SELECT g.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid "
            "JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE r.rolname = $1"
        )
        return {name for (name,) in self._session.rows(sql, (self._role,))}

    def needed_attributes(self, purposes: t.Collection[str], *, bypass_row_security: bool) -> set[str]:
        """The words of the attributes that it shall have."""
        on = {"rolcanlogin", "rolinherit"}
        if REPLICATION in purposes:
            on.add("rolreplication")
        if bypass_row_security:
            on.add("rolbypassrls")
        return {words[0 if name in on else 1] for name, words in _FLAGS.items()}

    def needed_memberships(self) -> set[str]:
        """The roles that it shall be a member of."""
        return {_READER} if self._session.version >= READ_ALL else set()

    def role_changes(self, want: set[str]) -> list[str]:
        """The statements that give it its attributes and memberships and take others away."""
        statements = []
        wrong = sorted(want - self.attributes())
        if wrong:
            statements.append(f"ALTER ROLE {self.name} {' '.join(wrong)}")
        have, needed = self.memberships(), self.needed_memberships()
        statements += [f"REVOKE {quoting.identifier(role)} FROM {self.name}" for role in sorted(have - needed)]
        statements += [f"GRANT {quoting.identifier(role)} TO {self.name}" for role in sorted(needed - have)]
        return statements

    def connect_changes(self, databases: t.Iterable[str]) -> list[str]:
        """The statements that let it into databases that not everybody may connect to."""
        sql = "SELECT pg_catalog.has_database_privilege($1, $2, 'CONNECT')"
        return [
            f"GRANT CONNECT ON DATABASE {quoting.identifier(name)} TO {self.name}"
            for name in databases
            if self._session.value(sql, (self._role, name)) != "t"
        ]

    def has_password(self, password: str) -> bool:
        """Whether the stored verifier is of this password.

        :raises PrivilegeError: the connected user may not see it.
        """
        stored = self._session.value("SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1", (self._role,))
        return _is_of(stored or "", password, self._role)

    def password_change(self, password: str) -> str:
        """The statement that sets the password; it holds a verifier only, so that no log of the server has it."""
        algorithm = self._session.parameter("password_encryption") or self._session.value("SHOW password_encryption")
        verifier = _verifier(self._session, password, self._role, algorithm or "scram-sha-256")
        return f"ALTER ROLE {self.name} PASSWORD {quoting.literal(verifier)}"

    def owned(self) -> bool:
        """Whether objects anywhere on the server belong to it."""
        sql = (
            "SELECT 1 FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid "
            "WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype = 'o' AND r.rolname = $1 "
            "LIMIT 1"
        )
        return bool(self._session.rows(sql, (self._role,)))

    def databases_with_grants(self) -> list[str]:
        """The databases in which something was granted to it."""
        sql = (
            "SELECT DISTINCT b.datname FROM pg_catalog.pg_shdepend d "
            "JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid JOIN pg_catalog.pg_database b ON b.oid = d.dbid "
            "WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.rolname = $1 ORDER BY 1"
        )
        return [name for (name,) in self._session.rows(sql, (self._role,))]


def databases_of(session: Session) -> list[str]:
    """The databases of the server that can be connected to."""
    return [name for (name,) in session.rows(_DATABASES)]


def reading_changes(session: Session, role: str, purposes: t.Collection[str], *, exists: bool) -> list[str]:
    """The statements that let a role read everything in the session's database, on servers before 14.

    :param exists: the role is there already; else nothing is granted yet.
    """
    if session.version >= READ_ALL:
        return []
    name = quoting.identifier(role)
    # Of a role that does not exist nothing can be asked; somebody who has nothing is asked for in its place.
    asked = role if exists else "pg_signal_backend"
    statements = [
        f"GRANT USAGE ON SCHEMA {quoting.identifier(schema)} TO {name}"
        for (schema,) in session.rows(_SCHEMAS, (asked,))
    ]
    statements += [
        f"GRANT SELECT ON {kind} {quoting.qualified(schema, relation)} TO {name}"
        for schema, relation, kind in session.rows(_RELATIONS, (asked,))
    ]
    statements += [
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoting.identifier(owner)} GRANT {privilege} ON {words} TO {name}"
        for owner, words, privilege in session.rows(_DEFAULTS, (asked,))
    ]
    if GLOBALS in purposes and not _may_read_passwords(session, asked):
        statements.append(f"GRANT SELECT ON TABLE pg_catalog.pg_authid TO {name}")
    return statements


def _may_read_passwords(session: Session, role: str) -> bool:
    sql = "SELECT pg_catalog.has_table_privilege($1, 'pg_catalog.pg_authid', 'SELECT')"
    return session.value(sql, (role,)) == "t"


def _verifier(session: Session, password: str, role: str, algorithm: str) -> str:
    if algorithm in ("md5", "on"):
        return "md5" + hashlib.md5((password + role).encode(), usedforsecurity=False).hexdigest()
    encrypted = session.pgconn.encrypt_password(password.encode(), role.encode(), algorithm.encode())
    return str(bytes(encrypted).decode())


def _is_of(stored: str, password: str, role: str) -> bool:
    """Whether a stored verifier is of a password (as it is, without the normalization of RFC 4013)."""
    match = _SCRAM.fullmatch(stored)
    if match:
        rounds, salt, key, _server = match.groups()
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
        client = hmac.new(salted, b"Client Key", "sha256").digest()
        return hmac.compare_digest(hashlib.sha256(client).digest(), base64.b64decode(key))
    return hmac.compare_digest(
        stored, "md5" + hashlib.md5((password + role).encode(), usedforsecurity=False).hexdigest()
    )


def check_removable(account: PostgresqlAccount) -> None:
    """Refuse to drop a role whose objects would go with it.

    :raises UsageError: it owns something.
    """
    if account.owned():
        raise UsageError(
            f"the role {account.name} owns objects, which an account for backups never does",
            hint="reassign what it owns, or drop it by hand",
        )
