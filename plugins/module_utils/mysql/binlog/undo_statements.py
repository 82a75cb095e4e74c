# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The statements that undo changes of rows.

They are for the session that :data:`SESSION` makes: in it every value that a server has stored can be written again.
"""

from __future__ import annotations

import typing as t

from ..quoting import identifier
from .live_table import LiveTable
from .row_values import Value

Row = t.Sequence[Value]

#: Session variables to expressions in SQL; a server has those that it knows.
SESSION: t.Mapping[str, str] = {
    "time_zone": "'+00:00'",
    "sql_mode": "'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    # Nothing may change rows of other tables, as keys that cascade would; they are checked at the end.
    "foreign_key_checks": "0",
    "unique_checks": "1",
    "sql_safe_updates": "0",
    "explicit_defaults_for_timestamp": "1",
    # A key that the server made itself is a column like others in the log.
    "show_gipk_in_create_table_and_information_schema": "1",
    "max_execution_time": "0",
    "max_statement_time": "0",
}
_TIMES = frozenset(("timestamp", "datetime"))


def by_key(table: LiveTable, row: Row) -> str:
    """The condition that finds the row of this one's key."""
    return " AND ".join(
        f"{identifier(table.columns[index].name)} = {table.columns[index].literal(row[index])}" for index in table.key
    )


def by_keys(table: LiveTable, rows: t.Sequence[Row]) -> str:
    """The condition that finds the rows of these ones' keys."""
    if len(table.key) == 1:
        column = table.columns[table.key[0]]
        return f"{identifier(column.name)} IN ({', '.join(column.literal(row[table.key[0]]) for row in rows)})"
    return " OR ".join(f"({by_key(table, row)})" for row in rows)


def by_values(table: LiveTable, row: Row) -> str:
    """The condition that finds exactly this row, by its key too where it has one."""
    key = [by_key(table, row)] if table.key else []
    exact = (table.columns[index].condition(row[index]) for index in table.written)
    return " AND ".join([*key, *(condition for condition in exact if condition not in key)])


def insert(table: LiveTable, rows: t.Sequence[Row]) -> str:
    """Bring rows back."""
    names = ", ".join(identifier(table.columns[index].name) for index in table.written)
    values = ", ".join(
        "(" + ", ".join(table.columns[index].literal(row[index]) for index in table.written) + ")" for row in rows
    )
    return f"INSERT INTO {table.quoted} ({names}) VALUES {values}"


def overwrite(table: LiveTable, rows: t.Sequence[Row]) -> str:
    """Give rows that are there the values that they had; none that is in a unique key may differ."""
    names = [identifier(table.columns[index].name) for index in table.written if index not in table.key]
    assignments = ", ".join(f"{name} = VALUES({name})" for name in names)
    return f"{insert(table, rows)} ON DUPLICATE KEY UPDATE {assignments}"


def update(table: LiveTable, after: Row, before: Row, condition: str) -> str:
    """Give a row the values that it had: those that differ, and times, which the server may set by itself."""
    changed = [
        index
        for index in table.written
        if after[index] != before[index] or table.columns[index].column.data_type in _TIMES
    ]
    # Without an assignment there would be no statement.
    assignments = ", ".join(
        f"{identifier(table.columns[index].name)} = {table.columns[index].literal(before[index])}"
        for index in changed or table.written[:1]
    )
    return f"UPDATE {table.quoted} SET {assignments} WHERE {condition}"


def delete(table: LiveTable, condition: str) -> str:
    """Remove rows."""
    return f"DELETE FROM {table.quoted} WHERE {condition}"
