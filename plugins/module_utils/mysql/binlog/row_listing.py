# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Listing transactions with the rows that they change."""

from __future__ import annotations

import contextlib
import typing as t

from .binlog_file import BinlogFile, log_name, open_binlog
from .events import BinlogReader
from .listing import Listed, TransactionFilter, TransactionMatcher
from .row_choice import RowChoice, verb_of
from .row_image import RowChange
from .row_reader import RowReader, RowsOfTable
from .row_text import PlainRow, plain_row
from .transactions import transactions


class ListedRow(t.NamedTuple):
    """A row that was changed.

    :param table: ``database.table``.
    :param change: ``insert``, ``update`` or ``delete``.
    :param before: by column, ``None`` where there was no row; see :func:`.row_text.plain_value`.
    """

    table: str
    change: str
    before: PlainRow | None
    after: PlainRow | None


def list_rows(
    files: t.Sequence[BinlogFile], wanted: TransactionFilter
) -> t.Iterator[tuple[Listed, t.Iterator[ListedRow]]]:
    """The wanted transactions in their order, each with those of its rows that are of the wanted tables and verbs.

    A transaction's rows can be read until the next transaction is asked for; memory is that of one event.

    :raises UsageError: a GTID or a table's name cannot be understood.
    :raises NotFoundError, StorageError: a file cannot be read.
    :raises CorruptArtifactError, UnsupportedObjectError: as :class:`.events.BinlogReader`.
    """
    matches, choice = TransactionMatcher(wanted), RowChoice(wanted)
    for index, file in enumerate(files):
        name = log_name(file)
        first = wanted.start_position if index == 0 else 0
        last = wanted.stop_position if index == len(files) - 1 else None
        # Only at its end is it known whether a transaction is wanted; its rows are read behind it by another reader.
        with contextlib.closing(open_binlog(file)) as ahead, contextlib.closing(open_binlog(file)) as behind:
            rows = RowReader(BinlogReader(behind, name), name)
            for transaction in transactions(BinlogReader(ahead, name), name):
                if transaction.start < first or (last is not None and transaction.start >= last):
                    continue
                if matches(transaction):
                    yield Listed(name, transaction), _rows(rows.between(transaction.start, transaction.end), choice)


def _rows(found: t.Iterable[RowsOfTable], choice: RowChoice) -> t.Iterator[ListedRow]:
    for rows in found:
        if choice.has_table(rows.table.database, rows.table.table) and choice.has_verb(rows.type):
            change = verb_of(rows.type).lower()
            for each in rows.changes():
                yield _listed(rows, change, each)


def _listed(rows: RowsOfTable, change: str, found: RowChange) -> ListedRow:
    images = (None if image is None else plain_row(rows.table, rows.details, image) for image in found)
    return ListedRow(rows.table.name, change, *images)
