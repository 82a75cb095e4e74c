# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of a script's tables, counted and digested as they pass."""

from __future__ import annotations

import hashlib
import typing as t

from ..lazy_dataclass import dataclass
from ..repository.records import TableRecord
from .script_commands import CopyCommand


@dataclass(frozen=True)
class ScriptTable:
    """The rows that a script copies into one table.

    :param database: as the script's last ``\\connect`` names it; empty before the first.
    :param record: rows, bytes and digest (or none) of the COPY text; several COPYs of a table count as one.
    """

    database: str
    record: TableRecord


class _Rows:
    def __init__(self, *, digested: bool) -> None:
        self.rows = 0
        self.bytes = 0
        self.hash = hashlib.sha256() if digested else None

    def hexdigest(self) -> str:
        return "" if self.hash is None else self.hash.hexdigest()


class TableTally:
    """Adds up every COPY of a script.

    :param digested: with the rows' digests.
    """

    def __init__(self, *, digested: bool = True) -> None:
        self.database = ""
        self._digested = digested
        self._tables: dict[tuple[str, str, str], _Rows] = {}
        self._current = _Rows(digested=digested)

    def begin(self, command: CopyCommand) -> str:
        """Rows of a table follow; its name for progress."""
        key = (self.database, command.schema, command.table)
        self._current = self._tables.setdefault(key, _Rows(digested=self._digested))
        return f"{command.schema}.{command.table}" if command.schema else command.table

    def add(self, data: bytes) -> None:
        if self._current.hash is not None:
            self._current.hash.update(data)
        self._current.bytes += len(data)

    def add_unread(self, size: int, rows: int) -> None:
        """Bytes and rows that were not read; there is no digest of the table then."""
        self._current.hash = None
        self._current.bytes += size
        self._current.rows += rows

    def add_rows(self, rows: int) -> None:
        self._current.rows += rows

    def tables(self) -> tuple[ScriptTable, ...]:
        """What was added up so far, in the script's order."""
        return tuple(
            ScriptTable(database, TableRecord(schema, name, rows.rows, rows.bytes, rows.hexdigest()))
            for (database, schema, name), rows in self._tables.items()
        )


def records(tables: t.Iterable[ScriptTable]) -> tuple[TableRecord, ...]:
    return tuple(table.record for table in tables)
