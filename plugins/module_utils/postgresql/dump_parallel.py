# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing a directory archive's data with several processes, all of which see the leader's snapshot.

The largest tables are begun first. A very large one is read in ranges of its blocks by several processes at once, each
into a file of its own; in the end the files are put one behind the other: gzip members and zstd and LZ4 frames may
follow each other, so for a reader it is one stream.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .. import drivers
from ..errors import ConsistencyError, QueryError
from ..interfaces import ArtifactWriter, WorkerFiles
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import FileRecord, LargeObjectsRecord, TableRecord
from ..streams.background import BackgroundSink
from ..streams.base import ByteSink
from ..streams.compression import Compression, compress_sink
from ..streams.digest import DigestSink, combined_digest
from ..workers import WorkerPool
from .archive.copy_text import data_sink
from .archive.directory_writer import DirectoryFiles, DirectoryWriter, data_file_name
from .catalog.base import CatalogOid
from .connection import connect
from .contents import Contents, DataItem, LargeObjectsItem
from .copy_out import copy_out
from .data_out import TablesOut, table_batches, unreadable, write_large_objects
from .inserts import InsertOptions
from .options import ConnectionOptions, DumpSettings
from .quoting import every_name_quoted, qualified
from .session import Session
from .snapshot import Snapshot, join_snapshot

#: Smaller parts would cost more in joining than they save.
_LEAST_PART = 32 << 20
#: From this size on some process will use numpy: it takes as long to import as so many rows take without.
_WORTH_NUMPY = 32 << 20
#: How many parts there are for a process: enough that all end at about the same time.
_PARTS_PER_JOB = 4
#: What is put together is read, digested and written once more, which takes as long again as reading rows that are not
#: compressed. So those are divided only of a table that holds up the others: from so many times a process's share on.
_UNEVEN = 1.5
#: Servers before read a range of blocks by reading the whole table.
_RANGE_SCANS_SINCE = 140000
_BLOCKS = """
    SELECT c.oid, pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam
    WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind = 'r' AND a.amname = 'heap'
"""


@dataclass(frozen=True)
class Assignment:
    """What every process must know.

    :param folder: the archive's folder among the files.
    :param sizes: about how many bytes the tables have, by OID.
    """

    connection: ConnectionOptions
    database: str
    snapshot: str
    files: WorkerFiles
    folder: str
    version: tuple[int, int]
    compression: Compression
    sizes: t.Mapping[int, int]
    inserts: InsertOptions | None = None
    settings: DumpSettings = dataclasses.field(default_factory=DumpSettings)


@dataclass(frozen=True)
class Part:
    """A range of a table's blocks.

    :param number: from 0; all but the first have a first block, all but the last one after their last.
    """

    number: int
    first: int | None
    end: int | None


@dataclass(frozen=True)
class DumpTask:
    """Something to be done by one process: tables, a part of one, putting its parts together, or large objects.

    :param size: about how many bytes there are to read.
    :param tables: one, or several small ones.
    :param part: of the one table.
    :param joined: the number of parts to be put together.
    """

    size: int
    tables: tuple[DataItem, ...] = ()
    part: Part | None = None
    joined: int = 0
    large_objects: LargeObjectsItem | None = None


@dataclass(frozen=True)
class Done:
    """What came of a task: the tables' (or the part's) rows, or large objects, and the files that are finished."""

    tables: tuple[TableRecord, ...]
    files: tuple[FileRecord, ...]
    large_objects: LargeObjectsRecord | None = None


