# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads one database in a snapshot and writes it: as a script's parts, or as the files of a folder."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import ConsistencyError
from ..interfaces import ArtifactWriter
from ..progress import Progress
from ..release import VERSION
from ..repository.records import BackupContents, TableRecord
from ..streams.compression import Compression
from . import (
    privileges,
    quoting,
    replication_state,
    rows_fast,
    script_text,
    snapshot,
)
from .catalog.database import Database, character_set_of
from .catalog.events import read_events
from .catalog.histograms import read_histograms
from .catalog.inventory import Inventory, read_inventory
from .catalog.keys import unique_key
from .catalog.libraries import read_libraries
from .catalog.routines import read_routines
from .catalog.sequences import Sequence, read_sequences, sequences_used
from .catalog.stored_programs import StoredProgram
from .catalog.tables import Table, read_definition, read_tables
from .catalog.triggers import read_triggers
from .catalog.views import View, forward_references, read_views
from .data_digests import DIGESTED, FILES
from .definition_watch import DefinitionWatch
from .options import BackupOptions
from .output import Output, TableDigest, TableSink
from .selection import selected
from .session import Session
from .shared_snapshot import SharedSnapshot
from .table_locks import locked
from .table_rows import unlocked, write_rows

if t.TYPE_CHECKING:
    from . import dump_directory
    from .dump_parallel import Readers
    from .dump_worker import Assignment

# What writes folders is imported where that is asked for: a script is written without processes.


