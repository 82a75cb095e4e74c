# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""NOT NULL constraints that are not valid yet (18 and later): they come after the data."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import Relation
from .relation_notes import constraint_comment

_QUERY = """
    SELECT oid, conrelid, conname, pg_catalog.pg_get_constraintdef(oid), conislocal
    FROM pg_catalog.pg_constraint
    WHERE contype = 'n' AND NOT convalidated AND conrelid >= 16384
    ORDER BY conrelid, conname
"""


@dataclass(frozen=True)
class InvalidNotNull(DatabaseObject):
    """A NOT NULL … NOT VALID constraint."""

    relation: Relation
    definition: str
    is_local: bool

    kind = "not-null constraint"
    priority = Priority.CONSTRAINT

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if not self.is_local and not self.relation.is_partition:
            return
        relation, name = self.relation, identifier(self.name)
        alter = f"ALTER {relation.foreign_word}TABLE {relation.sql_name}"
        yield Entry(
            "CONSTRAINT",
            f"{relation.name} {self.name}",
            f"{alter}\n    ADD CONSTRAINT {name} {self.definition};\n",
            f"{alter} DROP CONSTRAINT {name};\n",
            relation.owner,
        )
        yield from constraint_comment(definitions.catalog, relation, self.key, self.name)


def read_invalid_not_nulls(catalog: Catalog) -> t.Iterator[InvalidNotNull]:
    """All NOT NULL constraints that are not valid."""
    if catalog.version < 180000:
        return
    for oid, table, name, definition, is_local in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(table))
        if relation is not None:
            key = Key(CatalogOid.PG_CONSTRAINT, int(oid))
            yield InvalidNotNull(key, relation.schema, name, relation, definition, is_local == "t")
