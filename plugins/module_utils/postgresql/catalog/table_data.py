# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of tables: which, with which columns; reading them is ``copy_out.py``'s job."""

from __future__ import annotations

import dataclasses
import typing as t

from .base import DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import TABLE, Relation


@dataclasses.dataclass(frozen=True)
class TableData(DatabaseObject):
    """The data of one table."""

    relation: Relation

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
            None,
            owner=relation.owner,
            copy_stmt=f"COPY {relation.sql_name} {columns} FROM stdin;\n",
            had_dumper=True,
        )


def data_key(oid: int) -> Key:
    """The key of a table's data."""
    return Key(-Priority.TABLE_DATA, oid)


def read_table_data(catalog: Catalog) -> t.Iterator[TableData]:
    """One for every table that holds rows itself: not partitioned ones, whose rows are in their partitions."""
    for relation in catalog.relations.values():
        if relation.kind != TABLE or not catalog.includes_data(relation):
            continue
        if catalog.is_standby and relation.persistence == "u":
            name = f"{relation.schema}.{relation.name}"
            catalog.leave_out(
                data_key(relation.oid), f"the rows of unlogged table {name}, which a standby does not have"
            )
            continue
        yield TableData(data_key(relation.oid), relation.schema, relation.name, relation)