class DatabaseDump:
    """One run of :meth:`MysqlBackupSource.write`."""

    def __init__(
        self,
        options: BackupOptions,
        session: Session,
        database: Database,
        progress: Progress,
        resources: contextlib.ExitStack,
        shared: SharedSnapshot | None = None,
    ) -> None:
        self._options = options
        self._shared = shared
        self._session = session
        self._database = database
        self._progress = progress
        self._resources = resources
        self._records: tuple[TableRecord, ...] = ()
        self._digests: list[tuple[Table, TableDigest, int]] = []
        self._selected = selected(options.selection, session, database.name)
        self._form = options.form
        self._replica: tuple[replication_state.ReplicaPosition, ...] = ()
        self.tables = self._selected.tables(read_tables(session, database.name))
        self._snapshot = snapshot.Snapshot(snapshot.Position(), "none", "")
        self._watch: DefinitionWatch | None = None
        self._inventory = Inventory(())
        self._sequences: tuple[Sequence, ...] = ()
        self._views: tuple[View, ...] = ()
        self._triggers: dict[str, tuple[StoredProgram, ...]] = {}
        self._programs: tuple[StoredProgram, ...] = ()
        self._events: tuple[StoredProgram, ...] = ()

    @property
    def view_names(self) -> frozenset[str]:
        """All views; known once the snapshot is open."""
        return frozenset(view.name for view in self._views)

    def open_snapshot(self, followers: snapshot.Followers | None = None) -> None:
        """Lock what must be locked, open the snapshot and read every definition that is not a table's.

        Definitions are outside of the snapshot: that none of them changed between before it and after they were read
        is proven by comparing the inventories.
        """
        session, name = self._session, self._database.name
        self._progress.phase("opening the snapshot")
        if self._shared is not None:
            opened = self._shared.of(name)
            self._watch, before, self._snapshot = opened.watch, opened.before, opened.snapshot
            self._resources.push(opened.locks)
        else:
            if not snapshot.lock_definitions(session):
                self._watch = DefinitionWatch(session, name)
            before = read_inventory(session, name)
            self._snapshot = self._opened_snapshot(followers)
        chosen = self._selected
        self._sequences = chosen.only(read_sequences(session, name))
        # Not twice in memory while they are read again.
        self.tables = ()
        self.tables = chosen.tables(read_tables(session, name))
        self._views = chosen.only(read_views(session, name)) if chosen.views else ()
        triggers = read_triggers(session, name) if chosen.triggers else {}
        self._triggers = {table: programs for table, programs in triggers.items() if chosen.takes(table)}
        self._programs = read_libraries(session, name) + read_routines(session, name) if chosen.routines else ()
        self._events = read_events(session, name) if chosen.events else ()
        self._inventory = read_inventory(session, name)
        snapshot.release(session)
        changes = before.changes(self._inventory)
        if changes:
            raise ConsistencyError(
                f"definitions changed while the snapshot of {name!r} was opened: {', '.join(changes[:10])}",
                hint="run the backup again when no definitions are being changed",
                objects=list(changes),
            )
        for pattern in chosen.check(self._inventory):
            self._progress.warn(f"{pattern} leaves out nothing: no table has such a name")
        self._inventory = chosen.inventory(self._inventory)

    def _opened_snapshot(self, followers: snapshot.Followers | None) -> snapshot.Snapshot:
        opened = snapshot.open_snapshot(
            self._session,
            hold=self._hold,
            lock_tables=self._all_locked,
            followers=followers,
            holds=bool(self._held()) and self._options.lock_tables,
        )
        return replication_state.attach(self._session, opened, self._replica)

    def write(self, output: Output) -> None:
        """Write the whole script."""
        session, database = self._session, self._database
        positions = self._options.positions
        self.begin_reading()
        output.text(script_text.header(database, session.version, session.host, self._snapshot, VERSION, positions))
        self.write_tables(output)
        self.write_programs(output, placeholders=forward_references(self._views))
        self.write_views(output)
        output.text(script_text.footer(self._snapshot, session.version, positions))
        if self._shared is None:
            session.execute("ROLLBACK")

    def begin_reading(self) -> None:
        """Say what is about to be read, and what of it the backup does not have."""
        total = sum(table.data_length for table in self.tables if table.has_rows)
        self._progress.phase("reading", total_bytes=total)
        self._warn()

    def write_tables(self, output: Output) -> None:
        """Write the sequences, and the tables with their rows and triggers."""
        session, database = self._session, self._database
        for sequence in self._sequences:
            output.text(script_text.sequence(sequence, self._form, definition=self._selected.definitions))
        histograms = read_histograms(session, database.name) if self._selected.definitions else {}
        # Tables that a lock holds come first, so that it can be given back early.
        for table in sorted(self.tables, key=lambda table: (table.is_transactional, table.name)):
            if table.is_transactional:
                self._resources.close()
            self._write_table(output, table)
            for histogram in histograms.get(table.name, ()):
                output.text(script_text.histogram(histogram))
            for trigger in self._triggers.get(table.name, ()):
                output.text(self._program_text(trigger))
            snapshot.release(session)
        if self._watch is not None:
            self._watch.finish(self.tables, [table.name for table, _digest, rows in self._digests if not rows])

    def write_folder(self, writer: ArtifactWriter, folder: str, compression: Compression) -> None:
        """Open the snapshot in all processes and write the whole folder."""
        from . import dump_directory

        assignment = self.assignment(writer, folder, compression)
        with contextlib.ExitStack() as processes:
            readers = started_readers(processes, self._options, assignment, self._session, self._progress)
            self.open_snapshot(readers)
            self.begin_reading()
            part = self.write_files(writer, assignment, readers)
            dump_directory.write_metadata(writer, folder, [part], self._session)
        if self._shared is None:
            self._session.execute("ROLLBACK")

    def assignment(self, writer: ArtifactWriter, folder: str, compression: Compression) -> Assignment:
        """What every process that reads for the folder must know."""
        from .dump_worker import Assignment

        return Assignment(
            connection=self._options.connection,
            database=self._database.name,
            files=writer.for_worker(),
            folder=folder,
            compression=compression,
            form=self._form,
            definitions=self._selected.definitions,
            locked=self._options.lock_tables,
        )

    def write_files(
        self, writer: ArtifactWriter, assignment: Assignment, readers: Readers | None
    ) -> dump_directory.Part:
        """Write everything of this database into the folder but the metadata; what these say of it."""
        from . import dump_directory

        definitions = self._definitions()
        self._records = dump_directory.write_folder(
            self._session, definitions, writer, assignment, readers, self._progress,
            watch=self._watch, order_of=self._order, unlocked=self._resources.close,
        )  # fmt: skip
        return definitions, self._records

    def _definitions(self) -> dump_directory.Definitions:
        from . import dump_directory

        session, name = self._session, self._database.name
        programs = (*self._programs, *self._events, *(one for found in self._triggers.values() for one in found))
        wanted = self._selected.definitions
        return dump_directory.Definitions(
            database=self._database,
            snapshot=self._snapshot,
            tables=self.tables,
            sequences=self._sequences,
            views=self._views,
            triggers=self._triggers,
            programs=self._programs,
            events=self._events,
            histograms=read_histograms(session, name) if wanted else {},
            program_character_sets={
                collation: character_set_of(session, collation)
                for collation in {one.database_collation for one in programs} - {"", self._database.collation}
            },
            wanted=wanted,
        )

    def contents(self, artifact: str, compression: str) -> BackupContents:
        """What was written; to be called once the output is closed."""
        name = self._database.name
        records = self._records or [
            TableRecord(name, table.name, rows, digest.size, digest.hash.hexdigest())
            for table, digest, rows in self._digests
        ]
        return BackupContents(
            format=self._options.format,
            artifact=artifact,
            compression=compression,
            snapshot=self._snapshot.as_record(),
            tables=tuple(sorted(records, key=lambda record: record.name)),
            objects=counts_of(self._inventory),
            options={
                "single_transaction": True,
                "lock_tables": self._options.lock_tables,
                **({DIGESTED: FILES} if self._options.format == "directory" else {}),
                **self._selected.as_record(),
                "form": self._form.as_record(),
                "system_versioned_history": any(table.history for table in self.tables),
                "character_set": self._database.character_set,
                "collation": self._database.collation,
                "invalid_views": [view.name for view in self._views if view.invalid],
            },
        )

    def _warn(self) -> None:
        size = sum(table.data_length for table in self.tables if table.has_rows)
        if size >= rows_fast.WORTH_LOADING_BYTES and not rows_fast.available():
            self._progress.warn("numpy is not installed: rows are converted by the slower way")
        versioned = [one.name for one in self.tables if one.is_versioned and one.has_rows and not one.history]
        if versioned:
            self._progress.warn(
                f"only the current rows of system-versioned tables are in the backup: {', '.join(versioned)}"
            )
        without_rows = [f"{one.name} ({one.engine})" for one in self.tables if one.rows_wanted and not one.has_rows]
        if without_rows:
            self._progress.warn(f"tables without rows of their own, definitions only: {', '.join(without_rows)}")
        for view in self._views:
            if view.invalid:
                self._progress.warn(f"view {view.name} is invalid on the server and kept as a comment: {view.invalid}")
            elif view.unusable:
                self._progress.warn(f"view {view.name} is in the backup, and it cannot be used: {view.unusable}")

    def _write_table(self, output: Output, table: Table) -> None:
        self._progress.item(table.name)
        definition = read_definition(self._session, table)
        if self._selected.definitions:
            output.text(script_text.table_structure(table, definition, self._form))
        if not table.has_rows:
            return
        output.text(script_text.before_rows(table, sequences_used(definition, self._database.name), self._form))
        digest = TableDigest()
        rows, _key = write_rows(
            self._session,
            table,
            TableSink(output, digest),
            self._progress.advance,
            form=self._form,
            source=quoting.identifier(table.name),
            order=self._order(table),
        )
        if self._watch is not None:
            self._watch.check(table)
        if rows and not table.is_transactional and not self._options.lock_tables:
            raise unlocked([table])
        self._digests.append((table, digest, rows))
        output.text(script_text.after_rows(table, self._form))

    def _order(self, table: Table) -> str:
        columns = unique_key(self._session, self._database.name, table.name) if self._form.order_by_primary else ()
        return ", ".join(map(quoting.identifier, columns))

    def write_programs(self, output: Output, *, placeholders: t.Collection[str]) -> None:
        """Write procedures, functions and the like.

        :param placeholders: views that are used before they can be made.
        """
        self._progress.item("")
        for program in self._programs:
            output.text(self._program_text(program))
        for view in self._views:
            if view.name in placeholders and not view.invalid:
                output.text(script_text.view_placeholder(view))

    def write_views(self, output: Output) -> None:
        """Write the views, and the events."""
        for view in self._views:
            output.text(script_text.view(view))
        # Last: an enabled event may fire as soon as it exists.
        for event in self._events:
            output.text(self._program_text(event))

    def _program_text(self, program: StoredProgram) -> bytes:
        character_set = ""
        if program.database_collation not in ("", self._database.collation):
            character_set = character_set_of(self._session, program.database_collation)
        return script_text.program(program, self._database, program_character_set=character_set)

    def _hold(self) -> None:
        """Lock the tables that no snapshot covers until they are read; find a replica's position."""
        held = self._held()
        if held and self._options.lock_tables:
            self._resources.enter_context(self._locked(held))
        if self._options.positions.dump_replica:
            self._replica = replication_state.read_steady_replica(self._session)

    def _held(self) -> list[str]:
        return [table.name for table in self.tables if table.has_rows and not table.is_transactional]

    def _locked(self, names: t.Sequence[str]) -> t.ContextManager[None]:
        """Another session holds read locks on these tables."""
        return locked(self._options.connection, [(self._database.name, name) for name in names])

    def _all_locked(self) -> t.ContextManager[None] | None:
        if not privileges.may_lock_tables(self._session, self._database.name):
            return None
        return self._locked([table.name for table in self.tables])


def started_readers(
    processes: contextlib.ExitStack,
    options: BackupOptions,
    assignment: Assignment,
    session: Session,
    progress: Progress,
) -> Readers | None:
    """The processes that read beside this one, connected; ``None`` where there is one job.

    :param processes: ends them.
    """
    if options.jobs == 1:
        return None
    from .dump_parallel import Readers

    readers = Readers(assignment, jobs=options.jobs, progress=progress, may_fork=not session.is_encrypted)
    processes.enter_context(readers)
    readers.connect()
    return readers


def counts_of(inventory: Inventory) -> dict[str, int]:
    """How many objects of each kind, named as in a manifest."""
    names = {"base table": "table", "system versioned": "table", "package body": "package_body"}
    counts: dict[str, int] = {}
    for one in inventory.objects:
        if one.kind != "view text":
            kind = names.get(one.kind, one.kind)
            counts[kind] = counts.get(kind, 0) + 1
    return counts
