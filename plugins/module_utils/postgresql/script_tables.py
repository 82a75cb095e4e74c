# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of a script's tables, counted and digested as they pass."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ..repository.records import TableRecord
from .script_commands import CopyCommand


@dataclasses.dataclass(frozen=True)
class ScriptTable:
    """The rows that a script copies into one table.

    :param database: as the script's last ``\\connect`` names it; empty before the first.
    :param record: rows, bytes and digest of the COPY text; several COPYs of a table count as one.
    """

    database: str
    record: TableRecord


class _Rows:
    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.hash = hashlib.sha256()


class TableTally:
    """Adds up every COPY of a script."""

    def __init__(self) -> None:
        self.database = ""
        self._tables: dict[tuple[str, str, str], _Rows] = {}
        self._current = _Rows()

    def begin(self, command: CopyCommand) -> str:
        """Rows of a table follow; its name for progress."""
        key = (self.database, command.schema, command.table)
        self._current = self._tables.setdefault(key, _Rows())
        return f"{command.schema}.{command.table}" if command.schema else command.table

    def add(self, data: bytes) -> None:
        self._current.hash.update(data)
        self._current.bytes += len(data)

    def add_rows(self, rows: int) -> None:
        self._current.rows += rows

    def tables(self) -> tuple[ScriptTable, ...]:
        """What was added up so far, in the script's order."""
        return tuple(
            ScriptTable(database, TableRecord(schema, name, rows.rows, rows.bytes, rows.hash.hexdigest()))
            for (database, schema, name), rows in self._tables.items()
        )


def records(tables: t.Iterable[ScriptTable]) -> tuple[TableRecord, ...]:
    return tuple(table.record for table in tables)
