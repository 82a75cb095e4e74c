# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Runs the files of a folder: definitions in order, then the rows on all connections, then the rest in order.

Each file with rows is one transaction on one connection. The connections work on different tables as long as there are
any, the largest first; a table's keys are made as soon as its last file is in.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
import logging
import time
import typing as t

from ..errors import RestoreError
from . import quoting
from .folder_splitter import FolderSplitter
from .insert_as_file import RowsFile, rows_file
from .lane import DEADLOCK, Lane, RowsNotTakenError, label_of, name_of
from .load_options import AUTO, CONTINUE, ERROR
from .load_run import DEADLOCK_RETRIES, Job, LoadedTable, LoadRun
from .load_state import rows_in
from .loaded_file import loaded_file
from .script_files import DATABASE, ROLES, ROWS, SEQUENCE, TABLE, ScriptFile, Scripts, Splitter
from .script_policy import ScriptPolicy
from .script_runner import OVERLAP_UP_TO, Passed, passing
from .script_summary import TableDigest
from .statement_filter import StatementFilter
from .statements import LOAD, classify

_LOG = logging.getLogger("dbfleet.mysql")
_BEFORE_ROWS = (DATABASE, SEQUENCE, TABLE)
# What a session is like for each file, whatever another file has left in it: mydumper's files rely on it in part, and
# rows come back faster where each one's keys are not looked up.
_FILE_SETTINGS = "SET SESSION sql_mode = {}, time_zone = DEFAULT, foreign_key_checks = 0, unique_checks = 0"
# A table that was empty may be locked as a whole for the time of one file.
_LOCK_WAIT_SECONDS = 600


@dataclasses.dataclass
class _Rows:
    """The files with rows of one table that wait, and how many are at work."""

    files: list[ScriptFile]
    size: int
    running: int = 0


