# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The columns of relations, read in batches when their definitions are written, so that memory stays small."""

from __future__ import annotations

import sys
import typing as t

from ..quoting import identifier
from ..session import Session

_BATCH = 500

# Before 18 a column's NOT NULL has no constraint of its own; it counts as inherited when a parent's column has it too.
_NOT_NULL_FLAG = """
    a.attnotnull, '' AS not_null_name, 'f' AS no_inherit,
    NOT (a.attinhcount > 0 AND EXISTS (
        SELECT FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attname = a.attname
        WHERE i.inhrelid = a.attrelid AND pa.attnotnull AND NOT pa.attisdropped))
"""
# From 18 on: a constraint that is not valid yet comes after the data, on its own.
_NOT_NULL_CONSTRAINT = """
    nn.oid IS NOT NULL AND nn.convalidated,
    CASE WHEN nn.conname = c.relname || '_' || a.attname || '_not_null' AND
              pg_catalog.obj_description(nn.oid, 'pg_constraint') IS NULL THEN '' ELSE nn.conname END,
    nn.connoinherit,
    -- An inherited constraint that is valid here, while those of all parents are not, must be said here.
    nn.conislocal OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits i
        JOIN pg_catalog.pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attname = a.attname
        JOIN pg_catalog.pg_constraint pn
          ON pn.conrelid = pa.attrelid AND pn.contype = 'n' AND pn.conkey = ARRAY[pa.attnum] AND pn.convalidated
        WHERE i.inhrelid = a.attrelid)
"""
_NOT_NULL_JOIN = """
    LEFT JOIN pg_catalog.pg_constraint nn
      ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.conkey = ARRAY[a.attnum]
"""
_QUERY = """
    SELECT a.attrelid, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation <> ty.typcollation THEN
               (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                WHERE co.oid = a.attcollation) END,
           a.attislocal, {not_null},
           CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
           CASE WHEN a.attstorage <> ty.typstorage THEN a.attstorage END,
           {compression}, {generated},
           pg_catalog.array_to_string(a.attoptions, ', '),
           CASE WHEN a.attfdwoptions IS NOT NULL THEN pg_catalog.array_to_string(ARRAY(
               SELECT pg_catalog.quote_ident(option_name) || ' ' || pg_catalog.quote_literal(option_value)
               FROM pg_catalog.pg_options_to_table(a.attfdwoptions) ORDER BY option_name), E',\\n    ') END,
           {has_constraint}
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
    {join}
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""


class Column(t.NamedTuple):
    """One column of a relation (a named tuple because there are many).

    :param type: as SQL, with its modifiers.
    :param collation: as SQL, where it is not the type's own.
    :param is_local: defined here, not only inherited.
    :param not_null_name: of the constraint, empty where the name is the one that the server would choose.
    :param not_null_local: the constraint is not only inherited.
    :param statistics: the target, empty for the default.
    :param storage: ``pg_attribute.attstorage`` where it is not the type's own.
    :param has_not_null_constraint: NOT NULL is a constraint of its own (18 and later).
    :param generated: ``s`` stored, ``v`` virtual, empty for an ordinary column.
    """

    relation: int
    number: int
    name: str
    type: str
    collation: str
    is_local: bool
    not_null: bool
    not_null_name: str
    not_null_no_inherit: bool
    not_null_local: bool
    statistics: str
    storage: str
    compression: str
    generated: str
    options: str
    foreign_options: str
    has_not_null_constraint: bool

    @property
    def sql_name(self) -> str:
        return identifier(self.name)


def _sql(version: int, *, compression: bool) -> str:
    return _QUERY.format(
        not_null=_NOT_NULL_CONSTRAINT if version >= 180000 else _NOT_NULL_FLAG,
        join=_NOT_NULL_JOIN if version >= 180000 else "",
        has_constraint="nn.oid IS NOT NULL" if version >= 180000 else "'f'",
        compression="a.attcompression" if version >= 140000 and compression else "''",
        generated="a.attgenerated" if version >= 120000 else "''",
    )


class Columns:
    """The columns of relations on demand.

    :param order: the relations in the order in which they will be asked for: reading ahead follows it.
    :param compression: with how values are compressed.
    """

    def __init__(self, session: Session, order: t.Sequence[int], *, compression: bool = True) -> None:
        self._session = session
        self._order = order
        self._position = {oid: number for number, oid in enumerate(order)}
        self._loaded: dict[int, list[Column]] = {}
        self._query = _sql(session.version, compression=compression)

    def of(self, oid: int) -> list[Column]:
        """The columns of a relation in their order; dropped ones are not among them."""
        if oid not in self._loaded:
            start = self._position.get(oid)
            batch = [oid] if start is None else self._order[start : start + _BATCH]
            self._loaded = {number: [] for number in batch}
            for row in self._session.rows(self._query, ("{" + ",".join(map(str, batch)) + "}",)):
                column = _column(row)
                self._loaded[column.relation].append(column)
        return self._loaded[oid]


def _column(row: tuple[str, ...]) -> Column:
    name, type_name = sys.intern(row[2]), sys.intern(row[3])
    is_local, not_null, no_inherit, not_null_local = (row[number] == "t" for number in (5, 6, 8, 9))
    return Column(
        int(row[0]), int(row[1]), name, type_name, row[4], is_local, not_null, row[7], no_inherit, not_null_local,
        row[10], row[11], row[12], row[13], row[14], row[15], row[16] == "t",
    )  # fmt: skip
