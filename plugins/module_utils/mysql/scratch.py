# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A database that a backup is restored into to be looked at, and dropped again."""

from __future__ import annotations

import typing as t

from .connection import connect
from .dump import MysqlBackupSource
from .options import BackupOptions, ConnectionOptions
from .quoting import identifier, literal

_FOREIGN_KEYS = """
    SELECT k.constraint_name, k.table_name, k.column_name, k.referenced_table_schema, k.referenced_table_name,
        k.referenced_column_name
    FROM information_schema.key_column_usage k
    WHERE k.table_schema = {database} AND k.referenced_table_name IS NOT NULL
    ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
_Key = tuple[str, str]


class MysqlScratch:
    """A scratch database of a server.

    :param name: made by the restore.
    """

    def __init__(self, connection: ConnectionOptions, name: str) -> None:
        self._connection = connection
        self._name = name

    def is_true(self, query: str) -> bool:
        """Whether a query gives one row with one true value. It runs in a read-only transaction.

        :raises QueryError: the server refuses it.
        """
        session = connect(self._connection, database=self._name)
        try:
            session.execute("SET SESSION TRANSACTION READ ONLY")
            session.execute("START TRANSACTION READ ONLY")
            rows = session.query(query)
        finally:
            session.close()
        return len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] not in (None, "0", "")

    def objects(self) -> t.Mapping[str, int]:
        """How many objects of each kind a backup of the database would hold."""
        source = MysqlBackupSource(BackupOptions(self._connection, self._name, lock_tables=True))
        try:
            return source.plan().objects
        finally:
            source.close()

    def compared_kinds(self, kinds: t.Iterable[str]) -> t.Iterator[str]:
        """The kinds of objects whose number must be that of the backup; events are not restored."""
        return (kind for kind in kinds if kind.lower() != "event")

    def broken(self) -> t.Sequence[str]:
        """Foreign keys with rows that refer to nothing: the server does not check them when rows are loaded."""
        session = connect(self._connection, database=self._name)
        try:
            keys: dict[_Key, list[tuple[str, ...]]] = {}
            for row in session.query(_FOREIGN_KEYS.format(database=literal(self._name))):
                name, table, *columns = (value or "" for value in row)
                keys.setdefault((table, name), []).append(tuple(columns))
            return [
                f"{table}: rows refer to nothing by the foreign key {name}"
                for (table, name), columns in keys.items()
                if session.query(_orphans(table, columns))
            ]
        finally:
            session.close()

    def drop(self) -> None:
        """Drop the database if it is there."""
        session = connect(self._connection)
        try:
            session.execute(f"DROP DATABASE IF EXISTS {identifier(self._name)}")
        finally:
            session.close()


def _orphans(table: str, columns: t.Sequence[tuple[str, ...]]) -> str:
    """A query that gives a row where the table has one whose reference leads nowhere. NULL in any column is none."""
    (_column, schema, parent, _referenced), *_rest = columns
    same = " AND ".join(f"p.{identifier(theirs)} = c.{identifier(own)}" for own, _s, _p, theirs in columns)
    given = " AND ".join(f"c.{identifier(own)} IS NOT NULL" for own, _s, _p, _theirs in columns)
    return (
        f"SELECT 1 FROM {identifier(table)} c WHERE {given} AND NOT EXISTS "
        f"(SELECT 1 FROM {identifier(schema)}.{identifier(parent)} p WHERE {same}) LIMIT 1"
    )
