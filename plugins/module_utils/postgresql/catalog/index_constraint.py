# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Primary keys, unique and exclusion constraints: the constraints that an index stands behind."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, parse_array, qualified, storage_options
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .index import index_properties
from .relation import Relation
from .relation_notes import constraint_comment

_QUERY = """
    SELECT con.oid, con.conrelid, con.conname, con.contype, con.conindid, con.condeferrable, con.condeferred,
           ARRAY(SELECT a.attname FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
                 ORDER BY k.place)::text[],
           {key_count}, c.reloptions, tsp.spcname, i.indisclustered, i.indisreplident, {nulls_not_distinct}, {period},
           CASE WHEN con.contype = 'x' THEN pg_catalog.pg_get_constraintdef(con.oid) END
    FROM pg_catalog.pg_constraint con
    JOIN pg_catalog.pg_index i ON i.indexrelid = con.conindid
    JOIN pg_catalog.pg_class c ON c.oid = con.conindid
    LEFT JOIN pg_catalog.pg_tablespace tsp ON tsp.oid = c.reltablespace
    WHERE con.contype IN ('p', 'u', 'x') AND con.conrelid >= 16384
"""
_WORDS = {"p": "PRIMARY KEY", "u": "UNIQUE", "x": "EXCLUDE"}


@dataclass(frozen=True)
class IndexConstraint(DatabaseObject):
    """A primary key, unique or exclusion constraint.

    :param type: ``p``, ``u`` or ``x``.
    :param index: the OID of its index.
    :param definition: of an exclusion constraint, as the server says it.
    :param columns: the key columns; ``included`` those that are only carried along.
    """

    relation: Relation
    type: str
    index: int
    definition: str
    columns: tuple[str, ...]
    included: tuple[str, ...]
    options: tuple[str, ...]
    tablespace: str
    deferrable: bool
    deferred: bool
    nulls_not_distinct: bool
    without_overlaps: bool
    is_clustered: bool
    is_replica_identity: bool

    kind = "constraint"
    priority = Priority.CONSTRAINT

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        catalog = definitions.catalog
        alter = f"ALTER {relation.foreign_word}TABLE ONLY {relation.sql_name}"
        statement = f"{alter}\n    ADD CONSTRAINT {name} {self.definition or self._built()};\n"
        statement += index_properties(
            relation, name, clustered=self.is_clustered, replica_identity=self.is_replica_identity
        )
        index = Key(CatalogOid.PG_CLASS, self.index)
        statement += catalog.needed_extensions_sql(index, "INDEX", qualified(self.schema, self.name))
        drop = f"{alter} DROP CONSTRAINT {name};\n"
        yield Entry(
            "CONSTRAINT", f"{relation.name} {self.name}", statement, drop, relation.owner, tablespace=self.tablespace
        )
        yield from constraint_comment(catalog, relation, self.key, self.name)

    def _built(self) -> str:
        keys = ", ".join(identifier(column) for column in self.columns)
        parts = [_WORDS[self.type]]
        if self.nulls_not_distinct:
            parts.append("NULLS NOT DISTINCT")
        parts.append(f"({keys}{' WITHOUT OVERLAPS' if self.without_overlaps else ''})")
        if self.included:
            parts.append(f"INCLUDE ({', '.join(identifier(column) for column in self.included)})")
        if self.options:
            parts.append(f"WITH ({storage_options(self.options)})")
        if self.deferrable:
            parts.append("DEFERRABLE INITIALLY DEFERRED" if self.deferred else "DEFERRABLE")
        return " ".join(parts)


@dataclass(frozen=True)
class IndexComment(DatabaseObject):
    """The comment of the index that stands behind a constraint; it comes where the indexes come.

    :param index: the OID of the index.
    """

    index: int
    constraint: Key
    owner: str

    kind = "index comment"
    priority = Priority.INDEX

    def edges(self) -> t.Iterable[Key]:
        return (self.constraint,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        key, name = Key(CatalogOid.PG_CLASS, self.index), identifier(self.name)
        return definitions.catalog.comment_entry(key, "INDEX", name, owner=self.owner, schema=self.schema)


def index_comment_key(oid: int) -> Key:
    """The key of the comment of a constraint's index."""
    return Key(-Priority.INDEX, oid)


def read_index_constraints(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All primary key, unique and exclusion constraints, and the comments of their indexes."""
    query = _QUERY.format(
        key_count="i.indnkeyatts" if catalog.version >= 110000 else "i.indnatts",
        nulls_not_distinct="i.indnullsnotdistinct" if catalog.version >= 150000 else "'f'",
        period="con.conperiod" if catalog.version >= 180000 else "'f'",
    )
    for row in catalog.session.rows(query):
        relation = catalog.relations.get(int(row[1]))
        if relation is None:
            continue
        key, index = Key(CatalogOid.PG_CONSTRAINT, int(row[0])), int(row[4])
        names, keys = parse_array(row[7]), int(row[8])
        # Whatever depends on the index depends on the constraint that makes it.
        catalog.aliases[Key(CatalogOid.PG_CLASS, index)] = key
        if catalog.comment(Key(CatalogOid.PG_CLASS, index)) is not None:
            yield IndexComment(index_comment_key(index), relation.schema, row[2], index, key, relation.owner)
        yield IndexConstraint(
            key=key,
            schema=relation.schema,
            name=row[2],
            relation=relation,
            type=row[3],
            index=index,
            definition=row[15],
            columns=names[:keys],
            included=names[keys:],
            options=parse_array(row[9]),
            tablespace=row[10],
            deferrable=row[5] == "t",
            deferred=row[6] == "t",
            nulls_not_distinct=row[13] == "t",
            without_overlaps=row[14] == "t",
            is_clustered=row[11] == "t",
            is_replica_identity=row[12] == "t",
        )
