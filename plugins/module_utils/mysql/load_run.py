# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What loading a script and loading a folder share: connections, what was loaded, what failed, keys for later."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import time
import typing as t

from ..errors import RestoreError
from ..progress import Progress
from . import faults, preflight, wire
from .deferred_keys import AddingKeys, DeferredKeys, defer, key_names
from .lane import DEADLOCK, Done, HarmlessWarnings, Lane, name_of
from .load_options import CONTINUE, ERROR, IGNORE, LoadOptions
from .load_state import LoadState
from .quoting import identifier
from .script_files import natural
from .script_summary import ScriptSummary, ScriptTable, TableDigest, joined
from .session import Session
from .statements import Action, classify

_LOG = logging.getLogger("dbfleet.mysql")
# From this size of a table's data on, making its keys afterwards is worth a statement of its own.
DEFER_FROM = 8 << 20
DEADLOCK_RETRIES = 10
_UTF8_CLIENTS = frozenset({"utf8mb4", "utf8mb3", "utf8", "binary"})
_NAMED_AT_MOST = 10

#: A piece of work on one lane: it stops at each yield while the server works on what it has sent.
Job = t.Callable[[Lane], t.Generator[None, None, None]]


class Digest(t.Protocol):
    """The data of one table in one file."""

    def record(self) -> ScriptTable:
        """What is known of it."""


@dataclasses.dataclass
class LoadedTable:
    """What was loaded into one table so far.

    :param rows: that the statements gave, of those that succeeded.
    :param duplicates: rows whose keys were in the target already.
    :param digests: of the statements by file.
    """

    rows: int = 0
    duplicates: int = 0
    digests: dict[str, Digest] = dataclasses.field(default_factory=dict)

    def digest(self, path: str) -> TableDigest:
        """That of one file, as it grows."""
        return t.cast(TableDigest, self.digests.setdefault(path, TableDigest()))

    def data(self) -> ScriptTable:
        """What was loaded, as a summary tells it."""
        parts = [digest.record() for _path, digest in sorted(self.digests.items(), key=lambda one: natural(one[0]))]
        return joined(parts) if parts else TableDigest().record()


