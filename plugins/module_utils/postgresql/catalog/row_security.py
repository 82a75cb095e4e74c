# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Row security: the switch of a table, and its policies."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, parse_array
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions
from .relation import PARTITIONED_TABLE, TABLE, Relation

_QUERY = """
    SELECT p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive,
           CASE WHEN p.polroles = '{0}' THEN '{}' ELSE ARRAY(
               SELECT r.rolname FROM pg_catalog.pg_roles r
               WHERE r.oid = ANY (p.polroles) ORDER BY r.oid)::text[] END,
           pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_catalog.pg_policy p
    WHERE p.polrelid >= 16384
    ORDER BY p.polrelid, p.polname
"""
_COMMANDS = {"*": "", "r": " FOR SELECT", "a": " FOR INSERT", "w": " FOR UPDATE", "d": " FOR DELETE"}


@dataclass(frozen=True)
class RowSecurity(DatabaseObject):
    """The switch of a table."""

    relation: Relation

    kind = "row security"
    priority = Priority.POLICY

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation = self.relation
        statement = f"ALTER TABLE {relation.sql_name} ENABLE ROW LEVEL SECURITY;"
        yield Entry("ROW SECURITY", relation.name, statement, owner=relation.owner)


@dataclass(frozen=True)
class Policy(DatabaseObject):
    """A policy.

    :param command: ``pg_policy.polcmd``.
    :param roles: quoted; empty for everyone.
    """

    relation: Relation
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str
    with_check: str

    kind = "policy"
    priority = Priority.POLICY

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        statement = f"CREATE POLICY {name} ON {relation.sql_name}"
        statement += "" if self.permissive else " AS RESTRICTIVE"
        statement += _COMMANDS[self.command]
        statement += f" TO {', '.join(self.roles)}" if self.roles else ""
        statement += f" USING ({self.using})" if self.using else ""
        statement += f" WITH CHECK ({self.with_check})" if self.with_check else ""
        drop = f"DROP POLICY {name} ON {relation.sql_name};\n"
        yield Entry("POLICY", f"{relation.name} {self.name}", f"{statement};\n", drop, relation.owner)
        text = definitions.catalog.comment(self.key)
        if text is not None:
            comment = f"COMMENT ON POLICY {name} ON {relation.sql_name} IS {literal(text)};\n"
            yield satellite("COMMENT", f"POLICY {name} ON {identifier(relation.name)}", comment, owner=relation.owner)


def read_row_security(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """The switches that are on, and all policies."""
    for relation in catalog.relations.values():
        if relation.kind in (TABLE, PARTITIONED_TABLE) and relation.row_security:
            yield RowSecurity(Key(-Priority.POLICY, relation.oid), relation.schema, relation.name, relation)
    for oid, table, name, command, permissive, roles, using, check in catalog.session.rows(_QUERY):
        found = catalog.relations.get(int(table))
        key = Key(CatalogOid.PG_POLICY, int(oid))
        if found is not None and key not in catalog.members:
            names = tuple(identifier(role) for role in parse_array(roles))
            yield Policy(key, found.schema, name, found, command, permissive == "t", names, using, check)
