# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Shares the tables of a folder between processes: who reads which slice, and how large the next one is.

A table's slices follow from one another (see :mod:`.chunks`). Whoever is free takes the next slice of any table; only
where there would be nothing left for somebody to do is the rest of a range divided. So no process waits for another
while there are rows, and nothing depends on how many rows the server believes a table to have.
"""

from __future__ import annotations

import collections
import dataclasses
import time
import typing as t

from .. import drivers
from ..interfaces import ArtifactWriter
from ..progress import Progress
from ..repository.records import TableRecord
from ..streams.digest import combined_digest
from ..workers import WorkerPool
from . import chunks, quoting, snapshot
from .catalog.tables import Table
from .definition_watch import DefinitionWatch
from .dump_worker import Assignment, Begin, DumpResult, DumpTask, DumpWorker, OpenView, Ready, Slice, SliceDone
from .session import Session

# Below this a table is one slice; the server's own figure of its size may be old, which costs nothing but time.
_DIVIDED_FROM = 8 << 20
_FIRST_LIMIT = 1000
_SLICE_BYTES = 64 << 20
_LONGEST_SECONDS = 10.0
_SHORTEST_SECONDS = 0.3
_SHARE_OF_ELAPSED = 0.1
_GROWTH = 100
_WAITING_PER_JOB = 2


class Tasks(t.Protocol):
    """Where tasks are done: in a pool of processes, or here."""

    def submit(self, task: DumpTask, *, first: bool = False) -> None: ...

    def results(self) -> t.Iterator[tuple[DumpTask, DumpResult]]: ...


class Readers:
    """Processes with a connection each; the :class:`.snapshot.Followers` of the leader's snapshot.

    A context manager: leaving it by an exception ends them at once.
    """

    def __init__(self, assignment: Assignment, *, jobs: int, progress: Progress, may_fork: bool) -> None:
        # What is loaded now need not be loaded by every process that is forked.
        drivers.numpy()
        drivers.isal_zlib()
        self.jobs = jobs
        self.tasks: WorkerPool[DumpTask, DumpResult] = WorkerPool(
            DumpWorker, assignment, jobs=jobs, progress=progress, may_fork=may_fork
        )

    def __enter__(self) -> Readers:
        self.tasks.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.tasks.__exit__(kind, error, trace)

    def connect(self) -> None:
        """Wait until every process has its connection: nothing must wait for that while the server is locked."""
        self._each(Ready())

    def start(self) -> t.Collection[snapshot.Position]:
        return [result for result in self._each(OpenView()) if isinstance(result, snapshot.Position)]

    def begin(self, task: Begin) -> None:
        """Tell every process what all tables need."""
        self._each(task)

    def _each(self, task: DumpTask) -> list[DumpResult]:
        # All of them are idle, so each is given one.
        for _process in range(self.jobs):
            self.tasks.submit(task)
        return [result for _task, result in self.tasks.results()]


class Here:
    """Does every task at once, in this process."""

    def __init__(self, worker: DumpWorker, progress: Progress) -> None:
        self._worker = worker
        self._progress = progress
        self._waiting: collections.deque[DumpTask] = collections.deque()

    def submit(self, task: DumpTask, *, first: bool = False) -> None:
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)

    def results(self) -> t.Iterator[tuple[DumpTask, DumpResult]]:
        while self._waiting:
            task = self._waiting.popleft()
            yield task, self._worker.run(task, self._progress)


@dataclasses.dataclass
class _Reading:
    """A table while it is read.

    :param limit: the rows of its next slice.
    :param open: slices that are waiting or being read.
    :param parts: by the file's number.
    """

    table: Table
    key: chunks.Key | None
    limit: int
    open: int = 0
    next_number: int = 0
    parts: dict[int, SliceDone] = dataclasses.field(default_factory=dict)

    def record(self, database: str) -> TableRecord:
        """The whole table; see :class:`TableRecord` for what its digest is then."""
        parts = [self.parts[number] for number in sorted(self.parts) if self.parts[number].rows]
        if len(parts) < 2:
            one = parts[0] if parts else self.parts[min(self.parts)]
            return TableRecord(database, self.table.name, one.rows, one.size, one.sha256)
        return TableRecord(
            schema=database,
            name=self.table.name,
            rows=sum(part.rows for part in parts),
            bytes=sum(part.size for part in parts),
            sha256=combined_digest(part.sha256 for part in parts),
            parts=tuple(part.size for part in parts),
        )


class Scheduler:
    """Reads all tables.

    :param session: the leader's, in the same snapshot; it looks for places to divide ranges at.
    :param order_of: the columns by which the user wants a table ordered, quoted; empty where any order will do.
    :param unlocked: called once the tables that no snapshot covers are read.
    """

    def __init__(
        self,
        session: Session,
        database: str,
        tasks: Tasks,
        *,
        jobs: int,
        watch: DefinitionWatch | None,
        order_of: t.Callable[[Table], str],
        unlocked: t.Callable[[], None],
    ) -> None:
        self._session = session
        self._database = database
        self._tasks = tasks
        self._jobs = jobs
        self._watch = watch
        self._order_of = order_of
        self._unlocked = unlocked
        self._began = time.monotonic()
        self._open = 0
        self._pending: t.Iterator[Table] = iter(())
        self._readings: dict[str, _Reading] = {}
        self._records: dict[str, TableRecord] = {}

    def run(self, tables: t.Sequence[Table], writer: ArtifactWriter) -> tuple[TableRecord, ...]:
        """Read every table into its files.

        :return: a record of every table that has rows of its own, in the order of ``tables``.
        """
        self._pending = iter(sorted(tables, key=lambda one: (one.is_transactional, -one.data_length, one.name)))
        locked = sum(not table.is_transactional for table in tables)
        if not locked:
            self._unlocked()
        self._feed()
        for task, result in self._tasks.results():
            if not isinstance(task, Slice) or not isinstance(result, SliceDone):
                continue
            writer.adopt(result.files)
            self._take(task, result)
            if not task.table.is_transactional:
                locked -= 1
                if not locked:
                    self._unlocked()
        return tuple(self._records[table.name] for table in tables if table.has_rows)

    def _feed(self) -> None:
        """Begin as many tables as there is work wanted for, not all: there may be very many."""
        began = False
        while self._open < _WAITING_PER_JOB * self._jobs:
            table = next(self._pending, None)
            if table is None:
                break
            self._begin(table)
            began = True
        if began:
            snapshot.release(self._session)

    def _begin(self, table: Table) -> None:
        """Submit a table's first slices. A table that no snapshot covers is one."""
        large = table.has_rows and table.is_transactional and table.data_length >= _DIVIDED_FROM
        # Rows of the past have the keys of those that came after them.
        large = large and not table.history
        key = chunks.read_key(self._session, table) if large else None
        reading = self._readings[table.name] = _Reading(table, key, _FIRST_LIMIT)
        for partition in self._partitions(table) if large and table.is_partitioned else [""]:
            self._submit(reading, partition, chunks.Range(), first=False)

    def _submit(self, reading: _Reading, partition: str, part: chunks.Range, *, first: bool) -> None:
        table, watch = reading.table, self._watch
        self._tasks.submit(
            Slice(
                table=table,
                number=reading.next_number,
                partition=partition,
                key=reading.key,
                part=part,
                order="" if reading.key else self._order_of(table),
                limit=reading.limit if reading.key else 0,
                has_definition=reading.next_number == 0,
                made=watch.made(table) if watch is not None else None,
                is_watched=watch is not None,
            ),
            first=first,
        )
        reading.next_number += 1
        reading.open += 1
        self._open += 1

    def _take(self, task: Slice, result: SliceDone) -> None:
        reading = self._readings[task.table.name]
        reading.parts[task.number] = dataclasses.replace(result, files=())
        reading.open -= 1
        self._open -= 1
        self._feed()
        if task.key is not None and result.rest is not None:
            self._measure(reading, result)
            for part in self._divided(task, task.key, result.rest):
                self._submit(reading, task.partition, part, first=True)
        if not reading.open:
            self._records[task.table.name] = self._readings.pop(task.table.name).record(self._database)

    def _measure(self, reading: _Reading, result: SliceDone) -> None:
        """How many rows the table's next slices have, after how long this one took and how large it became."""
        elapsed = time.monotonic() - self._began
        wanted = min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, elapsed * _SHARE_OF_ELAPSED))
        by_time = result.rows * wanted / max(result.seconds, 0.001)
        by_size = result.rows * _SLICE_BYTES / max(result.size, 1)
        reading.limit = max(1, int(min(by_time, by_size, result.rows * _GROWTH)))

    def _divided(self, task: Slice, key: chunks.Key, rest: chunks.Range) -> t.Sequence[chunks.Range]:
        """The rest of a range, in as many parts as there are processes without work."""
        parts = collections.deque([rest])
        source = chunks.source_of(task.table, task.partition, key)
        undivided = 0
        while self._open + len(parts) < self._jobs and undivided < len(parts):
            part = parts.popleft()
            bound = chunks.divide(self._session, task.table, source, key, part)
            parts.extend([part] if bound is None else part.divided(bound))
            undivided = undivided + 1 if bound is None else 0
        snapshot.release(self._session)
        return parts

    def _partitions(self, table: Table) -> list[str]:
        """The names of a table's smallest parts."""
        rows = self._session.query(
            "SELECT COALESCE(SUBPARTITION_NAME, PARTITION_NAME) FROM information_schema.PARTITIONS "
            f"WHERE TABLE_SCHEMA = {quoting.literal(self._database)} AND TABLE_NAME = {quoting.literal(table.name)} "
            "ORDER BY PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION"
        )
        return [name for (name,) in rows if name] or [""]
