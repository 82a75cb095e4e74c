# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads the rows of one table, all or a range of them, and writes them as statements."""

from __future__ import annotations

import typing as t

from ..errors import ConsistencyError, DbfleetError
from ..streams.base import ByteSink
from . import chunks, script_text
from .catalog.tables import Table
from .inserts import InsertWriter
from .options import ScriptForm
from .session import Session


def write_rows(
    session: Session,
    table: Table,
    sink: ByteSink,
    advanced: t.Callable[[int, int], None],
    *,
    form: ScriptForm,
    source: str,
    conditions: t.Sequence[str] = (),
    order: str = "",
    limit: int = 0,
    key: chunks.Key | None = None,
) -> tuple[int, chunks.Bound | None]:
    """Read rows and write them as INSERT statements.

    :param advanced: called with the bytes written and the rows done, per batch.
    :param source: what stands behind FROM, see :func:`.chunks.source_of`.
    :param conditions: beside the user's own.
    :param order: the columns behind ORDER BY, quoted; empty where any order will do.
    :param limit: how many rows at most, 0 for all.
    :param key: its values of the last row are wanted.
    :return: how many rows there were, and the last one's key.
    :raises DbfleetError: names the table.
    """
    columns = table.stored_columns
    inserts = InsertWriter(
        session,
        script_text.insert_prefix(table, form),
        tuple(column.format for column in columns),
        sink,
        advanced,
        form,
        tuple(sorted(column.field for column in key.columns)) if key else (),
    )
    expressions = ", ".join(expression for column in columns for expression in column.expressions)
    query = f"SELECT {expressions} FROM {source}{table.conditions(*conditions)}"
    query += (f" ORDER BY {order}" if order else "") + (f" LIMIT {limit}" if limit else "")
    try:
        rows = inserts.write(query)
    except DbfleetError as error:
        raise about_table(error, table) from error
    if not key or not rows:
        return rows, None
    values = dict(zip(sorted(column.field for column in key.columns), inserts.last_key))
    return rows, tuple(column.literal(values[column.field] or b"") for column in key.columns)


def unlocked(tables: t.Sequence[Table]) -> ConsistencyError:
    """The error for tables with rows that no snapshot covers."""
    names = [f"{table.name} ({table.engine})" for table in tables]
    return ConsistencyError(
        f"a snapshot does not cover tables of these engines: {', '.join(names)}",
        hint="set lock_tables, which stops writing to them while they are read, or convert them to InnoDB",
        objects=[table.name for table in tables],
    )


def about_table(error: DbfleetError, table: Table) -> DbfleetError:
    """The same error with the table named."""
    message = f"reading table {table.name!r} failed: {error.message}"
    return type(error)(message, hint=error.hint, **{**error.context, "table": table.name})
