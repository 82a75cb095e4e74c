# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Indexes that no constraint stands behind."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import Relation

_QUERY = """
    SELECT i.indexrelid, i.indrelid, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid), tsp.spcname,
           i.indisclustered, i.indisreplident,
           pg_catalog.array_to_string(ARRAY(
               SELECT a.attnum || '=' || a.attstattarget FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum), ','),
           (i.indisvalid OR tab.relkind = 'p') AND i.indisready
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class tab ON tab.oid = i.indrelid
    LEFT JOIN pg_catalog.pg_tablespace tsp ON tsp.oid = c.reltablespace
    WHERE i.indrelid >= 16384 AND tab.relkind IN ('r', 'p', 'm', 'f') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint con
        WHERE con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x'))
"""


@dataclass(frozen=True)
class Index(DatabaseObject):
    """An index.

    :param definition: the whole CREATE INDEX statement, without the semicolon.
    :param statistics: the targets of its expression columns, by number.
    :param is_attached: it is a partition of a partitioned index, and goes with it.
    """

    relation: Relation
    definition: str
    tablespace: str
    is_clustered: bool
    is_replica_identity: bool
    statistics: tuple[tuple[str, str], ...]
    is_attached: bool

    kind = "index"
    priority = Priority.INDEX

    @property
    def sql_name(self) -> str:
        return qualified(self.schema, self.name)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        catalog = definitions.catalog
        statement = f"{self.definition};\n" + index_properties(
            relation, name, clustered=self.is_clustered, replica_identity=self.is_replica_identity
        )
        for column, target in self.statistics:
            statement += f"ALTER INDEX {self.sql_name} ALTER COLUMN {column} SET STATISTICS {target};\n"
        statement += catalog.needed_extensions_sql(self.key, "INDEX", self.sql_name)
        drop = "" if self.is_attached else f"DROP INDEX {self.sql_name};\n"
        yield Entry("INDEX", self.name, statement, drop, relation.owner, tablespace=self.tablespace)
        yield from catalog.comment_entry(self.key, "INDEX", name, owner=relation.owner, schema=self.schema)


def index_properties(relation: Relation, name: str, *, clustered: bool, replica_identity: bool) -> str:
    """What can only be said of an index after it was made.

    :param name: quoted, without its schema.
    """
    statement = ""
    if clustered:
        statement += f"\nALTER TABLE {relation.sql_name} CLUSTER ON {name};\n"
    if replica_identity:
        statement += f"\nALTER TABLE ONLY {relation.sql_name} REPLICA IDENTITY USING INDEX {name};\n"
    return statement


def read_indexes(catalog: Catalog) -> t.Iterator[Index]:
    """All indexes without a constraint. Invalid ones are left out, with a warning: they are of no use to anyone."""
    for oid, table, name, definition, tablespace, clustered, replica, statistics, valid in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(table))
        key = Key(CatalogOid.PG_CLASS, int(oid))
        if relation is None or key in catalog.members:
            continue
        if valid != "t":
            catalog.leave_out(key, f"index {relation.schema}.{name} is invalid (a CREATE INDEX CONCURRENTLY failed)")
            continue
        if not definition:
            raise ConsistencyError(
                f"the definition of index {relation.schema}.{name} is gone",
                hint="it was dropped while the catalog was read; run the backup again",
                object=f"{relation.schema}.{name}",
            )
        targets = tuple(_pair(item) for item in statistics.split(",") if item)
        yield Index(
            key, relation.schema, name, relation, definition, tablespace, clustered == "t", replica == "t", targets,
            int(oid) in catalog.parents,
        )  # fmt: skip


def _pair(item: str) -> tuple[str, str]:
    column, _equals, target = item.partition("=")
    return column, target
