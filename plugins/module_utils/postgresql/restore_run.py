# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Running a restore inside one database: drops, passes, transactions, and what is done about errors."""

from __future__ import annotations

import contextlib
import logging
import typing as t

from ..errors import ConnectError, DbfleetError, JobInterrupted
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import TableRecord
from .archive.entries import TABLE_DATA, object_name
from .restore_entry import EntryRunner, loads_into_its_own_table, lock_weight
from .restore_ledger import Ledger
from .restore_order import RestoreOrder
from .restore_state import Journal, NoJournal
from .toc import TocEntry

_log = logging.getLogger("dbfleet.postgresql")

_CONSTRAINT = "CONSTRAINT"
_TABLE = "TABLE"
# Duplicate schema, table, column, function, object; for a constraint, "multiple primary keys are not allowed".
_EXISTS = frozenset(("42P06", "42P07", "42701", "42723", "42710"))
_SECOND_PRIMARY_KEY = "42P16"
# What is about another object, and is not to be done where that one was passed over.
_BELONGING = frozenset(
    (
        "ACL", "COMMENT", "DEFAULT", "ROW SECURITY", "SECURITY LABEL", "SEQUENCE OWNED BY", "SEQUENCE SET",
        "STATISTICS DATA", "TABLE ATTACH", TABLE_DATA,
    )
)  # fmt: skip


@dataclass(frozen=True)
class RunPolicy:
    """How a restore divides its work into transactions, and what it does about errors.

    :param clean: what the archive holds is dropped first.
    :param transaction_locks: how many locks a transaction may hold before it is committed, ``None`` for any number.
    :param transaction_size: how many items a transaction may hold before it is committed, 0 for any number.
    :param transaction_bytes: how many bytes of rows a transaction may hold before it is committed, 0 for any number.
    :param go_on: an item that failed is noted, and the restore goes on.
    :param skip_existing: an object that exists is left as it is, with all that belongs to it.
    :param skip_data_of_failed: no data for a table that could not be made.
    """

    clean: bool = False
    transaction_locks: int | None = None
    transaction_size: int = 0
    transaction_bytes: int = 0
    go_on: bool = False
    skip_existing: bool = False
    skip_data_of_failed: bool = False

    @property
    def savepoints(self) -> bool:
        """Whether an item may fail without the transaction failing."""
        return self.go_on or self.skip_existing

    def passes_over(self, entry: TocEntry, ledger: Ledger) -> bool:
        """Whether an item is not to be tried, as what it belongs to is not there, or not the backup's."""
        if entry.desc not in _BELONGING:
            return False
        if any(needed in ledger.skipped for needed in entry.dependencies):
            return True
        without_table = self.skip_data_of_failed and entry.desc == TABLE_DATA
        return without_table and any(ledger.has_failed(needed) for needed in entry.dependencies)

    def skips(self, entry: TocEntry, error: DbfleetError) -> bool:
        """Whether this error means that the object is there already, and that is nothing bad."""
        sqlstate = error.context.get("sqlstate")
        return self.skip_existing and (
            sqlstate in _EXISTS or (sqlstate == _SECOND_PRIMARY_KEY and entry.desc == _CONSTRAINT)
        )

    def goes_on_after(self, error: DbfleetError) -> bool:
        return self.go_on and not isinstance(error, (ConnectError, JobInterrupted))


