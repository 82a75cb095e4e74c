# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring with several processes, each with a connection and a reader of the archive of its own.

Every item is a transaction. The leader gives out the items, and when one fails it ends the others' work at the server,
then hears from every process what became of its item, so that nothing is left to be guessed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from .. import drivers
from ..errors import ConnectError, DbfleetError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..workers import WorkerFailed, WorkerPool
from .archive.entries import TABLE_DATA, object_name
from .archive.reader import ArchiveReader, open_archive
from .connection import connect
from .entry_index import EntryIndex
from .index_building import IndexWorkers, index_workers_statement
from .options import ConnectionOptions
from .restore_entry import EntryRunner, Recorded, loads_into_its_own_table
from .restore_ledger import Ledger
from .restore_order import RestoreOrder
from .restore_run import RestoreRun, RunPolicy
from .restore_schedule import Schedule, divide
from .restore_selection import RestoreSelection, select_entries
from .restore_session import SessionOptions
from .restore_sql import ArchiveSettings
from .restore_state import Journal, NoJournal
from .session import Session
from .toc import TocEntry

_log = logging.getLogger("dbfleet.postgresql")

_DEADLOCK = "40P01"
_ATTEMPTS = 5
_END_SESSIONS = (
    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
    "WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()"
)
#: Of these the definition is all: they have no owner and no data.
_ONE_STATEMENT = frozenset(("CONSTRAINT", "FK CONSTRAINT", "INDEX", "INDEX ATTACH", "TRIGGER"))
_BUILDING = frozenset(("CONSTRAINT", "INDEX"))
_SERIAL_AT_THE_END = frozenset(("EVENT TRIGGER", "COMMENT"))


