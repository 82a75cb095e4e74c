# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writes one database as a folder that myloader loads: the rows by several processes, the rest by this one."""

from __future__ import annotations

import contextlib
import typing as t

from ..interfaces import ArtifactWriter
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..release import VERSION
from ..repository.records import TableRecord
from . import directory_layout, script_text
from .catalog.database import Database
from .catalog.histograms import Histogram
from .catalog.sequences import Sequence
from .catalog.stored_programs import StoredProgram
from .catalog.tables import Table
from .catalog.views import View, forward_references
from .definition_watch import DefinitionWatch
from .dump_parallel import Here, Readers, Scheduler
from .dump_worker import Assignment, Begin, DumpWorker
from .session import Session
from .snapshot import Snapshot


@dataclass(frozen=True)
class Definitions:
    """Everything of a database that is not rows.

    :param wanted: whether definitions are written at all.
    :param program_character_sets: of the programs' database collations, by collation, where they are not the
        database's present one.
    """

    database: Database
    snapshot: Snapshot
    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    views: tuple[View, ...]
    triggers: t.Mapping[str, tuple[StoredProgram, ...]]
    programs: tuple[StoredProgram, ...]
    events: tuple[StoredProgram, ...]
    histograms: t.Mapping[str, tuple[Histogram, ...]]
    program_character_sets: t.Mapping[str, str]
    wanted: bool = True


#: A database of a folder: what it has, and the records of its tables with rows.
Part = tuple[Definitions, t.Sequence[TableRecord]]


def write_folder(
    session: Session,
    definitions: Definitions,
    writer: ArtifactWriter,
    assignment: Assignment,
    readers: Readers | None,
    progress: Progress,
    *,
    watch: DefinitionWatch | None,
    order_of: t.Callable[[Table], str],
    unlocked: t.Callable[[], None],
) -> tuple[TableRecord, ...]:
    """Write everything of one database into the folder, but not the metadata.

    :param session: the leader's, in the snapshot.
    :param readers: who read the rows; ``None`` for this process alone.
    :param unlocked: see :class:`.dump_parallel.Scheduler`.
    :return: a record of every table with rows of its own.
    """
    begin = Begin(definitions.sequences, definitions.database.name)
    if readers is not None:
        readers.begin(begin)
        tasks: Readers | Here = readers
    else:
        worker = DumpWorker(assignment, session)
        worker.run(begin, progress)
        tasks = Here(worker, progress)
    scheduler = Scheduler(
        session,
        definitions.database.name,
        tasks.tasks if isinstance(tasks, Readers) else tasks,
        jobs=readers.jobs if readers is not None else 1,
        watch=watch,
        order_of=order_of,
        unlocked=unlocked,
    )
    records = scheduler.run(definitions.tables, writer)
    if watch is not None:
        watch.finish(definitions.tables, [record.name for record in records if not record.rows])
    progress.item("")
    _Folder(definitions, writer, assignment.folder).write()
    return records


def write_metadata(writer: ArtifactWriter, folder: str, parts: t.Sequence[Part], session: Session) -> None:
    """Write the file that says that the folder is whole; the last one.

    :param parts: the databases in it, all of one snapshot.
    """
    taken = parts[0][0].snapshot
    text = directory_layout.metadata(
        taken.position,
        _tables_with_rows(parts),
        started=taken.taken_at.replace("T", " ").rstrip("Z"),
        finished=session.scalar("SELECT UTC_TIMESTAMP()") or "",
        engine_version=VERSION,
    )
    _write(writer, f"{folder}/{directory_layout.METADATA}", text)


def _tables_with_rows(parts: t.Sequence[Part]) -> t.Iterator[tuple[directory_layout.FolderNames, Table, int]]:
    for definitions, records in parts:
        names = directory_layout.FolderNames(definitions.database.name)
        rows = {record.name: record.rows for record in records}
        for table in definitions.tables:
            yield names, table, rows.get(table.name, 0)


class _Folder:
    """The files that this process writes."""

    def __init__(self, definitions: Definitions, writer: ArtifactWriter, folder: str) -> None:
        self._definitions = definitions
        self._writer = writer
        self._folder = folder
        self._names = directory_layout.FolderNames(definitions.database.name)

    def write(self) -> None:
        found = self._definitions
        if found.wanted:
            self._file(self._names.create, script_text.create_database(found.database))
        for sequence in found.sequences:
            self._file(self._names.sequence(sequence.name), directory_layout.sequence(sequence, made=found.wanted))
        self._file(
            self._names.histograms,
            *(script_text.histogram(one).encode() for found_of in found.histograms.values() for one in found_of),
        )
        for table, triggers in found.triggers.items():
            self._file(self._names.triggers(table), *map(self._program, triggers))
        early = directory_layout.functions_of_views([view.definition for view in found.views], found.programs)
        self._file(
            self._names.views,
            *(self._program(one) for place, one in enumerate(found.programs) if place in early),
            *self._views(),
        )
        late = [one for place, one in enumerate(found.programs) if place not in early]
        self._file(self._names.post, *map(self._program, (*late, *found.events)))

    def _views(self) -> t.Iterator[bytes]:
        views = self._definitions.views
        placeholders = forward_references(views)
        for view in views:
            if view.name in placeholders and not view.invalid:
                yield script_text.view_placeholder(view).encode()
        for view in views:
            yield script_text.view(view, for_client=False)

    def _program(self, program: StoredProgram) -> bytes:
        character_set = self._definitions.program_character_sets.get(program.database_collation, "")
        return directory_layout.program(program, self._definitions.database, program_character_set=character_set)

    def _file(self, name: str, *texts: bytes) -> None:
        """A file, if there is something to say."""
        if texts:
            _write(self._writer, f"{self._folder}/{name}", directory_layout.whole_file(*texts))


def _write(writer: ArtifactWriter, path: str, content: bytes) -> None:
    file = writer.create(path)
    with contextlib.ExitStack() as undo:
        undo.callback(file.abort)
        file.write(content)
        undo.pop_all()
    file.close()