class RestoreRun:
    """One restore into the database that the runner's session is connected to, item by item."""

    def __init__(
        self,
        runner: EntryRunner,
        order: RestoreOrder,
        ledger: Ledger,
        progress: Progress,
        *,
        policy: RunPolicy,
        journal: Journal | None = None,
    ) -> None:
        self._runner = runner
        self._session = runner.session
        self._order = order
        self._ledger = ledger
        self._progress = progress
        self._policy = policy
        self._journal = journal or NoJournal()
        self._locks = 0
        self._items = 0
        # By this transaction.
        self._made_tables: set[int] = set()

    def run(self, *, last: t.Callable[[], None] = lambda: None) -> None:
        """Restore everything.

        :param last: called inside the last transaction, before it is committed.
        :raises RestoreError: it stopped; what remains and what does not is said.
        """
        self.begin()
        self.run_steps(self._order.steps)
        self.finish(last)

    def begin(self) -> None:
        """Set the session up, and drop what is to be dropped."""
        with self.naming(None):
            self._runner.prepare()
            self._session.execute("BEGIN")
        if self._policy.clean:
            self._drop_all()

    def run_steps(self, steps: t.Iterable[TocEntry]) -> None:
        for entry in steps:
            if self._ledger.is_done(entry.dump_id):
                continue
            if self._policy.passes_over(entry, self._ledger):
                self._ledger.skip(entry)
                continue
            with self.naming(entry):
                self._progress.item(object_name(entry))
                self._attempt(entry, "restoring", lambda entry=entry: self._restore(entry))  # type: ignore[misc]
            self._account(entry)

    def finished_elsewhere(self, entry: TocEntry, table: TableRecord | None) -> None:
        """Another process has restored and committed an item."""
        self._ledger.finished(entry, self._runner.as_recorded(table))

    def commit(self, *, begin: bool = True) -> None:
        """End the transaction, and begin the next one unless told otherwise."""
        with self.naming(None):
            self._commit()
            if begin:
                self._session.execute("BEGIN")

    def finish(self, last: t.Callable[[], None] = lambda: None) -> None:
        with self.naming(None):
            last()
            self._commit()

    @contextlib.contextmanager
    def naming(self, entry: TocEntry | None, action: str = "restoring") -> t.Iterator[None]:
        """Turns errors of what is done inside into one that names the entry and says what remains."""
        try:
            yield
        except DbfleetError as error:
            _log.debug("stopping with %d transactions committed", self._ledger.commits)
            raise self._ledger.stopped(entry, action, error) from error

    def _restore(self, entry: TocEntry) -> None:
        freeze = (
            entry.desc == TABLE_DATA
            and not self._made_tables.isdisjoint(entry.dependencies)
            and loads_into_its_own_table(entry)
        )
        self._ledger.begun(entry, self._runner.restore(entry, freeze=freeze))
        if entry.desc == _TABLE and not self._policy.savepoints:
            self._made_tables.add(entry.dump_id)

    def _drop_all(self) -> None:
        for entry in self._order.drops:
            with self.naming(entry, "dropping"):
                self._attempt(entry, "dropping", lambda entry=entry: self._runner.drop(entry))  # type: ignore[misc]
            self._account(entry)

    def _attempt(self, entry: TocEntry, action: str, work: t.Callable[[], t.Any]) -> None:
        if not self._policy.savepoints:
            work()
            return
        self._session.execute("SAVEPOINT dbfleet_item")
        try:
            work()
        except DbfleetError as error:
            if self._policy.skips(entry, error):
                self._ledger.skip(entry)
            elif self._policy.goes_on_after(error):
                self._ledger.fail(entry, action, error)
            else:
                raise
            self._session.execute("ROLLBACK TO SAVEPOINT dbfleet_item")
            self._runner.settings_lost()
        self._session.execute("RELEASE SAVEPOINT dbfleet_item")

    def _account(self, entry: TocEntry) -> None:
        self._locks += lock_weight(entry)
        self._items += 1
        limit = self._policy.transaction_locks
        full = limit is not None and self._locks >= limit
        large = 0 < self._policy.transaction_bytes <= sum(table.bytes for _e, table in self._ledger.open if table)
        if full or large or (self._policy.transaction_size and self._items >= self._policy.transaction_size):
            self.commit()

    def _commit(self) -> None:
        done: list[tuple[TocEntry, TableRecord | None]] = self._ledger.open
        self._journal.before_commit(self._session, done)
        self._session.execute("COMMIT")
        self._locks = self._items = 0
        self._made_tables.clear()
        self._ledger.committed()
