# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Attaching partitions to their partitioned tables, after both were made."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import Relation

_BOUNDS = """
    SELECT c.oid, pg_catalog.pg_get_expr(c.relpartbound, c.oid)
    FROM pg_catalog.pg_class c WHERE c.relispartition AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f')
"""


@dataclass(frozen=True)
class TableAttach(DatabaseObject):
    """A partition's place.

    :param bound: ``FOR VALUES …`` or ``DEFAULT``.
    """

    relation: Relation
    parent: Key
    parent_name: str
    bound: str

    kind = "partition"
    priority = Priority.TABLE_ATTACH

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key, self.parent)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"ALTER TABLE ONLY {self.parent_name} ATTACH PARTITION {self.relation.sql_name} {self.bound};\n"
        yield Entry("TABLE ATTACH", self.name, statement, owner=self.relation.owner)


def attach_key(oid: int) -> Key:
    """The key of a partition's attachment."""
    return Key(-Priority.TABLE_ATTACH, oid)


def read_table_attachments(catalog: Catalog) -> t.Iterator[TableAttach]:
    """One for every partition."""
    for oid, bound in catalog.session.rows(_BOUNDS):
        relation = catalog.relations.get(int(oid))
        if relation is None:
            continue
        (parent,), (name,) = catalog.parents[relation.oid], catalog.parent_names(relation.oid)
        parent_key, key = Key(CatalogOid.PG_CLASS, parent), attach_key(relation.oid)
        yield TableAttach(key, relation.schema, relation.name, relation, parent_key, name, bound)
