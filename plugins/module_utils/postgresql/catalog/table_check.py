# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""CHECK constraints of tables: part of their table's statement, or after the data where they are not valid yet."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from ..toc import SECTION_POST_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import Relation
from .relation_notes import constraint_comment

_QUERY = """
    SELECT oid, conrelid, conname, pg_catalog.pg_get_constraintdef(oid), conislocal, convalidated
    FROM pg_catalog.pg_constraint
    WHERE contype = 'c' AND conrelid >= 16384
    ORDER BY conrelid, conname
"""


@dataclass(frozen=True)
class TableCheck(DatabaseObject):
    """A CHECK constraint.

    :param definition: ``CHECK (…)`` with NO INHERIT, NOT VALID and so on.
    :param is_local: defined here, not only inherited.
    """

    relation: Relation
    definition: str
    is_local: bool
    validated: bool

    kind = "check constraint"
    priority = Priority.CONSTRAINT

    @property
    def embedded_in(self) -> Key | None:
        return self.relation.key if self.validated else None

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return () if self.validated else (self.relation.key,)

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if not definitions.is_separate(self) or not self.is_local:
            return
        relation, name = self.relation, identifier(self.name)
        alter = f"ALTER {relation.foreign_word}TABLE {relation.sql_name}"
        yield Entry(
            "CHECK CONSTRAINT",
            f"{relation.name} {self.name}",
            f"{alter}\n    ADD CONSTRAINT {name} {self.definition};\n",
            f"{alter} DROP CONSTRAINT {name};\n",
            relation.owner,
        )
        yield from constraint_comment(definitions.catalog, relation, self.key, self.name)


def read_table_checks(catalog: Catalog) -> t.Iterator[TableCheck]:
    """All CHECK constraints of tables."""
    for oid, table, name, definition, is_local, validated in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(table))
        if relation is not None:
            key = Key(CatalogOid.PG_CONSTRAINT, int(oid))
            yield TableCheck(key, relation.schema, name, relation, definition, is_local == "t", validated == "t")
