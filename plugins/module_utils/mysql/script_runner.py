# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Runs the statements of one script in its order; INSERTs of several rows also on several connections at once.

While the servers work on INSERTs the next statement is already being cut out of the script. Everything but an INSERT
waits until all of these are done, and settings of the session are made on every connection.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import time
import typing as t

from ..errors import RestoreError
from . import preflight, quoting, wire
from .lane import DEADLOCK, Lane, label_of, name_of
from .load_options import CONTINUE
from .load_run import DEADLOCK_RETRIES, LoadedTable, LoadRun
from .load_state import rows_in
from .script import Statement
from .script_files import Splitter
from .script_insert import head_end
from .script_policy import ScriptPolicy
from .script_rest import Rest
from .session import Session
from .statement_filter import StatementFilter, apply_filters
from .statements import Action, classify

_LOG = logging.getLogger("dbfleet.mysql")
# Larger statements are not kept while the next one is cut, which bounds the memory to about one of them.
OVERLAP_UP_TO = 4 << 20
# Rows are committed by that many bytes: a commit for each statement would wait for the disk as often.
_COMMIT_BYTES = 8 << 20
# Who says when to commit is not helped: ROLLBACK would mean something else.
_TRANSACTION_VERBS = frozenset({"BEGIN", "START", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_SETTING_VERBS = frozenset({"SET", "USE"})
_READING_VERBS = frozenset({"SELECT", "SHOW", "DO"})
_TAIL = 4096
# Behind every statement.
_EVERYTHING = 1 << 62


class Passed(t.NamedTuple):
    """A statement that is to be run.

    :param original: its text as it stands in the file.
    """

    statement: Statement
    action: Action
    original: bytes

    @property
    def size(self) -> int:
        """As it stands in the file, as far as it was read."""
        rest = self.statement.rest
        return len(self.original) + (rest.size if rest is not None else 0)


def passing(splitter: Splitter, filters: t.Sequence[StatementFilter], policy: ScriptPolicy) -> t.Iterator[Passed]:
    """The statements of a script that are run, changed by the filters."""
    for statement in splitter:
        original = statement.text
        passed = apply_filters(filters, statement, classify(original))
        if passed is None:
            continue
        changed, action = passed
        reason = policy.left_out(changed.text, action)
        if reason:
            _LOG.debug("line %d left out: %s", statement.line, reason)
            continue
        yield Passed(changed, action, original)
        # Or they would stay in memory while the next one is put together.
        del statement, changed, passed, original


@dataclasses.dataclass
class _Open:
    """What a lane has run since its last commit."""

    statements: list[Passed] = dataclasses.field(default_factory=list)
    size: int = 0


class ScriptRunner:
    """Runs one script.

    :param name: what to call it in messages.
    """

    def __init__(self, run: LoadRun, splitter: Splitter, name: str) -> None:
        self._run = run
        self._splitter = splitter
        self._name = name
        self._under_way: collections.OrderedDict[int, tuple[Lane, Passed]] = collections.OrderedDict()
        self._open = {id(lane): _Open() for lane in run.lanes}
        verbs = {verb for verb, _kind in run.summary.actions}
        mixes = bool(verbs & _TRANSACTION_VERBS)
        # MariaDB may take back all rows of a transaction that began with an empty table when a statement fails.
        self._commits = not mixes and run.options.on_error != CONTINUE
        self._lanes = [run.main] if mixes else list(run.lanes)
        self._label = ""
        self._begun: set[str] = set()
        self._skip_until = run.state.offset if run.state is not None else 0
        self._made: set[tuple[str, str]] = set()

    def run(self, filters: t.Sequence[StatementFilter], policy: ScriptPolicy) -> None:
        """Run everything.

        :raises RestoreError: a statement failed or changed data on its way in; context has ``line``, ``statement`` and
            ``errno``.
        """
        run = self._run
        if self._commits:
            for lane in self._lanes:
                lane.session.execute("SET SESSION autocommit = 0")
        resumed = self._skip_until > 0
        for passed in passing(self._splitter, filters, policy):
            if passed.statement.offset < self._skip_until:
                self._skip(passed)
                del passed
                continue
            if resumed:
                resumed = False
                self._check_earlier()
            label = label_of(passed.action)
            if label != self._label:
                self._label = label
                _LOG.debug("line %d: %s", passed.statement.line, label)
                run.item(name_of(passed.action))
            if passed.action.is_data:
                self._insert(passed)
            else:
                self._other(passed)
            del passed
        self._finish_all()
        if self._commits:
            self._commit_all()
            for lane in run.lanes:
                lane.session.execute("SET SESSION autocommit = 1")
        if resumed:
            self._check_earlier()
        if run.state is not None:
            run.state.script_done_until(_EVERYTHING, run.counts(), run.deferred, important=True)
        self._make_keys()

    # -- what an earlier run has done

    def _skip(self, passed: Passed) -> None:
        """Pass a statement that an earlier run has run; the session's settings are made again."""
        run, action = self._run, passed.action
        if action.is_data:
            digest = run.tables.setdefault(name_of(action), LoadedTable()).digest("")
            digest.add(passed.original, action, passed.statement.rest)
            self._begun.add(name_of(action))
            run.progress.advance(passed.size)
        elif action.verb in _SETTING_VERBS:
            self._other(passed)
        elif action.verb == "CREATE":
            self._made.update((action.kind.lower(), name.name.lower()) for name in action.names)
            if action.kind == "TABLE":
                run.create_again(passed.statement.text, action)
            elif action.kind == "TRIGGER":
                self._lanes = [run.main]

    def _check_earlier(self) -> None:
        """What was made behind the recorded statement goes away, and tables have the rows recorded or start over.

        :raises RestoreError: a table lost rows that were committed, or got others.
        """
        run = self._run
        for name, (rows, duplicates) in (run.state.counts if run.state else {}).items():
            table = run.tables.setdefault(name, LoadedTable())
            table.rows, table.duplicates = rows, duplicates
        # Not one of the connections, which are as the script has set them.
        session = run.connect()
        try:
            session.execute("SET SESSION foreign_key_checks = 0")
            preflight.drop(session, [one for one in run.present(session) if (one[0], one[1].lower()) not in self._made])
            self._check_rows(session)
        finally:
            session.close()

    def _check_rows(self, session: Session) -> None:
        run = self._run
        for name in run.summary.tables:
            recorded = run.tables[name].rows if name in run.tables else 0
            if ("table", name.lower()) not in self._made or rows_in(session, name) == recorded:
                continue
            if recorded:
                raise RestoreError(
                    f"the table {name} has not the {recorded} rows that the interrupted restore had loaded",
                    hint="another session or a crash changed it: restore without resume into an empty database",
                )
            session.execute(f"TRUNCATE TABLE {quoting.identifier(name)}")

    # -- rows

    def _insert(self, passed: Passed) -> None:
        if passed.statement.rest is not None:
            self._insert_in_parts(passed, passed.statement.rest)
            return
        name = name_of(passed.action)
        first = name not in self._begun
        self._begun.add(name)
        # MariaDB locks a table as a whole while its first rows come in.
        independent = len(self._lanes) > 1 and not first and _is_independent(passed)
        if not independent:
            self._finish_all()
        lane = self._idle_lane() if independent else self._run.main
        run = self._run
        run.tables.setdefault(name, LoadedTable()).digest("").add(passed.original, passed.action)
        started = False
        with run.going_on():
            self._start(lane, passed)
            started = True
        if started:
            self._under_way[id(lane)] = (lane, passed)
            if not independent and len(self._lanes) > 1:
                self._finish_all()
                if self._commits:
                    self._commit_all()
            elif len(passed.statement.text) > OVERLAP_UP_TO:
                self._finish(lane)

    def _insert_in_parts(self, passed: Passed, rest: Rest) -> None:
        """A statement that cannot be run again, since it is not kept: alone, and in a transaction of its own."""
        self._finish_all()
        if self._commits:
            self._commit_all()
        run, lane, statement, action = self._run, self._run.main, passed.statement, passed.action
        name = name_of(action)
        self._begun.add(name)
        digest = run.tables.setdefault(name, LoadedTable()).digest("")
        with run.going_on():
            passing_by = digest.through(passed.original, action, rest)
            lane.start_in_parts(statement.text, passing_by, action, self._where(statement), statement.line)
            done = lane.finish()
            run.loaded(done, passed.size)
        if self._commits:
            self._commit(lane)

    def _where(self, statement: Statement) -> str:
        return f"line {statement.line} of {self._name}"

    def _idle_lane(self) -> Lane:
        for lane in self._lanes:
            if not lane.busy:
                return lane
        connections = {id(lane.session.connection): lane for lane in self._lanes}
        ready = wire.wait_for_answers([lane.session.connection for lane in self._lanes])
        for connection in ready:
            self._finish(connections[id(connection)])
        return connections[id(ready[0])]

    def _start(self, lane: Lane, passed: Passed) -> None:
        if lane.busy:
            self._finish(lane)
        statement = passed.statement
        lane.start(statement.text, passed.action, self._where(statement), statement.line)

    def _finish(self, lane: Lane) -> None:
        _lane, passed = self._under_way.pop(id(lane))
        with self._run.going_on():
            try:
                done = lane.finish()
            except RestoreError as error:
                if error.context.get("errno") != DEADLOCK or not self._commits:
                    raise
                done = self._again(lane, passed)
            self._run.loaded(done, passed.size)
            if self._commits:
                opened = self._open[id(lane)]
                opened.statements.append(passed)
                opened.size += len(passed.statement.text)
                if opened.size >= _COMMIT_BYTES:
                    self._commit(lane)

    def _again(self, lane: Lane, passed: Passed) -> t.Any:
        """Everything since the last commit once more: a deadlock took it back."""
        for attempt in range(DEADLOCK_RETRIES):
            _LOG.debug("deadlock; running %d statements again", len(self._open[id(lane)].statements) + 1)
            time.sleep(0.05 * (attempt + 1))
            try:
                for one in (*self._open[id(lane)].statements, passed):
                    self._start(lane, one)
                    done = lane.finish()
                return done
            except RestoreError as error:
                if error.context.get("errno") != DEADLOCK or attempt == DEADLOCK_RETRIES - 1:
                    raise
        return None

    def _finish_all(self) -> None:
        for lane, _passed in list(self._under_way.values()):
            self._finish(lane)

    def _commit(self, lane: Lane) -> None:
        lane.session.execute("COMMIT")
        self._open[id(lane)] = _Open()

    def _commit_all(self) -> None:
        for lane in self._lanes:
            if self._open[id(lane)].statements:
                self._commit(lane)

    # -- everything else

    def _other(self, passed: Passed) -> None:
        self._finish_all()
        statement, action = passed.statement, passed.action
        if action.verb not in _SETTING_VERBS and self._commits:
            # Definitions wait for open transactions of other connections.
            self._commit_all()
            if self._run.state is not None and statement.offset >= self._skip_until:
                self._run.state.script_done_until(
                    statement.offset, self._run.counts(), self._run.deferred, important=False
                )
        if action.verb in ("LOCK", "UNLOCK") and len(self._lanes) > 1:
            # It would shut out the other connections.
            return
        if action.verb == "CREATE" and action.kind == "TRIGGER":
            # From here on an INSERT may depend on the one before.
            self._lanes = [self._run.main]
        text = statement.text
        if action.verb == "CREATE" and action.kind == "TABLE":
            text = self._run.create_table(text, action, self._run.main)
        everywhere = action.verb in _SETTING_VERBS or action.verb == "COMMIT"
        for lane in self._lanes if everywhere else self._lanes[:1]:
            with self._run.going_on():
                done = lane.run(text, action, self._where(statement), statement.line)
                self._splitter.backslash_escapes = done.backslash_escapes

    def _make_keys(self) -> None:
        run = self._run
        jobs = collections.deque(job for job in map(run.key_jobs, run.deferred) if job is not None)
        if jobs:
            run.progress.phase("making keys")
        run.run_jobs(lambda: jobs.popleft() if jobs else None)
        jobs.extend(run.foreign_key_jobs())
        run.run_jobs(lambda: jobs.popleft() if jobs else None)


def _is_independent(passed: Passed) -> bool:
    """Whether an INSERT only adds rows that it holds itself, so that its place among others does not matter."""
    text = passed.statement.text
    if passed.action.verb != "INSERT" or passed.action.ignores or head_end(text, 0) < 0:
        return False
    return b"ON DUPLICATE" not in text[-_TAIL:].upper()
