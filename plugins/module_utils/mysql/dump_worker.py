# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What one process does for a folder: a table's definition, or a slice of its rows, in the common snapshot."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..allocation import keep_freed_memory
from ..errors import ConsistencyError, QueryError
from ..interfaces import WorkerFiles
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import FileRecord
from ..streams.base import Buffer
from ..streams.compression import Compression
from ..streams.digest import DigestingFile
from . import chunks, directory_layout, quoting, snapshot
from .catalog.sequences import Sequence, sequences_used
from .catalog.tables import Table, read_definition
from .connection import connect
from .definition_watch import check_definition
from .insert_as_file import values_line
from .options import ConnectionOptions, ScriptForm
from .output import Output, TableDigest
from .script_text import LOADS_HISTORY
from .session import Session
from .table_rows import about_table, unlocked, write_rows


@dataclass(frozen=True)
class Assignment:
    """What every process must know.

    :param folder: the artifact's folder among the files.
    :param definitions: whether tables' definitions are written.
    :param locked: tables that no snapshot covers are locked by another session.
    """

    connection: ConnectionOptions
    database: str
    files: WorkerFiles
    folder: str
    compression: Compression
    form: ScriptForm
    definitions: bool
    locked: bool


@dataclass(frozen=True)
class Ready:
    """Answer once the connection is there."""


@dataclass(frozen=True)
class OpenView:
    """Open the view of the snapshot, a new one if there is one already. Answered with its position."""


@dataclass(frozen=True)
class Begin:
    """The tables of a database come next; what all of them need.

    :param sequences: those of the database.
    """

    sequences: tuple[Sequence, ...]
    database: str


