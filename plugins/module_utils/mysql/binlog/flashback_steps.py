# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The row changes of a plan, the last one first."""

from __future__ import annotations

import contextlib
import typing as t

from ...errors import UnsupportedObjectError
from ...progress import Progress
from . import codes
from .binlog_file import log_name, open_binlog
from .events import BinlogReader
from .flashback_plan import FlashbackPlan
from .flashback_spool import ReverseSpool
from .live_table import LiveTable
from .row_image import RowDecoder
from .row_reader import RowReader, RowsOfTable
from .row_values import Value
from .rows import RowsHead
from .table_details import TableDetails, parse_table_details
from .table_map import TableMap

Row = tuple[Value, ...]
Present = tuple[tuple[bool, ...], ...]


class Step(t.NamedTuple):
    """One row's change, to be undone. In place of a value that the server computes there may be an ``Absent``.

    :param before: the row before the mistake, ``None`` for one that was inserted.
    :param after: the row as the mistake left it, ``None`` for one that was deleted.
    """

    table: LiveTable
    before: Row | None
    after: Row | None


class _Kind(t.NamedTuple):
    """What the events of one kind on one table have in common."""

    table: LiveTable
    decoder: RowDecoder
    type: int
    present: Present


class Steps:
    """Reads the chosen row events once, keeps them on the disk, and gives their rows in reverse order.

    :param tables: the definitions of the plan's tables, as they are now.
    """

    def __init__(self, plan: FlashbackPlan, tables: t.Mapping[tuple[str, str], LiveTable], spool: ReverseSpool) -> None:
        self._plan = plan
        self._tables = tables
        self._spool = spool
        self._kinds: list[_Kind] = []
        self._numbers: dict[tuple[RowDecoder, int, Present], int] = {}

    def read(self, progress: Progress) -> None:
        """Read the plan's files.

        :raises UnsupportedObjectError: an event does not hold whole rows, or its table has been redefined.
        :raises CorruptArtifactError: a file cannot be read.
        """
        progress.phase("reading", total_bytes=self._plan.bytes)
        for chosen in self._plan.files:
            if not chosen.ranges:
                continue
            name = log_name(chosen.file)
            progress.item(name)
            with contextlib.closing(open_binlog(chosen.file)) as source:
                reader = RowReader(BinlogReader(source, name, partial=True), name, self._details)
                for start, end in chosen.ranges:
                    for rows in reader.between(start, end):
                        self._keep(rows)
                    progress.advance(end - start)

    def reversed(self) -> t.Iterator[Step]:
        """The changes, the last one first."""
        for number, data in self._spool.reversed():
            kind = self._kinds[number]
            head = RowsHead(0, 0, kind.present, data)
            changes = list(kind.decoder.changes(kind.type, head, f"a row event of {kind.table.name}"))
            for change in reversed(changes):
                # That no other value is missing was seen when the event was kept.
                yield Step(kind.table, t.cast("Row | None", change.before), t.cast("Row | None", change.after))

    def _details(self, logged: TableMap, what: str) -> TableDetails:
        table = self._tables.get((logged.database, logged.table))
        if table is None:
            return parse_table_details(logged, what)
        misfit = table.misfit(logged)
        if misfit:
            raise UnsupportedObjectError(
                f"{table.name} was redefined after {what}: {misfit}",
                hint="its rows before cannot be put into the table that it is now; restore to a moment before it",
                objects=[table.name],
            )
        return table.details

    def _keep(self, rows: RowsOfTable) -> None:
        table = self._tables.get((rows.table.database, rows.table.table))
        if table is None or not self._plan.rows.has_verb(rows.type):
            return
        # From 11.8.9 on MariaDB leaves out what it computes itself, but from what is inserted.
        if not all(image[index] for image in rows.head.present for index in (*table.written, *table.key)):
            raise UnsupportedObjectError(
                f"{rows.what} holds only a part of each row of {table.name}",
                hint="what was logged with binlog_row_image other than FULL cannot be undone; restore to a moment "
                "before it, and set binlog_row_image = FULL for the next time",
                objects=[table.name],
            )
        if rows.type == codes.PARTIAL_UPDATE_ROWS:
            raise UnsupportedObjectError(
                f"{rows.what} holds only what differs in JSON documents of {table.name}",
                hint="what was logged with binlog_row_value_options = PARTIAL_JSON cannot be undone; restore to a "
                "moment before it, and empty that setting for the next time",
                objects=[table.name],
            )
        # Decoders are kept for as long as they are used here, so that their identity tells them apart.
        known = (rows.decoder, rows.type, rows.head.present)
        number = self._numbers.get(known)
        if number is None:
            number = self._numbers[known] = len(self._kinds)
            self._kinds.append(_Kind(table, *known))
        self._spool.append(number, rows.head.rows)
