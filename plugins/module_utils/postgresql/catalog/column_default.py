# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Defaults and generation expressions of columns: part of their table's statement, or a statement of their own."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from ..toc import SECTION_PRE_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import VIEW, Relation

_QUERY = """
    SELECT d.oid, d.adrelid, d.adnum, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attislocal, {generated}
    FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid >= 16384
    ORDER BY d.adrelid, d.adnum
"""
# A child's column without a default where a parent has one: unless told otherwise, the child would inherit it.
_NULLED = """
    SELECT DISTINCT a.attrelid, a.attnum, a.attname, a.attislocal
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.atthasdef AND NOT pa.attisdropped
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.inhrelid AND a.attname = pa.attname
    WHERE NOT a.atthasdef AND NOT a.attisdropped {not_generated}
    ORDER BY 1, 2
"""


@dataclass(frozen=True)
class ColumnDefault(DatabaseObject):
    """A default.

    :param number: of its column.
    :param generated: ``s``, ``v`` or empty: the expression of a generated column can only stand in the table's own.
    :param embedded: it stands in the table's statement, unless a dependency loop forces it apart.
    """

    relation: Relation
    number: int
    column: str
    expression: str
    generated: str
    embedded: bool

    kind = "default"
    priority = Priority.DEFAULT

    @property
    def label(self) -> str:
        return f"default of column {self.relation.schema}.{self.relation.name}.{self.column}"

    @property
    def embedded_in(self) -> Key | None:
        return self.relation.key if self.embedded else None

    @property
    def is_inherited_expression(self) -> bool:
        return bool(self.generated) and not self.embedded

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.number,)

    def edges(self) -> t.Iterable[Key]:
        return () if self.embedded else (self.relation.key,)

    def section(self, definitions: Definitions) -> int:
        return SECTION_PRE_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if self.is_inherited_expression or not definitions.is_separate(self):
            return
        relation, column = self.relation, identifier(self.column)
        alter = f"ALTER {relation.foreign_word}TABLE ONLY {relation.sql_name} ALTER COLUMN {column}"
        yield Entry(
            "DEFAULT",
            f"{relation.name} {self.column}",
            f"{alter} SET DEFAULT {self.expression};\n",
            f"ALTER {relation.foreign_word}TABLE {relation.sql_name} ALTER COLUMN {column} DROP DEFAULT;\n",
            relation.owner,
        )


def read_column_defaults(catalog: Catalog) -> t.Iterator[ColumnDefault]:
    """All defaults, those that only say "no default" among them."""
    generated = catalog.version >= 120000
    rows = catalog.session.rows(_QUERY.format(generated="a.attgenerated" if generated else "''"))
    expressions = {(int(row[1]), row[3]): row[4] for row in rows if row[6]}
    for oid, table, number, column, expression, is_local, how in rows:
        relation = catalog.relations.get(int(table))
        if relation is None:
            continue
        printed = is_local == "t" or relation.is_partition
        embedded = relation.kind != VIEW and printed
        if (
            how
            and not relation.is_partition
            and _inherits_expression(catalog, relation, column, expression, expressions)
        ):
            embedded = False
        elif how:
            embedded = True
        key = Key(CatalogOid.PG_ATTRDEF, int(oid))
        yield ColumnDefault(
            key, relation.schema, relation.name, relation, int(number), column, expression, how, embedded
        )
    yield from _nulled(catalog)


def _inherits_expression(
    catalog: Catalog, relation: Relation, column: str, expression: str, expressions: dict[tuple[int, str], str]
) -> bool:
    """Whether every parent that has the column generates it in the same way."""
    inherited = [
        expressions[parent, column]
        for parent in catalog.parents.get(relation.oid, ())
        if (parent, column) in expressions
    ]
    return bool(inherited) and all(text == expression for text in inherited)


def _nulled(catalog: Catalog) -> t.Iterator[ColumnDefault]:
    not_generated = "AND pa.attgenerated = ''" if catalog.version >= 120000 else ""
    for table, number, column, is_local in catalog.session.rows(_NULLED.format(not_generated=not_generated)):
        relation = catalog.relations.get(int(table))
        if relation is not None:
            # Not a row of a catalog: the column's number makes the key unique.
            key = Key(-1000 - int(number), relation.oid)
            embedded = is_local == "t" or relation.is_partition
            yield ColumnDefault(
                key, relation.schema, relation.name, relation, int(number), column, "NULL", "", embedded
            )
