# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Roles: users and groups with their attributes, passwords, comments and labels."""

from __future__ import annotations

import dataclasses
import typing as t

from ....lazy_dataclass import dataclass
from ...quoting import escape_literal, identifier
from .base import GlobalCatalog, GlobalObject, comment_statement, label_statements

_PG_AUTHID = 1260
_QUERY = """
    SELECT oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
           rolconnlimit, {password}, rolvaliduntil, pg_catalog.shobj_description(oid, 'pg_authid')
    FROM {roles}
    WHERE rolname !~ '^pg_'
    ORDER BY rolname
"""
_ATTRIBUTES = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")


@dataclass(frozen=True)
class Role(GlobalObject):
    """A role. The server's predefined ones (``pg_…``) are none of the user's.

    :param attributes: of :data:`_ATTRIBUTES`, those that it has.
    :param connection_limit: -1 for none.
    :param password: the stored verifier, ``None`` where there is none or it was not read.
    :param valid_until: as the server writes it, ``None`` for no limit.
    """

    attributes: tuple[str, ...]
    connection_limit: int
    password: str | None = dataclasses.field(repr=False)
    valid_until: str | None
    comment: str | None
    labels: tuple[tuple[str, str], ...]

    kind = "role"

    def statements(self) -> t.Iterator[str]:
        name = identifier(self.name)
        # In two steps, so that a role that is there already (the one that initdb made) still gets its attributes.
        yield f"CREATE ROLE {name};\n"
        yield f"ALTER ROLE {name} WITH {self._attribute_list()};\n"
        yield from comment_statement("ROLE", self.name, self.comment)
        yield from label_statements("ROLE", self.name, self.labels)

    def _attribute_list(self) -> str:
        words = [word if word in self.attributes else f"NO{word}" for word in _ATTRIBUTES]
        if self.connection_limit != -1:
            words.append(f"CONNECTION LIMIT {self.connection_limit}")
        if self.password is not None:
            words.append(f"PASSWORD {escape_literal(self.password)}")
        if self.valid_until is not None:
            words.append(f"VALID UNTIL {escape_literal(self.valid_until)}")
        return " ".join(words)


def read_roles(catalog: GlobalCatalog) -> t.Iterator[Role]:
    """All roles but the predefined ones, by name."""
    password = "rolpassword" if catalog.has_passwords else "NULL"
    for row in catalog.session.query(_QUERY.format(roles=catalog.roles, password=password)):
        oid, name, *flags = row[:9]
        yield Role(
            name=name or "",
            attributes=tuple(word for word, flag in zip(_ATTRIBUTES, flags) if flag == "t"),
            connection_limit=int(row[9] or -1),
            password=row[10],
            valid_until=row[11],
            comment=row[12],
            labels=catalog.labels(_PG_AUTHID, oid or ""),
        )
