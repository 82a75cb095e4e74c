# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Composite types made by CREATE TYPE (a table's row type comes with the table)."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal
from .base import CatalogOid, Entry, Key, Priority, satellite
from .column import Column
from .context import Catalog, Definitions
from .user_type import UserType, read_type_headers

_RELATIONS = "SELECT oid, typrelid FROM pg_catalog.pg_type WHERE typtype = 'c' AND oid >= 16384"


@dataclass(frozen=True)
class CompositeType(UserType):
    """A composite type.

    :param relation: the OID of its row in pg_class, which its columns belong to.
    """

    relation: int

    kind = "composite type"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        columns = ",".join(f"\n\t{_column(column)}" for column in definitions.columns.of(self.relation))
        yield from self.type_entries(definitions, f"CREATE TYPE {self.sql_name} AS ({columns}\n);\n")

    def more_comments(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation = Key(CatalogOid.PG_CLASS, self.relation)
        for column in definitions.columns.of(self.relation):
            text = definitions.catalog.comment(relation, column.number)
            if text is not None:
                statement = f"COMMENT ON COLUMN {self.sql_name}.{column.sql_name} IS {literal(text)};\n"
                yield satellite(
                    "COMMENT", f"COLUMN {identifier(self.name)}.{column.sql_name}", statement, owner=self.owner
                )


def _column(column: Column) -> str:
    collation = f" COLLATE {column.collation}" if column.collation else ""
    return f"{column.sql_name} {column.type}{collation}"


def read_composite_types(catalog: Catalog) -> t.Iterator[CompositeType]:
    """All composite types."""
    relations = {int(oid): int(relation) for oid, relation in catalog.session.rows(_RELATIONS)}
    for header in read_type_headers(catalog, "c", condition="c.relkind = 'c'"):
        relation = relations[header.key.oid]
        # The columns' dependencies hang on the pg_class row.
        catalog.aliases[Key(CatalogOid.PG_CLASS, relation)] = header.key
        yield CompositeType(*header, relation)