class LoadRun:
    """The state of one load.

    :param lanes: the first one is the main one, on which definitions are run.
    :param connect: gives another connection to the target's database.
    :param may_alter: the user may change tables; without that right, keys are made before the rows.
    :param state: where it is recorded what is done, for a restore that may be resumed.

    :attr:`tables` fills as rows are loaded; :attr:`failures` lists the statements that failed where the restore goes
    on behind them.
    """

    def __init__(
        self,
        lanes: t.Sequence[Lane],
        summary: ScriptSummary,
        options: LoadOptions,
        progress: Progress,
        harmless: HarmlessWarnings,
        connect: t.Callable[[], Session],
        state: LoadState | None = None,
        may_alter: bool = True,
    ) -> None:
        self.lanes = lanes
        self.main = lanes[0]
        self.summary = summary
        self.database = lanes[0].database
        self.options = options
        self.progress = progress
        self.harmless = harmless
        self.connect = connect
        self.may_alter = may_alter
        self.state = state
        self.tables: dict[str, LoadedTable] = {}
        self.failures: list[RestoreError] = []
        self.deferred: dict[str, DeferredKeys] = {}
        self._item = ""

    # -- work on several connections

    def run_jobs(self, take: t.Callable[[], Job | None]) -> None:
        """Keep every lane at work until there is nothing left to take.

        :param take: the next piece of work; it may give more after ``None``, when others have ended.
        """
        running: dict[int, tuple[Lane, t.Generator[None, None, None]]] = {}
        idle = collections.deque(self.lanes)
        try:
            while True:
                while idle:
                    job = take()
                    if job is None:
                        break
                    lane = idle.popleft()
                    running[id(lane.session.connection)] = (lane, job(lane))
                    _step(running, idle, lane)
                if not running:
                    return
                busy = [lane.session.connection for lane, _work in running.values()]
                for connection in wire.wait_for_answers(busy):
                    _step(running, idle, running[id(connection)][0])
        finally:
            for _lane, work in running.values():
                work.close()

    # -- errors

    def failed(self, error: RestoreError) -> None:
        """Go on behind a statement that failed, where that was asked for and is possible; else raise it."""
        lost = error.context.get("errno") in faults.LOST_CONNECTION
        if self.options.on_error != CONTINUE or lost:
            raise error
        _LOG.debug("going on behind %s", error.context.get("statement"))
        self.failures.append(error)

    @contextlib.contextmanager
    def going_on(self) -> t.Iterator[None]:
        """Around one statement: see :meth:`failed`."""
        try:
            yield
        except RestoreError as error:
            self.failed(error)

    def check_failures(self) -> None:
        """:raises RestoreError: with the complete list, where statements failed."""
        if not self.failures:
            return
        first = self.failures[0]
        messages = [one.message for one in self.failures]
        raise RestoreError(
            f"{len(messages)} statements failed, the rest was restored: {'; '.join(messages[:_NAMED_AT_MOST])}",
            hint=first.hint,
            failures=[{"message": one.message, **one.context} for one in self.failures],
            errno=first.context.get("errno"),
        )

    # -- rows

    def loaded(self, done: Done, size: int) -> None:
        """Count an INSERT that succeeded.

        :param size: of the statement as it stands in the file, in bytes.
        """
        name = name_of(done.sent.action)
        table = self.tables.setdefault(name, LoadedTable())
        table.rows += done.rows
        table.duplicates += done.duplicates
        self.progress.advance(size, done.rows)

    def digested(self, path: str, name: str, digest: Digest) -> Digest:
        """What is kept of a table's data in a file that is loaded: there may be very many files."""
        found, expected = digest.record(), self.summary.files.get(path, {}).get(name)
        return expected if expected is not None and expected == found else found

    def tell_duplicates(self) -> None:
        """Say of which tables rows were there already."""
        for name, table in self.tables.items():
            if table.duplicates:
                rows = "1 row" if table.duplicates == 1 else f"{table.duplicates} rows"
                was = "was" if table.duplicates == 1 else "were"
                done = "left as it is" if self.options.duplicates == IGNORE else "replaced"
                self.progress.warn(f"{rows} of {name} {was} there already and {was} {done}")

    def item(self, name: str) -> None:
        """Tell which object is at hand."""
        if name and name != self._item:
            self._item = name
            self.progress.item(name)

    # -- keys

    def create_table(self, text: bytes, action: Action, lane: Lane) -> bytes:
        """The CREATE TABLE to run: without the keys that are better made later."""
        table = self.summary.tables.get(name_of(action))
        if table is None or table.bytes < DEFER_FROM or not self._defers_keys():
            return text
        keys = defer(text, self.summary.references)
        if keys is None or not (text.isascii() or self._reads_utf8(lane)):
            return text
        self.deferred[keys.table] = keys
        return keys.create

    def present(self, session: Session) -> tuple[tuple[str, str], ...]:
        """Kind and name of everything of the backup that is in the target, in the order of dropping it."""
        return preflight.made_before(self.summary, preflight.inventory(session, self.database))

    def create_again(self, text: bytes, action: Action) -> None:
        """Remember the keys that are to be made of a table that an earlier run has made."""
        if self.state is not None and name_of(action) in self.state.deferred:
            keys = defer(text, self.summary.references)
            if keys is not None:
                self.deferred[keys.table] = keys

    def counts(self) -> dict[str, tuple[int, int]]:
        """Rows and duplicates of every table so far."""
        return {name: (table.rows, table.duplicates) for name, table in self.tables.items()}

    def _defers_keys(self) -> bool:
        # Duplicates are found by the keys that are there, and a failed row must not cost a table its keys.
        return self.may_alter and self.options.on_error != CONTINUE and self.options.duplicates == ERROR

    @staticmethod
    def _reads_utf8(lane: Lane) -> bool:
        return (lane.session.scalar("SELECT @@character_set_client") or "") in _UTF8_CLIENTS

    def key_jobs(self, table: str) -> Job | None:
        """The work of making a table's keys, without the foreign ones."""
        keys = self.deferred.get(table)
        return None if keys is None or not keys.keys else self._altering(table, keys.keys)

    def foreign_key_jobs(self) -> list[Job]:
        """The work of making all foreign keys, once all other keys are there."""
        found = self.deferred.values()
        return [self._altering(keys.table, (keys.foreign_keys,)) for keys in found if keys.foreign_keys]

    def _altering(self, table: str, alters: t.Sequence[AddingKeys]) -> Job:
        def job(lane: Lane) -> t.Generator[None, None, None]:
            lane.session.execute("SET NAMES utf8mb4")
            lane.session.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0")
            present = self._present_keys(lane, table)
            for alter, names in alters:
                if names <= present:
                    # An interrupted run has made them.
                    continue
                _LOG.debug("making deferred keys of %s", table)
                self.item(table)
                for attempt in range(DEADLOCK_RETRIES):
                    lane.start(alter, classify(alter), f"the keys of {table}", 0)
                    yield
                    try:
                        lane.finish()
                        break
                    except RestoreError as error:
                        if error.context.get("errno") != DEADLOCK or attempt == DEADLOCK_RETRIES - 1:
                            raise
                        time.sleep(0.1 * (attempt + 1))

        return job

    @staticmethod
    def _present_keys(lane: Lane, table: str) -> frozenset[str]:
        rows = lane.session.query_bytes(f"SHOW CREATE TABLE {identifier(table)}")
        return key_names(rows[0][1] or b"")

    def check_keys(self) -> None:
        """Every key that was made later is there.

        :raises RestoreError: one is not.
        """
        for keys in self.deferred.values():
            missing = sorted(keys.names - self._present_keys(self.main, keys.table))
            if missing:
                raise RestoreError(
                    f"the keys {', '.join(missing[:_NAMED_AT_MOST])} of {keys.table} are missing after they were made",
                    hint="another session may have dropped them; restore again",
                    missing=missing,
                )


def _step(
    running: dict[int, tuple[Lane, t.Generator[None, None, None]]], idle: collections.deque[Lane], lane: Lane
) -> None:
    """Go on with a lane's work up to where it waits again."""
    key = id(lane.session.connection)
    try:
        next(running[key][1])
    except StopIteration:
        del running[key]
        idle.append(lane)