class FolderRunner:
    """Runs the files of one folder.

    :param filters: what every statement passes before it is judged and run.
    """

    def __init__(
        self, run: LoadRun, scripts: Scripts, filters: t.Sequence[StatementFilter], policy: ScriptPolicy
    ) -> None:
        self._run = run
        self._scripts = scripts
        self._filters = filters
        self._policy = policy
        self._charset = "utf8mb4" if scripts.is_ours else "binary"
        self._waiting: dict[str, _Rows] = {}
        self._ready: list[tuple[int, int, str]] = []
        self._key_jobs: collections.deque[Job] = collections.deque()
        self._keyed_late: set[str] = set()
        # Tables whose rows may be sent as files, and files that the server did not take as such.
        self._as_files: frozenset[str] = frozenset()
        self._as_statements: set[str] = set()

    def run(self) -> None:
        """Run everything.

        :raises RestoreError: a statement failed or changed data on its way in; context has ``line``, ``statement`` and
            ``errno``.
        """
        state = self._run.state
        resumed = state is not None and state.defined
        for role in ROLES:
            if role == ROWS:
                if state is not None and not resumed:
                    state.definitions_done(self._run.deferred)
                self._load_rows()
                continue
            for file in self._scripts.files:
                if file.role == role and role in _BEFORE_ROWS and resumed:
                    self._read_again(file)
                elif file.role == role:
                    self._run_in_order(file)

    # -- definitions

    def _run_in_order(self, file: ScriptFile) -> None:
        lane = self._run.main
        self._prepare(lane, programs=file.role not in _BEFORE_ROWS)
        source = self._scripts.open(file)
        try:
            for passed in passing(self._scripts.splitter(file, source), self._filters, self._policy):
                statement, action = passed.statement, passed.action
                self._run.item(name_of(action))
                text = statement.text
                if action.verb == "CREATE" and action.kind == "TABLE":
                    text = self._run.create_table(text, action, lane)
                _LOG.debug("%s: line %d: %s", file.path, statement.line, label_of(action))
                with self._run.going_on():
                    lane.run(text, action, _where(passed, file), statement.line)
        finally:
            source.close()

    def _read_again(self, file: ScriptFile) -> None:
        """Definitions that an earlier run has run: only what is to be done of them later is found out."""
        source = self._scripts.open(file)
        try:
            for passed in passing(self._scripts.splitter(file, source), self._filters, self._policy):
                if passed.action.verb == "CREATE" and passed.action.kind == "TABLE":
                    self._run.create_again(passed.statement.text, passed.action)
        finally:
            source.close()

    def _prepare(self, lane: Lane, *, programs: bool = False) -> None:
        lane.session.execute(f"SET NAMES {self._charset}")
        # mydumper does not say under which mode a program was made; the server's own is the likeliest.
        lane.session.execute(_FILE_SETTINGS.format("DEFAULT" if programs else "'NO_AUTO_VALUE_ON_ZERO'"))

    # -- rows

    def _load_rows(self) -> None:
        self._find_work()
        # MariaDB may take back all rows of a transaction that began with an empty table when a statement fails.
        in_transactions = self._run.options.on_error != CONTINUE
        for lane in self._run.lanes:
            lane.session.execute(f"SET SESSION autocommit = {0 if in_transactions else 1}")
            wait = max(_LOCK_WAIT_SECONDS, int(lane.session.variables.get("innodb_lock_wait_timeout", "0") or 0))
            lane.session.set_variables({"innodb_lock_wait_timeout": str(wait)})
        self._as_files = self._taken_as_files()
        self._run.run_jobs(self._take)
        jobs = collections.deque(self._run.foreign_key_jobs())
        self._run.run_jobs(lambda: jobs.popleft() if jobs else None)
        for lane in self._run.lanes:
            lane.session.execute("SET SESSION autocommit = 1")

    def _find_work(self) -> None:
        done = self._done_before()
        for file in self._scripts.files:
            tables = self._run.summary.files.get(file.path, {})
            if file.role == ROWS and tables:
                rows = self._waiting.setdefault(next(iter(tables)), _Rows([], 0))
                if file.path not in done:
                    rows.files.append(file)
                    rows.size += sum(table.bytes for table in tables.values())
        self._disable_keys()
        for name, rows in self._waiting.items():
            self._offer(name)
            if not rows.files:
                self._make_keys(name)

    def _done_before(self) -> t.Collection[str]:
        """The files that an earlier run has loaded; tables that have not the rows of these alone start over."""
        run, state = self._run, self._run.state
        if state is None:
            return ()
        rows: dict[str, int] = {}
        for path, tables in run.summary.files.items():
            for name in tables:
                rows[name] = rows.get(name, 0) + state.files.get(path, {}).get(name, (0, 0))[0]
        run.main.session.execute("SET NAMES utf8mb4")
        again = [name for name, count in rows.items() if rows_in(run.main.session, name) != count]
        if again:
            state.start_tables_over(again)
            run.main.session.execute("SET SESSION foreign_key_checks = 0")
        for name in again:
            run.main.session.execute(f"TRUNCATE TABLE {quoting.identifier(name)}")
        for path, counts in state.files.items():
            for name, (count, duplicates) in counts.items():
                known = run.summary.files[path][name]
                table = run.tables.setdefault(name, LoadedTable())
                table.rows += count
                table.duplicates += duplicates
                table.digests[path] = known
                run.progress.advance(known.bytes, count)
        return state.files

    def _disable_keys(self) -> None:
        """Engines without transactions make all but unique keys at once, when told to."""
        lane = self._run.main
        if not self._run.may_alter:
            return
        lane.session.execute("SET NAMES utf8mb4")
        for row in lane.session.records("SHOW TABLE STATUS WHERE Engine IN ('MyISAM', 'Aria')"):
            name = row["name"] or ""
            if name in self._waiting:
                lane.session.execute(f"ALTER TABLE {quoting.identifier(name)} DISABLE KEYS")
                self._keyed_late.add(name)

    def _taken_as_files(self) -> frozenset[str]:
        """The tables whose rows can be sent as files: what the server says of them afterwards can be taken back."""
        session, options = self._run.main.session, self._run.options
        wanted = options.load_data == AUTO and options.on_error != CONTINUE and options.duplicates == ERROR
        if not (wanted and self._scripts.is_ours and session.variables.get("local_infile") == "ON"):
            return frozenset()
        session.execute("SET NAMES utf8mb4")
        rows = session.each(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE ENGINE = 'InnoDB' "
            f"AND TABLE_SCHEMA = {quoting.literal(self._run.database)}"
        )
        return frozenset(name or "" for (name,) in rows)

    def _take(self) -> Job | None:
        if self._key_jobs:
            return self._key_jobs.popleft()
        # A table may stand there more than once; what was true when it was put there is looked at again.
        while self._ready:
            running, _size, name = heapq.heappop(self._ready)
            rows = self._waiting.get(name)
            if rows is not None and rows.files and rows.running == running:
                file = rows.files.pop(0)
                rows.running += 1
                self._offer(name)
                return self._loading(name, file)
        return None

    def _offer(self, name: str) -> None:
        """A table's next file may be taken: tables at which nobody works come first, of these the largest."""
        rows = self._waiting[name]
        if rows.files:
            heapq.heappush(self._ready, (rows.running, -rows.size, name))

    def _loading(self, table: str, file: ScriptFile) -> Job:
        def job(lane: Lane) -> t.Generator[None, None, None]:
            for attempt in range(DEADLOCK_RETRIES):
                try:
                    try:
                        yield from self._load_file(lane, file)
                    except RowsNotTakenError as refused:
                        _LOG.debug("statement by statement: %s", refused.message)
                        self._as_statements.add(file.path)
                        lane.session.execute("ROLLBACK")
                        yield from self._load_file(lane, file)
                    break
                except RestoreError as error:
                    if error.context.get("errno") != DEADLOCK or attempt == DEADLOCK_RETRIES - 1:
                        raise
                    _LOG.debug("%s: deadlock; once more", file.path)
                    lane.session.execute("ROLLBACK")
                    time.sleep(0.05 * (attempt + 1))
            self._ended(table)

        return job

    def _load_file(self, lane: Lane, file: ScriptFile) -> t.Generator[None, None, None]:
        self._prepare(lane)
        found: dict[str, LoadedTable] = {}
        source = self._scripts.open(file, digested=True)
        try:
            splitter = self._scripts.splitter(file, source, in_parts=True)
            stream = passing(splitter, self._filters, self._policy)
            passed = next(stream, None)
            while passed is not None:
                statement, action = passed.statement, passed.action
                if not action.is_data:
                    lane.run(statement.text, action, _where(passed, file), statement.line)
                    passed = next(stream, None)
                    continue
                table = found.setdefault(name_of(action), LoadedTable(digests={file.path: TableDigest(source.content)}))
                self._run.item(name_of(action))
                digest = table.digest(file.path)
                if statement.rest is None:
                    self._start(lane, passed, file, splitter)
                    digest.add(passed.original, action)
                else:
                    rest = digest.through(passed.original, action, statement.rest)
                    lane.start_in_parts(statement.text, rest, action, _where(passed, file), statement.line)
                size = passed.size
                following = None
                if size <= OVERLAP_UP_TO:
                    following = next(stream, None)
                del statement, passed
                yield
                self._finish(lane, table, size)
                passed = following if following is not None or size <= OVERLAP_UP_TO else next(stream, None)
            lane.start(b"COMMIT", classify(b"COMMIT"), file.path, 0)
            yield
            lane.finish()
        finally:
            source.close()
        if self._run.state is not None:
            self._run.state.file_done(file.path, {name: (one.rows, one.duplicates) for name, one in found.items()})
        for name, table in found.items():
            total = self._run.tables.setdefault(name, LoadedTable())
            total.rows += table.rows
            total.duplicates += table.duplicates
            total.digests[file.path] = self._run.digested(file.path, name, table.digest(file.path))

    def _start(self, lane: Lane, passed: Passed, file: ScriptFile, splitter: Splitter) -> None:
        statement, action = passed.statement, passed.action
        if action.verb != LOAD:
            rows = self._rows_file(lane, passed, file, splitter)
            if rows is None:
                lane.start(statement.text, action, _where(passed, file), statement.line)
            else:
                lane.start_rows(rows, action, _where(passed, file), statement.line)
            return
        loaded = loaded_file(statement.text, self._scripts.data_files)
        where = f"{_where(passed, file)} ({loaded.path})"
        lane.start_file(loaded, action, where, statement.line, self._scripts.data(loaded.path))

    def _rows_file(self, lane: Lane, passed: Passed, file: ScriptFile, splitter: Splitter) -> RowsFile | None:
        """The statement as a file of rows, if it may be sent as one."""
        name = name_of(passed.action)
        if name not in self._as_files or file.path in self._as_statements or not isinstance(splitter, FolderSplitter):
            return None
        return rows_file(passed.statement.text, splitter.values, lambda: _names_of(lane, name))

    def _finish(self, lane: Lane, table: LoadedTable, size: int) -> None:
        try:
            done = lane.finish()
        except RestoreError as error:
            if error.context.get("errno") == DEADLOCK:
                raise
            self._run.failed(error)
            return
        table.rows += done.rows
        table.duplicates += done.duplicates
        self._run.progress.advance(size, done.rows)

    def _ended(self, name: str) -> None:
        """A file of a table is in; after the last one come its keys."""
        rows = self._waiting[name]
        rows.running -= 1
        self._offer(name)
        if not rows.files and not rows.running:
            # There may be very many tables.
            del self._waiting[name]
            self._make_keys(name)

    def _make_keys(self, name: str) -> None:
        job = self._run.key_jobs(name)
        if job is not None:
            self._key_jobs.append(job)
        if name in self._keyed_late:
            self._key_jobs.append(self._enabling_keys(name))

    def _enabling_keys(self, name: str) -> Job:
        def job(lane: Lane) -> t.Generator[None, None, None]:
            lane.session.execute("SET NAMES utf8mb4")
            text = f"ALTER TABLE {quoting.identifier(name)} ENABLE KEYS".encode()
            lane.start(text, classify(text), f"the keys of {name}", 0)
            yield
            lane.finish()

        return job


def _names_of(lane: Lane, table: str) -> tuple[t.Sequence[str], str]:
    columns = lane.columns_of(table)
    return columns.visible, columns.auto_increment


def _where(passed: Passed, file: ScriptFile) -> str:
    return f"line {passed.statement.line} of {file.path}"
