# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Domains; their checks are objects of their own, since a loop can force them apart."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, qualified
from ..toc import SECTION_POST_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions
from .user_type import UserType, read_type_headers

_QUERY = """
    SELECT t.oid, pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
           pg_catalog.pg_get_expr(t.typdefaultbin, 'pg_catalog.pg_type'::regclass),
           CASE WHEN t.typcollation <> u.typcollation THEN
               pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END
    FROM pg_catalog.pg_type t
    LEFT JOIN pg_catalog.pg_type u ON u.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE t.typtype = 'd' AND t.oid >= 16384
"""
_CONSTRAINTS = """
    SELECT oid, contypid, conname, pg_catalog.pg_get_constraintdef(oid), convalidated, contype
    FROM pg_catalog.pg_constraint
    WHERE contypid >= 16384 AND contype IN ('c', 'n')
    ORDER BY contypid, conname
"""


@dataclass(frozen=True)
class DomainType(UserType):
    """A domain.

    :param base: its type as SQL.
    :param not_null: it forbids NULL; the constraint's name is empty before 17 and where the server would choose it.
    :param default: the expression, empty for none.
    """

    base: str
    collation: str
    not_null: bool
    not_null_name: str
    default: str

    kind = "domain"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"CREATE DOMAIN {self.sql_name} AS {self.base}"
        if self.collation:
            statement += f" COLLATE {self.collation}"
        if self.not_null:
            name = f" CONSTRAINT {identifier(self.not_null_name)}" if self.not_null_name else ""
            statement += f"{name} NOT NULL"
        if self.default:
            statement += f" DEFAULT {self.default}"
        for part in definitions.embedded(self.key):
            if isinstance(part, DomainConstraint) and not part.is_not_null:
                statement += f"\n\tCONSTRAINT {identifier(part.name)} {part.definition}"
        yield from self.type_entries(definitions, statement + ";\n", "DOMAIN")

    def more_comments(self, definitions: Definitions) -> t.Iterator[Entry]:
        for part in definitions.embedded(self.key):
            if isinstance(part, DomainConstraint):
                yield from part.comment(definitions.catalog)


@dataclass(frozen=True)
class DomainConstraint(DatabaseObject):
    """A domain's check, or from 17 on its NOT NULL.

    :param domain_name: unquoted.
    """

    domain: Key
    domain_name: str
    owner: str
    definition: str
    validated: bool
    is_not_null: bool

    kind = "domain constraint"
    priority = Priority.CONSTRAINT

    @property
    def embedded_in(self) -> Key | None:
        return self.domain if self.validated else None

    @property
    def domain_sql(self) -> str:
        return qualified(self.schema, self.domain_name)

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.domain_name,)

    def edges(self) -> t.Iterable[Key]:
        return () if self.validated else (self.domain,)

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if not definitions.is_separate(self):
            return
        name = identifier(self.name)
        yield Entry(
            "CHECK CONSTRAINT" if not self.is_not_null else "CONSTRAINT",
            f"{self.domain_name} {self.name}",
            f"ALTER DOMAIN {self.domain_sql}\n    ADD CONSTRAINT {name} {self.definition};\n",
            f"ALTER DOMAIN {self.domain_sql} DROP CONSTRAINT {name};\n",
            self.owner,
        )
        yield from self.comment(definitions.catalog)

    def comment(self, catalog: Catalog) -> t.Iterator[Entry]:
        """The constraint's comment."""
        text = catalog.comment(self.key)
        if text is not None:
            name = identifier(self.name)
            statement = f"COMMENT ON CONSTRAINT {name} ON DOMAIN {self.domain_sql} IS {literal(text)};\n"
            tag = f"CONSTRAINT {name} ON DOMAIN {identifier(self.domain_name)}"
            yield satellite("COMMENT", tag, statement, owner=self.owner)


def read_domain_types(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All domains and their constraints."""
    headers = {header.key.oid: header for header in read_type_headers(catalog, "d")}
    not_nulls: dict[int, str] = {}
    for oid, domain, name, definition, validated, contype in catalog.session.rows(_CONSTRAINTS):
        header = headers.get(int(domain))
        if header is None:
            continue
        if contype == "n":
            chosen = f"{header.name}_not_null"
            commented = catalog.comment(Key(CatalogOid.PG_CONSTRAINT, int(oid))) is not None
            not_nulls[int(domain)] = "" if name == chosen and not commented else name
        yield DomainConstraint(
            key=Key(CatalogOid.PG_CONSTRAINT, int(oid)),
            schema=header.schema,
            name=name,
            domain=header.key,
            domain_name=header.name,
            owner=header.owner,
            definition=definition,
            validated=validated == "t",
            is_not_null=contype == "n",
        )
    for oid, base, not_null, text, expression, collation in catalog.session.rows(_QUERY):
        header = headers.get(int(oid))
        if header is not None:
            default = expression or (literal(text) if text else "")
            yield DomainType(*header, base, collation, not_null == "t", not_nulls.get(int(oid), ""), default)