class Inherited:
    """What a forked process has from its parent without reading it again; a process started anew finds it empty.

    :param archive: the leader's reader.
    :param entries: what is restored, as it was selected. Made before the fork: going through all of them would copy the
        memory that they are in.
    :param recorded: the manifest's tables by schema and name.
    """

    def __init__(
        self,
        archive: ArchiveReader | None = None,
        entries: EntryIndex | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self.archive = archive
        self.entries = entries or EntryIndex()
        self.recorded = recorded

    def __reduce__(self) -> tuple[t.Any, ...]:
        return Inherited, ()


@dataclass(frozen=True)
class Assignment:
    """What every process must know; it travels to the process by pickling.

    :param name: the application name of the processes' sessions, this restore's own.
    """

    connection: ConnectionOptions
    database: str
    name: str
    artifact: ArtifactReader
    settings: ArchiveSettings
    selection: RestoreSelection
    manifest: Manifest | None
    lazy_durability: bool
    how: SessionOptions = dataclasses.field(default_factory=SessionOptions)
    inherited: Inherited = dataclasses.field(default_factory=Inherited)
    show_data: bool = False
    journal: Journal = dataclasses.field(default_factory=NoJournal)


@dataclass(frozen=True)
class ItemTask:
    """An item to be restored.

    :param truncate: its table was made by this restore and is emptied first.
    :param index_workers: how many of the server's workers may help to build it; ``None`` for the server's own setting.
    """

    dump_id: int
    truncate: bool = False
    index_workers: int | None = None


@dataclass(frozen=True)
class ItemResult:
    """What became of it.

    :param error: why it failed, and was rolled back.
    """

    table: TableRecord | None = None
    error: DbfleetError | None = None


class ParallelRun:
    """A restore by ``jobs`` processes into the database that ``run``'s session is connected to."""

    def __init__(
        self,
        run: RestoreRun,
        session: Session,
        entries: t.Sequence[TocEntry],
        order: RestoreOrder,
        ledger: Ledger,
        progress: Progress,
        *,
        policy: RunPolicy,
        assignment: Assignment,
        jobs: int,
        sizes: t.Mapping[int, int],
        index_workers: IndexWorkers,
    ) -> None:
        self._run = run
        self._session = session
        self._entries = entries
        self._order = order
        self._ledger = ledger
        self._progress = progress
        self._policy = policy
        self._assignment = assignment
        self._jobs = jobs
        self._sizes = sizes
        self._index_workers = index_workers
        self._running: dict[int, TocEntry] = {}
        self._ended = False

    def run(self, *, last: t.Callable[[], None] = lambda: None) -> None:
        """Restore everything.

        :param last: called inside the last transaction, before it is committed.
        :raises RestoreError: it stopped; what remains and what does not is said.
        """
        before, rest = divide(self._order.main)
        self._run.begin()
        self._run.run_steps(before)
        self._run.commit(begin=False)
        made = {entry.dump_id for entry in before if entry.desc == "TABLE" and self._ledger.is_done(entry.dump_id)}
        self._in_parallel(rest, made)
        with self._run.naming(None):
            self._session.execute("BEGIN")
        self._run.run_steps(self._order.privileges)
        self._run.commit(begin=False)
        self._in_parallel([entry for entry in self._order.last if entry.desc not in _SERIAL_AT_THE_END], set())
        with self._run.naming(None):
            self._session.execute("BEGIN")
        self._run.run_steps(entry for entry in self._order.last if entry.desc in _SERIAL_AT_THE_END)
        self._run.finish(last)

    def _in_parallel(self, entries: t.Sequence[TocEntry], made: t.Collection[int]) -> None:
        wanted = [entry for entry in entries if not self._ledger.is_done(entry.dump_id)]
        if not wanted:
            return
        schedule = Schedule(wanted, self._entries, self._sizes)
        failed: tuple[TocEntry, DbfleetError] | None = None
        try:
            with self._pool(min(self._jobs, len(wanted))) as pool:
                self._give(pool, schedule, made)
                for task, result in pool.results():
                    failure = self._take(task, result, schedule)
                    if failed is None and failure is None:
                        self._give(pool, schedule, made)
                    elif failed is None:
                        failed = failure
                        self._end_others()
        except DbfleetError as error:
            self._break_off()
            if failed is not None:
                # What happened to the others in the end is no news.
                self._ledger.running = list(self._running.values())
                raise self._ledger.stopped(failed[0], "restoring", failed[1]) from failed[1]
            task_at_hand = error.task if isinstance(error, WorkerFailed) else None
            entry = self._running.pop(task_at_hand.dump_id, None) if isinstance(task_at_hand, ItemTask) else None
            self._ledger.running = list(self._running.values())
            raise self._ledger.stopped(entry, "restoring", error) from error
        except BaseException:
            self._break_off()
            raise
        if failed is not None:
            self._ledger.running = list(self._running.values())
            raise self._ledger.stopped(failed[0], "restoring", failed[1]) from failed[1]

    def _pool(self, jobs: int) -> WorkerPool[ItemTask, ItemResult]:
        return WorkerPool(
            _RestoreWorker,
            self._assignment,
            jobs=jobs,
            progress=self._progress,
            may_fork=not self._session.pgconn.ssl_in_use,
        )

    def _give(self, pool: WorkerPool[ItemTask, ItemResult], schedule: Schedule, made: t.Collection[int]) -> None:
        """Hand out as much as there are processes for."""
        given = []
        while len(self._running) < self._jobs:
            entry = schedule.take()
            if entry is None:
                break
            if self._policy.passes_over(entry, self._ledger):
                self._ledger.skip(entry)
                schedule.done(entry)
                continue
            self._running[entry.dump_id] = entry
            given.append(entry)
        workers = self._index_workers.beside(len(self._running))
        for entry in given:
            own = entry.desc == TABLE_DATA and loads_into_its_own_table(entry)
            truncate = own and any(needed in made for needed in entry.dependencies)
            self._progress.item(object_name(entry))
            pool.submit(ItemTask(entry.dump_id, truncate, workers if entry.desc in _BUILDING else None))

    def _take(self, task: ItemTask, result: ItemResult, schedule: Schedule) -> tuple[TocEntry, DbfleetError] | None:
        """Note what became of an item; a failure that ends the restore."""
        entry = self._running[task.dump_id]
        error = result.error
        if error is None:
            self._run.finished_elsewhere(entry, result.table)
        elif self._ended:
            # Its work was ended because of another item's failure.
            return None
        elif self._policy.skips(entry, error):
            self._ledger.skip(entry)
        elif self._policy.goes_on_after(error):
            self._ledger.fail(entry, "restoring", error)
        else:
            del self._running[task.dump_id]
            return entry, error
        del self._running[task.dump_id]
        schedule.done(entry)
        return None

    def _end_others(self) -> None:
        """End the processes' sessions at the server, so that no process waits for the end of a long statement."""
        self._ended = True
        self._session.query(_END_SESSIONS, (self._assignment.name,))

    def _break_off(self) -> None:
        """The processes are gone; their sessions shall not go on working."""
        try:
            self._end_others()
        except DbfleetError as error:
            # The server ends them by itself when it finds that no one listens.
            _log.debug("cannot end the sessions of the processes: %s", error.message)


class _RestoreWorker:
    """One process's connection and archive."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        inherited = assignment.inherited
        if inherited.archive is None:
            self._archive = open_archive(assignment.artifact)
            selected = select_entries(self._archive.entries, assignment.selection)
            self._entries = EntryIndex(tuple(selected))
        else:
            self._archive = inherited.archive.reopened(assignment.artifact)
            self._entries = inherited.entries
        self._runner: EntryRunner | None = None
        self._index_workers: int | None = None
        try:
            self._session = connect(
                assignment.connection, database=assignment.database, application_name=assignment.name
            )
        except BaseException:
            self._archive.close()
            raise
        self._session.show_data = assignment.show_data

    def run(self, task: ItemTask, progress: Progress) -> ItemResult:
        entry = self._entries[task.dump_id]
        progress.item(object_name(entry))
        runner = self._runner or self._prepared(progress)
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            try:
                self._let_help(task.index_workers)
                return ItemResult(self._restore(runner, entry, truncate=task.truncate))
            except ConnectError as error:
                return ItemResult(error=error)
            except DbfleetError as error:
                try:
                    self._session.execute("ROLLBACK")
                except ConnectError as broken:
                    return ItemResult(error=broken)
                runner.settings_lost()
                if error.context.get("sqlstate") != _DEADLOCK or not attempts:
                    return ItemResult(error=error)
                _log.debug("trying %s again after a deadlock", object_name(entry))

    def close(self) -> None:
        self._archive.close()
        with contextlib.suppress(drivers.psycopg().OperationalError):
            self._session.close()

    def _prepared(self, progress: Progress) -> EntryRunner:
        assignment = self._assignment
        self._runner = EntryRunner(
            self._session, self._archive, assignment.settings, progress,
            manifest=assignment.manifest, lazy_durability=assignment.lazy_durability,
            how=assignment.how, recorded=assignment.inherited.recorded,
        )  # fmt: skip
        self._runner.prepare()
        return self._runner

    def _let_help(self, workers: int | None) -> None:
        if workers not in (None, self._index_workers):
            self._session.execute(index_workers_statement(workers))
            self._index_workers = workers

    def _restore(self, runner: EntryRunner, entry: TocEntry, *, truncate: bool) -> TableRecord | None:
        if entry.desc in _ONE_STATEMENT and isinstance(self._assignment.journal, NoJournal):
            # A transaction of its own; beginning and ending it would take twice as many turns again.
            return runner.restore(entry)
        table = runner.restore(entry, truncate=truncate, begin=True)
        self._assignment.journal.before_commit(self._session, [(entry, table)])
        self._session.execute("COMMIT")
        return table
