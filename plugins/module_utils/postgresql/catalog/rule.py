# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Rewrite rules of users (a view's own query is ``view.py``'s)."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions
from .relation import Relation

_QUERY = """
    SELECT r.oid, r.ev_class, r.rulename, pg_catalog.pg_get_ruledef(r.oid), r.ev_enabled
    FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class >= 16384 AND r.rulename <> '_RETURN'
    ORDER BY r.ev_class, r.rulename
"""
_STATES = {"D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True)
class Rule(DatabaseObject):
    """A rule.

    :param definition: the whole CREATE RULE statement, with its semicolon.
    :param enabled: ``O``, ``D``, ``A`` or ``R``.
    """

    relation: Relation
    definition: str
    enabled: str

    kind = "rule"
    priority = Priority.RULE

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        statement = f"{self.definition}\n"
        if self.enabled in _STATES:
            statement += f"ALTER TABLE {relation.sql_name} {_STATES[self.enabled]} RULE {name};\n"
        drop = f"DROP RULE {name} ON {relation.sql_name};\n"
        yield Entry("RULE", f"{relation.name} {self.name}", statement, drop, relation.owner)
        text = definitions.catalog.comment(self.key)
        if text is not None:
            comment = f"COMMENT ON RULE {name} ON {relation.sql_name} IS {literal(text)};\n"
            yield satellite("COMMENT", f"RULE {name} ON {identifier(relation.name)}", comment, owner=relation.owner)


def read_rules(catalog: Catalog) -> t.Iterator[Rule]:
    """All rules but the queries of views."""
    for oid, table, name, definition, enabled in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(table))
        key = Key(CatalogOid.PG_REWRITE, int(oid))
        if relation is not None and key not in catalog.members:
            yield Rule(key, relation.schema, name, relation, definition, enabled)