def write_in_parallel(
    session: Session,
    archive: DirectoryWriter,
    contents: Contents,
    assignment: Assignment,
    *,
    writer: ArtifactWriter,
    jobs: int,
    progress: Progress,
) -> tuple[tuple[TableRecord, ...], tuple[LargeObjectsRecord, ...]]:
    """Write all data.

    :param session: the leader's, in the transaction whose snapshot the processes take over.
    :returns: the tables and the large objects in the archive's order.
    """
    packs = assignment.compression.method != "none"
    tasks = plan_tasks(session, contents, assignment.sizes, jobs=jobs, packs=packs)
    done: dict[int, TableRecord] = {}
    objects: dict[int, LargeObjectsRecord] = {}
    parts: dict[int, dict[int, TableRecord]] = {}
    numbers: dict[int, int] = {}
    for task in tasks:
        if task.part is not None:
            number = task.tables[0].entry.dump_id
            numbers[number] = numbers.get(number, 0) + 1
    # What is loaded now need not be loaded by every process that is forked.
    if sum(assignment.sizes.values()) >= _WORTH_NUMPY:
        drivers.numpy()
    drivers.isal_zlib()
    pool: WorkerPool[DumpTask, Done] = WorkerPool(
        _DumpWorker, assignment, jobs=min(jobs, len(tasks)), progress=progress, may_fork=not session.pgconn.ssl_in_use
    )
    with pool:
        for task in tasks:
            pool.submit(task)
        for task, result in pool.results():
            writer.adopt(result.files)
            if task.part is not None:
                number = task.tables[0].entry.dump_id
                found = parts.setdefault(number, {})
                (found[task.part.number],) = result.tables
                if len(found) == numbers[number]:
                    pool.submit(DumpTask(0, task.tables, joined=len(found)), first=True)
                continue
            tables = result.tables
            if task.joined:
                pieces = parts[task.tables[0].entry.dump_id]
                tables = (_together([pieces[index] for index in range(task.joined)]),)
            for item, table in zip(task.tables, tables):
                archive.written_elsewhere(item.entry)
                done[item.entry.dump_id] = table
            if task.large_objects is not None and result.large_objects is not None:
                archive.written_elsewhere(task.large_objects.entry)
                objects[task.large_objects.entry.dump_id] = result.large_objects
    return (
        tuple(done[item.entry.dump_id] for item in contents.data),
        tuple(objects[item.entry.dump_id] for item in contents.large_objects),
    )


