# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sequences: free ones, those owned by a column and those that are a column's identity; and their values."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal
from .base import DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import SEQUENCE, Relation
from .relation_notes import comment_entries, label_entries

_QUERY = """
    SELECT s.seqrelid, pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
           s.seqcache, s.seqcycle, d.refobjid, d.deptype, a.attname, a.attidentity
    FROM pg_catalog.pg_sequence s
    LEFT JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = s.seqrelid AND d.objsubid = 0
     AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE s.seqrelid >= 16384
"""
_VALUES_18 = """
    SELECT s.seqrelid, v.last_value, v.is_called
    FROM pg_catalog.pg_sequence s, pg_catalog.pg_get_sequence_data(s.seqrelid) v
    WHERE s.seqrelid >= 16384
"""
_BATCH = 200
_LARGEST = {"smallint": (1 << 15) - 1, "integer": (1 << 31) - 1, "bigint": (1 << 63) - 1}


@dataclass(frozen=True)
class Sequence(DatabaseObject):
    """A sequence.

    :param type: ``bigint``, ``integer`` or ``smallint``.
    :param table: the table that owns it, if one does; ``column`` is the column's name.
    :param identity: ``a`` always, ``d`` by default, empty where it is no identity.
    """

    relation: Relation
    type: str
    start: int
    increment: int
    least: int
    largest: int
    cache: int
    cycle: bool
    table: Relation | None
    column: str
    identity: str

    kind = "sequence"
    priority = Priority.TABLE

    def edges(self) -> t.Iterable[Key]:
        return (self.table.key,) if self.table else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        catalog = definitions.catalog
        drop = "" if self.identity else f"DROP SEQUENCE {relation.sql_name};\n"
        yield Entry("SEQUENCE", self.name, self._create(), drop, relation.owner, relkind=SEQUENCE)
        if self.table and not self.identity:
            owned_by = f"{self.table.sql_name}.{identifier(self.column)}"
            statement = f"ALTER SEQUENCE {relation.sql_name} OWNED BY {owned_by};\n"
            yield Entry("SEQUENCE OWNED BY", self.name, statement, owner=relation.owner)
        yield from comment_entries(definitions, relation, "SEQUENCE", ())
        yield from label_entries(definitions, relation, "SEQUENCE", ())
        yield from catalog.acl_entry(
            relation.privileges, "SEQUENCE", name, owner=relation.owner, schema=relation.schema
        )

    def _create(self) -> str:
        relation = self.relation
        if self.identity and self.table:
            always = "ALWAYS" if self.identity == "a" else "BY DEFAULT"
            column = f"ALTER TABLE {self.table.sql_name} ALTER COLUMN {identifier(self.column)}"
            lines = [f"{column} ADD GENERATED {always} AS IDENTITY (", f"    SEQUENCE NAME {relation.sql_name}"]
            if relation.persistence != self.table.persistence:
                lines.append("    UNLOGGED" if relation.persistence == "u" else "    LOGGED")
        else:
            unlogged = "UNLOGGED " if relation.persistence == "u" else ""
            lines = [f"CREATE {unlogged}SEQUENCE {relation.sql_name}"]
            if self.type != "bigint":
                lines.append(f"    AS {self.type}")
        top = _LARGEST[self.type]
        least, largest = (1, top) if self.increment > 0 else (-top - 1, -1)
        lines.append(f"    START WITH {self.start}")
        lines.append(f"    INCREMENT BY {self.increment}")
        lines.append("    NO MINVALUE" if self.least == least else f"    MINVALUE {self.least}")
        lines.append("    NO MAXVALUE" if self.largest == largest else f"    MAXVALUE {self.largest}")
        lines.append(f"    CACHE {self.cache}")
        if self.cycle:
            lines.append("    CYCLE")
        return "\n".join(lines) + ("\n);\n" if self.identity else ";\n")


@dataclass(frozen=True)
class SequenceValue(DatabaseObject):
    """Where a sequence stands."""

    relation: Relation
    last_value: str
    is_called: bool

    kind = "sequence value"
    priority = Priority.SEQUENCE_SET

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        called = "true" if self.is_called else "false"
        name = literal(self.relation.sql_name)
        statement = f"SELECT pg_catalog.setval({name}, {self.last_value}, {called});\n"
        yield Entry("SEQUENCE SET", self.name, statement, owner=self.relation.owner)


def read_sequences(catalog: Catalog) -> t.Iterator[Sequence]:
    """All sequences."""
    for row in catalog.session.rows(_QUERY):
        relation = catalog.relations.get(int(row[0]))
        if relation is None:
            continue
        start, increment, least, largest, cache = (int(value) for value in row[2:7])
        # A sequence may be owned by a table that an extension made; then only the sequence itself is dumped.
        table = catalog.relations.get(int(row[8])) if row[8] else None
        yield Sequence(
            key=relation.key,
            schema=relation.schema,
            name=relation.name,
            relation=relation,
            type=row[1],
            start=start,
            increment=increment,
            least=least,
            largest=largest,
            cache=cache,
            cycle=row[7] == "t",
            table=table,
            column=row[10] if table else "",
            identity=row[11] if table and row[9] == "i" else "",
        )


def read_sequence_values(catalog: Catalog) -> t.Iterator[SequenceValue]:
    """The value of every sequence.

    Sequences are not part of a snapshot: the value read is that of now, so it is never behind the tables' rows.
    """
    sequences = [relation for relation in catalog.relations.values() if _has_value(catalog, relation)]
    values = {
        int(oid): (last_value, is_called == "t") for oid, last_value, is_called in _read_values(catalog, sequences)
    }
    for relation in sequences:
        last_value, is_called = values.get(relation.oid, ("", False))
        if not last_value:
            raise ConsistencyError(
                f"the value of sequence {relation.schema}.{relation.name} cannot be read",
                hint="it was dropped meanwhile; run the backup again",
                object=f"{relation.schema}.{relation.name}",
            )
        yield SequenceValue(
            Key(-Priority.SEQUENCE_SET, relation.oid), relation.schema, relation.name, relation, last_value, is_called
        )


def _has_value(catalog: Catalog, relation: Relation) -> bool:
    if relation.kind == SEQUENCE and relation.persistence == "u" and catalog.is_standby:
        name = f"{relation.schema}.{relation.name}"
        key = Key(-Priority.SEQUENCE_SET, relation.oid)
        catalog.leave_out(key, f"the value of unlogged sequence {name}, which a standby does not have")
        return False
    return relation.kind == SEQUENCE and catalog.includes_data(relation)


def _values_of(sequence: Relation) -> str:
    return f"SELECT '{sequence.oid}', last_value, is_called FROM {sequence.sql_name}"


def _read_values(catalog: Catalog, sequences: t.Sequence[Relation]) -> t.Iterator[tuple[str, ...]]:
    if catalog.version >= 180000:
        yield from catalog.session.rows(_VALUES_18)
        return
    for start in range(0, len(sequences), _BATCH):
        selects = [_values_of(one) for one in sequences[start : start + _BATCH]]
        yield from catalog.session.rows(" UNION ALL ".join(selects))
