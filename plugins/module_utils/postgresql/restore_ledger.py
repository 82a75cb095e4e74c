# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What became of every item of a restore, and the error that says so."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import ConnectError, DbfleetError, JobInterrupted, RestoreError
from ..lazy_dataclass import dataclass
from ..repository.records import TableRecord
from .archive.entries import entry_name
from .entry_index import EntryIndex
from .restore_order import names
from .row_values import hint_without_values, without_values
from .toc import TocEntry

_SHOWN_FAILURES = 5


@dataclass(frozen=True)
class Failure:
    """An item that could not be restored.

    :param action: what was tried: ``restoring`` or ``dropping``.
    :param message: the cause, without row values unless they were asked for.
    """

    item: str
    action: str
    message: str
    hint: str = ""
    statement: str = ""
    sqlstate: str = ""
    line: int | None = None
    column: str = ""

    @property
    def sentence(self) -> str:
        place = "" if self.line is None else f", line {self.line}"
        place += f", column {self.column}" if self.column else ""
        return f"{self.action} {self.item} failed{place}: {self.message}"

    def to_dict(self) -> dict[str, t.Any]:
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in ("", None)}


class Ledger:
    """Keeps, for one restore, which items are done, begun, passed over, failed or not begun.

    :param new_database: the database was made for this restore and goes away if it stops.
    :param kept: a restore that stops leaves what was committed to be resumed.
    :param show_data: the server's messages are passed on whole, with the row values that they may quote.
    """

    def __init__(
        self, steps: t.Sequence[TocEntry], *, new_database: bool, kept: bool = False, show_data: bool = False
    ) -> None:
        self._steps = steps
        #: Where in the steps an item is.
        self.index = EntryIndex(steps)
        self._new_database = new_database
        self._kept = kept
        self._show_data = show_data
        # A byte for each of the steps: a set takes fifty times as much.
        self._done = bytearray(len(steps))
        self._number_done = 0
        self._open: list[tuple[TocEntry, TableRecord | None]] = []
        self._tables: dict[int, TableRecord] = {}
        self._failures: dict[int, Failure] = {}
        self.skipped: dict[int, TocEntry] = {}
        self.commits = 0
        #: Items that were under way elsewhere when everything stopped.
        self.running: list[TocEntry] = []

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(self._failures.values())

    @property
    def tables(self) -> tuple[TableRecord, ...]:
        """What was loaded into every table, in the archive's order."""
        return tuple(self._tables[entry.dump_id] for entry in self._steps if entry.dump_id in self._tables)

    @property
    def open(self) -> list[tuple[TocEntry, TableRecord | None]]:
        """What is done in the transaction that is open."""
        return self._open

    def has_failed(self, dump_id: int) -> bool:
        return dump_id in self._failures

    def is_done(self, dump_id: int) -> bool:
        place = self.index.place(dump_id)
        return place >= 0 and bool(self._done[place])

    def begun(self, entry: TocEntry, table: TableRecord | None = None) -> None:
        """The item is done, but not committed."""
        self._open.append((entry, table))

    def committed(self) -> None:
        """What was done since the last time is there to stay."""
        for entry, table in self._open:
            self.finished(entry, table)
        self._open = []
        self.commits += 1

    def finished(self, entry: TocEntry, table: TableRecord | None) -> None:
        """The item is done and committed."""
        place = self.index.place(entry.dump_id)
        if place >= 0 and not self._done[place]:
            self._done[place] = 1
            self._number_done += 1
        if table is not None:
            self._tables[entry.dump_id] = table

    def skip(self, entry: TocEntry) -> None:
        """The item was passed over on purpose."""
        self.skipped[entry.dump_id] = entry

    def fail(self, entry: TocEntry, action: str, error: DbfleetError) -> None:
        """The item failed, and the restore goes on."""
        self._failures[entry.dump_id] = self.describe(entry, action, error)

    def describe(self, entry: TocEntry, action: str, error: DbfleetError) -> Failure:
        context = error.context
        return Failure(
            item=entry_name(entry),
            action=action,
            message=self._message(error),
            hint=self._hint(error),
            statement=str(context.get("statement", "")),
            sqlstate=str(context.get("sqlstate", "")),
            line=context.get("line"),
            column=str(context.get("column", "")),
        )

    def stopped(self, entry: TocEntry | None, action: str, error: DbfleetError) -> DbfleetError:
        """The error for a restore that stopped at an item, or at none."""
        if isinstance(error, JobInterrupted):
            context = {**error.context, **self._items(entry)}
            return JobInterrupted(error.message, hint=self._outcome(entry, error), **context)
        if entry is None:
            what = f"the restore failed: {self._message(error)}"
        else:
            what = self.describe(entry, action, error).sentence
        return RestoreError(
            f"{what}; {self._outcome(entry, error)}",
            hint=self._hint(error),
            rolled_back=(self._new_database and not self._kept) or not (self.commits or self._number_done),
            statement=error.context.get("statement"),
            sqlstate=error.context.get("sqlstate"),
            line=error.context.get("line"),
            column=error.context.get("column"),
            **self._items(entry),
        )

    def raise_failures(self, *, where: str) -> None:
        """
        :param where: what there is now.
        :raises RestoreError: the restore went on after errors, which are all named.
        """
        if not self._failures:
            return
        failures = self.failures
        shown = "; ".join(failure.sentence for failure in failures[:_SHOWN_FAILURES])
        more = len(failures) - _SHOWN_FAILURES
        number = "1 item" if len(failures) == 1 else f"{len(failures)} items"
        raise RestoreError(
            f"{number} of {len(self._steps)} could not be restored, the others are in {where}: {shown}"
            + (f"; and {more} more" if more > 0 else ""),
            hint="look at the list of failures, mend their causes and restore these items again",
            rolled_back=False,
            failures=[failure.to_dict() for failure in failures],
            **self._items(None),
        )

    def _items(self, entry: TocEntry | None) -> dict[str, t.Any]:
        gone = self._new_database and not self._kept
        stopped_at = [] if entry is None else [entry]
        at_work = [one for one in self.running if one is not entry]
        named = {one.dump_id for one in (*stopped_at, *at_work)} | set(self._failures) | set(self.skipped)
        done = bytearray(len(self._done)) if gone else self._done
        return {
            "done": names(one for one, is_done in zip(self._steps, done) if is_done),
            "failed": names(one for one in self._steps if one.dump_id in self._failures) + names(stopped_at),
            "not_begun": names(
                one for one, is_done in zip(self._steps, done) if not is_done and one.dump_id not in named
            ),
            "skipped": names(self.skipped.values()) or None,
            "broken_off": names(at_work) or None,
        }

    def _message(self, error: DbfleetError) -> str:
        return error.message if self._show_data else without_values(error)

    def _hint(self, error: DbfleetError) -> str:
        return error.hint if self._show_data else hint_without_values(error)

    def _outcome(self, entry: TocEntry | None, error: DbfleetError) -> str:
        unknown = entry is None and isinstance(error, (ConnectError, JobInterrupted))
        remain = f"{self._number_done} of {len(self._steps)} items were restored before and remain"
        if self._kept:
            return f"{remain}: run it again with resume to go on"
        if self._new_database:
            return "the unfinished database is removed"
        if unknown and not self.running:
            return "whether the last transaction was kept is not known: look into the target"
        if self.commits or self._number_done:
            return remain
        return "everything was rolled back, the target is as it was"