def plan_tasks(
    session: Session, contents: Contents, sizes: t.Mapping[int, int], *, jobs: int, packs: bool
) -> list[DumpTask]:
    """Everything that is to be done, the largest first.

    :param packs: the rows are compressed, which takes so long that every large table is worth dividing.
    """
    blocks = _blocks(session, contents) if session.version >= _RANGE_SCANS_SINCE and jobs > 1 else {}
    total = sum(sizes.values())
    part_size = max(_LEAST_PART, total // (jobs * _PARTS_PER_JOB))
    divided_from = part_size if packs else max(part_size, total * _UNEVEN / jobs)
    tasks: list[DumpTask] = []
    for batch in table_batches(contents.data, sizes):
        items = tuple(batch)
        size = sum(sizes.get(item.table, 0) for item in items)
        divides = len(items) == 1 and size >= divided_from
        ranges = _ranges(blocks.get(items[0].table, 0), size // part_size) if divides else []
        tasks.extend(DumpTask(size // len(ranges), items, part) for part in ranges)
        if not ranges:
            tasks.append(DumpTask(size, items))
    shared = sizes.get(CatalogOid.PG_LARGEOBJECT.value, 0)
    share = shared // max(1, len(contents.large_objects))
    tasks.extend(DumpTask(share, large_objects=objects) for objects in contents.large_objects)
    return sorted(tasks, key=lambda task: -task.size)


def _blocks(session: Session, contents: Contents) -> dict[int, int]:
    """How many blocks the tables have that can be read in ranges."""
    oids = "{" + ",".join(str(item.table) for item in contents.data if item.select and item.entry.copy_stmt) + "}"
    return {int(oid): int(blocks) for oid, blocks in session.rows(_BLOCKS, (oids,))}


def _ranges(blocks: int, number: int) -> list[Part]:
    """``number`` ranges that cover every block that a table has or ever will have; none where it stays whole."""
    number = min(number, blocks)
    if number < 2:
        return []
    borders = [None, *(blocks * index // number for index in range(1, number)), None]
    return [Part(index, borders[index], borders[index + 1]) for index in range(number)]


def _together(parts: t.Sequence[TableRecord]) -> TableRecord:
    return TableRecord(
        schema=parts[0].schema,
        name=parts[0].name,
        rows=sum(part.rows for part in parts),
        bytes=sum(part.bytes for part in parts),
        sha256=combined_digest(part.sha256 for part in parts),
        parts=tuple(part.bytes for part in parts),
    )


class _DumpWorker:
    """One process's connection, in the leader's snapshot."""

    def __init__(self, assignment: Assignment) -> None:
        self._files = assignment.files
        self._folder = assignment.folder
        self._compression = assignment.compression
        self._quotes = assignment.settings.quote_all_identifiers
        self._data = DirectoryFiles(
            assignment.files, assignment.folder, version=assignment.version, compression=assignment.compression
        )
        self._session = connect(assignment.connection, database=assignment.database)
        try:
            join_snapshot(self._session, Snapshot(assignment.snapshot, "", 0), assignment.settings)
            self._out = TablesOut(self._session, self._data, assignment.sizes, inserts=assignment.inserts)
        except BaseException:
            self._session.close()
            raise

    def run(self, task: DumpTask, progress: Progress) -> Done:
        tables: tuple[TableRecord, ...] = ()
        large_objects = None
        if task.large_objects is not None:
            large_objects = write_large_objects(self._session, self._data, task.large_objects, progress)
        elif task.joined:
            (item,) = task.tables
            parts = [self._part_path(item, number) for number in range(task.joined)]
            self._files.join(self._path(item), parts)
        else:
            self._lock(task.tables)
            if task.part is None:
                with every_name_quoted(self._quotes):
                    tables = tuple(self._out.write(task.tables, progress))
            else:
                tables = (self._write_part(task.tables[0], task.part, progress),)
        return Done(tables, self._files.take(), large_objects)

    def close(self) -> None:
        with contextlib.suppress(drivers.psycopg().OperationalError):
            self._session.close()

    def _lock(self, items: t.Sequence[DataItem]) -> None:
        """Lock tables that the leader has locked already: only one who waits to alter one can make this fail."""
        names = ", ".join(qualified(item.schema, item.name) for item in items)
        try:
            self._session.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE NOWAIT")
        except QueryError as error:
            if error.context.get("sqlstate") != "55P03":
                raise
            tables = [f"{item.schema}.{item.name}" for item in items]
            # The server says which one: could not obtain lock on relation "public.orders".
            which = max((name for name in tables if name in error.message), key=len, default=", ".join(tables))
            raise ConsistencyError(
                f"the table {which} could not be locked by a worker: another session waits for an ACCESS EXCLUSIVE"
                " lock on it",
                hint="run the backup again when no one alters the schema",
                table=which,
            ) from error

    def _write_part(self, item: DataItem, part: Part, progress: Progress) -> TableRecord:
        progress.item(f"{item.schema}.{item.name}")
        file = self._files.create_part(self._part_path(item, part.number))
        packed = compress_sink(file, self._compression)
        # The end marker stands at the end of the last part.
        digest = DigestSink(data_sink(item.entry, packed) if part.end is None else packed)
        sink: ByteSink = BackgroundSink(digest)
        try:
            rows, size = copy_out(self._session, _range_statement(item, part), sink, progress)
            sink.close()
        except BaseException as error:
            sink.abort()
            if isinstance(error, QueryError):
                raise unreadable(item, error) from error
            raise
        return TableRecord(item.schema, item.name, rows, size, digest.hexdigest())

    def _path(self, item: DataItem) -> str:
        return f"{self._folder}/{data_file_name(item.entry)}{self._compression.suffix}"

    def _part_path(self, item: DataItem, number: int) -> str:
        return f"{self._path(item)}.part{number}"


def _range_statement(item: DataItem, part: Part) -> str:
    conditions = []
    if part.first is not None:
        conditions.append(f"ctid >= '({part.first},0)'::pg_catalog.tid")
    if part.end is not None:
        conditions.append(f"ctid < '({part.end},0)'::pg_catalog.tid")
    return f"COPY ({item.select} WHERE {' AND '.join(conditions)}) TO stdout"
