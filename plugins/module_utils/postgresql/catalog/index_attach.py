# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Attaching partitions' indexes to the partitioned indexes they are parts of."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT i.inhrelid, i.inhparent, child.relname, cn.nspname, parent.relname, pn.nspname, x.indrelid,
           pg_catalog.pg_get_userbyid(parent.relowner)
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class child ON child.oid = i.inhrelid AND child.relkind IN ('i', 'I')
    JOIN pg_catalog.pg_namespace cn ON cn.oid = child.relnamespace
    JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent
    JOIN pg_catalog.pg_namespace pn ON pn.oid = parent.relnamespace
    JOIN pg_catalog.pg_index x ON x.indexrelid = i.inhrelid
    WHERE i.inhrelid >= 16384
"""


@dataclass(frozen=True)
class IndexAttach(DatabaseObject):
    """An index's place below a partitioned index."""

    child: int
    parent: int
    parent_name: str
    owner: str

    kind = "index partition"
    priority = Priority.INDEX_ATTACH

    def edges(self) -> t.Iterable[Key]:
        return (Key(CatalogOid.PG_CLASS, self.child), Key(CatalogOid.PG_CLASS, self.parent))

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        child = qualified(self.schema, self.name)
        yield Entry(
            "INDEX ATTACH", self.name, f"ALTER INDEX {self.parent_name} ATTACH PARTITION {child};\n", owner=self.owner
        )


def index_attach_key(oid: int) -> Key:
    """The key of an index's attachment."""
    return Key(-Priority.INDEX_ATTACH, oid)


def read_index_attachments(catalog: Catalog) -> t.Iterator[IndexAttach]:
    """One for every index of a partition that is part of a partitioned one."""
    for oid, parent_oid, name, schema, parent, parent_schema, table, owner in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(table))
        if relation is None:
            continue
        parent_name = qualified(parent_schema, parent)
        yield IndexAttach(index_attach_key(int(oid)), schema, name, int(oid), int(parent_oid), parent_name, owner)
