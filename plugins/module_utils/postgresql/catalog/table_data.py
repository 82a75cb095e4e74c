# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of tables: which, with which columns; reading them is ``copy_out.py``'s job."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from .base import DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import FOREIGN_TABLE, TABLE, Relation

# Where letters of an enum decide which hash partition a row is in, another database may decide otherwise: an enum's
# letters are hashed by their OIDs.
_HASHED_BY_ENUM = """
    SELECT p.partrelid FROM pg_catalog.pg_partitioned_table p
    WHERE EXISTS (
        SELECT FROM pg_catalog.unnest(p.partclass::pg_catalog.oid[]) used (oid)
        JOIN pg_catalog.pg_opclass o ON o.oid = used.oid
        JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
        JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
        WHERE o.opcname = 'enum_ops' AND a.amname = 'hash' AND n.nspname = 'pg_catalog')
"""
_OF_SERVERS = "SELECT ftrelid FROM pg_catalog.pg_foreign_table WHERE ftserver = ANY ($1::oid[])"


@dataclass(frozen=True)
class TableData(DatabaseObject):
    """The data of one table.

    :param root: the partitioned table that its rows are loaded into, as SQL; empty for the table itself.
    """

    relation: Relation
    root: str = ""

    kind = "table data"
    priority = Priority.TABLE_DATA

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation = self.relation
        columns = definitions.copy_columns(relation.oid)
        yield Entry(
            "TABLE DATA",
            self.name,
            f"-- load via partition root {self.root}" if self.root else None,
            owner=relation.owner,
            copy_stmt=f"COPY {self.root or relation.sql_name} {columns} FROM stdin;\n",
            had_dumper=True,
        )

    def copy_statement(self, columns: str) -> str:
        """What reads the rows.

        :param columns: between brackets; empty for none.
        """
        if self.relation.kind == FOREIGN_TABLE:
            return f"COPY (SELECT {columns[1:-1] or '*'} FROM {self.relation.sql_name} ) TO stdout"
        return f"COPY {self.relation.sql_name} {columns} TO stdout"

    def select(self, columns: str) -> str:
        """The same as a query."""
        return f"SELECT {columns[1:-1]} FROM ONLY {self.relation.sql_name}"


def data_key(oid: int) -> Key:
    """The key of a table's data."""
    return Key(-Priority.TABLE_DATA, oid)


def read_table_data(catalog: Catalog) -> t.Iterator[TableData]:
    """One for every table that holds rows itself: not partitioned ones, whose rows are in their partitions."""
    foreign = _wanted_foreign_tables(catalog)
    by_enum = frozenset(int(oid) for (oid,) in catalog.session.rows(_HASHED_BY_ENUM))
    for relation in catalog.relations.values():
        holds_rows = relation.kind == TABLE or relation.oid in foreign
        if not holds_rows or not catalog.includes_data(relation):
            continue
        if catalog.is_standby and relation.persistence == "u":
            name = f"{relation.schema}.{relation.name}"
            catalog.leave_out(
                data_key(relation.oid), f"the rows of unlogged table {name}, which a standby does not have"
            )
            continue
        root = _root(catalog, relation, by_enum) if relation.is_partition else ""
        yield TableData(data_key(relation.oid), relation.schema, relation.name, relation, root)


def _wanted_foreign_tables(catalog: Catalog) -> frozenset[int]:
    servers = catalog.chosen.foreign_servers
    if not servers:
        return frozenset()
    listed = "{" + ",".join(map(str, servers)) + "}"
    return frozenset(int(oid) for (oid,) in catalog.session.rows(_OF_SERVERS, (listed,)))


def _root(catalog: Catalog, relation: Relation, by_enum: frozenset[int]) -> str:
    """The partitioned table that a partition's rows are to be loaded into, if not into the partition."""
    *_between, root = above = list(catalog.above(relation.oid))
    if catalog.settings.load_via_partition_root or not by_enum.isdisjoint(above):
        return catalog.name_of(root)
    return ""