@dataclass(frozen=True)
class Slice:
    """Rows to be read into one file.

    :param partition: only this one; empty for the whole table.
    :param key: in whose order the rows are read; without, they are all read.
    :param order: the columns behind ORDER BY where there is no key, quoted.
    :param limit: rows at most, where there is a key.
    :param number: the file's.
    :param has_definition: write the table's definition too.
    :param made: when the table's definition was made; ``None`` where it cannot change.
    """

    table: Table
    number: int
    partition: str = ""
    key: chunks.Key | None = None
    part: chunks.Range = dataclasses.field(default_factory=chunks.Range)
    order: str = ""
    limit: int = 0
    has_definition: bool = False
    made: str | None = None
    is_watched: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether the table may have several files of rows."""
        return self.key is not None or bool(self.partition)


@dataclass(frozen=True)
class SliceDone:
    """What came of a slice.

    :param size: of the statements, in bytes.
    :param sha256: of the content of the file with the rows, before it is compressed; empty of a table without any.
    :param rest: what is left of its range.
    :param files: that are finished.
    """

    rows: int
    size: int
    sha256: str
    rest: chunks.Range | None
    seconds: float
    files: tuple[FileRecord, ...]


DumpTask = t.Union[Ready, OpenView, Begin, Slice]
DumpResult = t.Union[None, snapshot.Position, SliceDone]


class DumpWorker:
    """One connection that works off tasks.

    :param session: whose view is open already; without, one is made.
    """

    def __init__(self, assignment: Assignment, session: Session | None = None) -> None:
        keep_freed_memory()
        self._assignment = assignment
        self._sequences: dict[str, Sequence] = {}
        self._owned = session is None
        self._session = session or connect(assignment.connection, database=assignment.database)
        if self._owned:
            try:
                snapshot.prepare_session(self._session)
            except BaseException:
                self._session.close()
                raise

    def run(self, task: DumpTask, progress: Progress) -> DumpResult:
        if isinstance(task, OpenView):
            return snapshot.follow(self._session)
        if isinstance(task, Begin):
            if task.database != self._assignment.database:
                self._session.execute(f"USE {quoting.identifier(task.database)}")
                self._assignment = dataclasses.replace(self._assignment, database=task.database)
            self._sequences = {f"`{one.name.replace('`', '``')}`": one for one in task.sequences}
        if isinstance(task, Slice):
            progress.item(task.table.name)
            return self._slice(task, progress)
        return None

    def close(self) -> None:
        """Release the connection, in whatever state."""
        if self._owned:
            self._session.close()

    def _slice(self, task: Slice, progress: Progress) -> SliceDone:
        began = time.monotonic()
        table = task.table
        if task.has_definition and self._assignment.definitions:
            self._write_definition(table)
        rows, size, rest = 0, 0, None
        file = _RowsFile(self._assignment, task)
        if table.has_rows:
            try:
                rows, rest = self._write_rows(task, file, progress)
                if task.is_watched:
                    check_definition(self._session, self._assignment.database, table, task.made)
                file.close()
            except BaseException:
                file.abort()
                raise
            size = file.size
        if rows and not table.is_transactional and not self._assignment.locked:
            raise unlocked([table])
        # Nothing stays locked against ALTER for the whole backup.
        snapshot.release(self._session)
        sha256 = file.content_digest() if table.has_rows else ""
        return SliceDone(rows, size, sha256, rest, time.monotonic() - began, self._assignment.files.take())

    def _write_definition(self, table: Table) -> None:
        try:
            definition = read_definition(self._session, table)
        except QueryError as error:
            raise about_table(error, table) from error
        used = sequences_used(definition, self._assignment.database)
        text = directory_layout.table(definition, [self._sequences[one] for one in used if one in self._sequences])
        names = directory_layout.FolderNames(self._assignment.database)
        file = self._assignment.files.create(f"{self._assignment.folder}/{names.structure(table.name)}")
        try:
            file.write(directory_layout.whole_file(text))
            file.close()
        except BaseException:
            file.abort()
            raise

    def _write_rows(self, task: Slice, file: _RowsFile, progress: Progress) -> tuple[int, chunks.Range | None]:
        table, key = task.table, task.key
        source = chunks.source_of(table, task.partition, key)
        rows, last = write_rows(
            self._session,
            table,
            file,
            progress.advance,
            form=self._assignment.form,
            source=source,
            conditions=task.part.conditions(key) if key else (),
            order=key.order if key else task.order,
            limit=task.limit,
            key=key,
        )
        if key is None or last is None or rows < task.limit:
            return rows, None
        if not chunks.is_exact(self._session, source, key, last):
            raise ConsistencyError(
                f"a row of table {table.name!r} is not found by its own key, so what follows it cannot be told",
                hint="its key holds text that is not valid in its character set: CHECK TABLE it",
                table=table.name,
            )
        return rows, task.part.rest(last)


class _RowsFile:
    """The file of a slice, which is only made if there are rows."""

    def __init__(self, assignment: Assignment, task: Slice) -> None:
        self._assignment = assignment
        table = task.table
        names = directory_layout.FolderNames(assignment.database)
        self._path = f"{assignment.folder}/{names.rows(table.name, task.number)}{assignment.compression.suffix}"
        self._settings = directory_layout.SHARED_TABLE_SETTINGS if task.is_shared else directory_layout.SETTINGS
        self._output: Output | None = None
        self._has_history = table.history
        self._values = values_line(table)
        self._content: TableDigest | DigestingFile = TableDigest()
        self.size = 0

    def write(self, data: Buffer) -> None:
        if self._output is None:
            file = self._assignment.files.create(self._path)
            if isinstance(file, DigestingFile) and self._assignment.compression.method == "none":
                self._content = file
            self._output = Output(file, self._assignment.compression)
            history = LOADS_HISTORY if self._has_history else ""
            self._write(b"".join((self._settings, self._values.encode(), history.encode())))
        self.size += len(data)
        self._write(bytes(data))

    def _write(self, data: bytes) -> None:
        if self._output is not None:
            self._output.data(self._content if isinstance(self._content, TableDigest) else None, data)

    def close(self) -> None:
        if self._output is not None:
            self._write(directory_layout.END)
            self._output.close()

    def content_digest(self) -> str:
        """SHA-256 of the closed file's content; of nothing where there are no rows."""
        content = self._content
        return content.hash.hexdigest() if isinstance(content, TableDigest) else content.digest_so_far()

    def abort(self) -> None:
        if self._output is not None:
            self._output.abort()
