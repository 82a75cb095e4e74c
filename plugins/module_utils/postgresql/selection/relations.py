# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which relations with data of their own a selection takes: what must be readable and, of tables, locked."""

from __future__ import annotations

import typing as t

from ..data_relations import HOLDS_DATA
from ..session import Session
from .chosen import Chosen

_RELATIONS = f"""
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relnamespace,
           coalesce((SELECT e.refobjid FROM pg_catalog.pg_depend e
                     WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'), 0),
           c.relpersistence
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S') AND {HOLDS_DATA}
    ORDER BY c.oid
"""
_OWNED_SEQUENCES = """
    SELECT d.objid, d.refobjid, d.deptype
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
"""

#: ``pg_class.relkind`` of a sequence.
SEQUENCE = "S"


class DataRelation(t.NamedTuple):
    """A table, partitioned table or sequence that is taken.

    :param kind: ``pg_class.relkind``.
    :param has_data: its rows, or its value, are taken too.
    """

    oid: int
    schema: str
    name: str
    kind: str
    has_data: bool


class OwnedSequence(t.NamedTuple):
    """A sequence that belongs to a table's column."""

    table: int
    is_identity: bool


def owned_sequences(session: Session) -> dict[int, OwnedSequence]:
    """All sequences that belong to columns, by their OIDs."""
    return {
        int(sequence): OwnedSequence(int(table), kind == "i")
        for sequence, table, kind in session.rows(_OWNED_SEQUENCES)
    }


def data_relations(session: Session, chosen: Chosen) -> list[DataRelation]:
    """The relations that hold data and that a selection takes, by OID."""
    rows = session.rows(_RELATIONS)
    owned = owned_sequences(session) if chosen.is_partial else {}
    homes = {int(row[0]): int(row[4]) for row in rows if not int(row[5])}
    takes_data = chosen.selection.takes_data
    found = []
    for text, schema, name, kind, schema_oid, extension, persistence in rows:
        oid = int(text)
        if int(extension):
            wanted = chosen.has_configuration(int(extension), oid, int(schema_oid))
        else:
            wanted = has_relation(chosen, owned, homes, oid, int(schema_oid))
        if wanted:
            unlogged = persistence == "u" and "unlogged_table_data" in chosen.selection.without
            takes = takes_data or (kind == SEQUENCE and chosen.selection.sequence_data)
            has_data = takes and chosen.has_rows(oid) and not unlogged
            found.append(DataRelation(oid, schema, name, kind, has_data))
    return found


def has_relation(
    chosen: Chosen, owned: t.Mapping[int, OwnedSequence], homes: t.Mapping[int, int], oid: int, schema: int
) -> bool:
    """Whether a relation is taken: a sequence of a column comes with its table, one that is an identity only so.

    :param homes: the schemas of the tables that may be taken, by the tables' OIDs.
    """
    sequence = owned.get(oid)
    if sequence is not None and sequence.table in homes:
        if chosen.has_relation(sequence.table, homes[sequence.table]):
            return True
        if sequence.is_identity:
            return False
    return chosen.has_relation(oid, schema)
