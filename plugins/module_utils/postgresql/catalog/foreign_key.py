# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Foreign keys."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .index_attach import index_attach_key
from .relation import PARTITIONED_TABLE, Relation
from .relation_notes import constraint_comment

_QUERY = """
    SELECT oid, conrelid, conname, pg_catalog.pg_get_constraintdef(oid), confrelid, conindid
    FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND conrelid >= 16384 {own}
"""


@dataclass(frozen=True)
class ForeignKey(DatabaseObject):
    """A foreign key.

    :param referenced: the table it points to.
    :param index_attachments: of the index it rests on: a partitioned one is only valid when all its parts are there.
    """

    relation: Relation
    definition: str
    referenced: Key
    index_attachments: tuple[Key, ...]

    kind = "foreign key"
    priority = Priority.FOREIGN_KEY

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key, self.referenced, *self.index_attachments)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        only = "" if relation.kind == PARTITIONED_TABLE else "ONLY "
        alter = f"ALTER {relation.foreign_word}TABLE {only}{relation.sql_name}"
        yield Entry(
            "FK CONSTRAINT",
            f"{relation.name} {self.name}",
            f"{alter}\n    ADD CONSTRAINT {name} {self.definition};\n",
            f"{alter} DROP CONSTRAINT {name};\n",
            relation.owner,
        )
        yield from constraint_comment(definitions.catalog, relation, self.key, self.name)


def read_foreign_keys(catalog: Catalog) -> t.Iterator[ForeignKey]:
    """All foreign keys; those that partitions have from their parents come with the parents'."""
    children: dict[int, list[int]] = {}
    for child, parents in catalog.parents.items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    own = "AND conparentid = 0" if catalog.version >= 110000 else ""
    for oid, table, name, definition, referenced, index in catalog.session.rows(_QUERY.format(own=own)):
        relation = catalog.relations.get(int(table))
        if relation is None:
            continue
        yield ForeignKey(
            key=Key(CatalogOid.PG_CONSTRAINT, int(oid)),
            schema=relation.schema,
            name=name,
            relation=relation,
            definition=definition,
            referenced=Key(CatalogOid.PG_CLASS, int(referenced)),
            index_attachments=tuple(index_attach_key(part) for part in _below(children, int(index))),
        )


def _below(children: t.Mapping[int, t.Sequence[int]], oid: int) -> t.Iterator[int]:
    for child in children.get(oid, ()):
        yield child
        yield from _below(children, child)
