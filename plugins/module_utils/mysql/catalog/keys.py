# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The key of a table that tells its rows apart."""

from __future__ import annotations

from .. import quoting
from ..session import Session


def unique_key(session: Session, database: str, table: str) -> tuple[str, ...]:
    """The columns of the primary key, else of the first unique key; empty where there is neither.

    Keys of expressions are passed over: they have no column.
    """
    rows = session.query(
        "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS "
        f"WHERE TABLE_SCHEMA = {quoting.literal(database)} AND TABLE_NAME = {quoting.literal(table)} "
        "AND NON_UNIQUE = 0 AND INDEX_TYPE = 'BTREE' ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
    )
    keys: dict[str, list[str | None]] = {}
    for key, column in rows:
        keys.setdefault(key or "", []).append(column)
    for columns in keys.values():
        if all(columns):
            return tuple(column or "" for column in columns)
    return ()
