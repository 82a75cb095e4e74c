# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backs up one MySQL or MariaDB database as one SQL script that the genuine clients load."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from ..errors import ConsistencyError, DbfleetError, UsageError
from ..interfaces import ArtifactWriter, BackupPlan
from ..progress import Progress
from ..release import VERSION
from ..repository.records import BackupContents, ServerIdentity, TableRecord
from ..streams.compression import Compression
from . import privileges, quoting, replication_state, rows_fast, script_text, snapshot
from .catalog.database import Database, character_set_of, read_database
from .catalog.events import read_events
from .catalog.histograms import read_histograms
from .catalog.inventory import Inventory, read_inventory, refuse_unsupported
from .catalog.keys import unique_key
from .catalog.libraries import read_libraries
from .catalog.routines import read_routines
from .catalog.sequences import Sequence, read_sequences, sequences_used
from .catalog.stored_programs import StoredProgram
from .catalog.tables import Table, has_row, read_definition, read_tables
from .catalog.triggers import read_triggers
from .catalog.views import View, forward_references, read_views
from .connection import connect
from .definition_watch import DefinitionWatch
from .inserts import InsertWriter
from .options import BackupOptions
from .output import Output, TableDigest, TableSink
from .selection import selected
from .session import Session

_LOG = logging.getLogger("dbfleet.mysql")
_DEFAULT_COMPRESSION = "gzip:6"
_SAVEPOINT = "dbfleet"


class MysqlBackupSource:
    """One database to be backed up; see :class:`..interfaces.BackupSource`."""

    def __init__(self, options: BackupOptions) -> None:
        if options.format != "plain":
            raise UsageError(f"the format {options.format!r} is not there yet for MySQL and MariaDB", hint="use plain")
        if options.jobs > 1:
            raise UsageError(
                f"jobs is {options.jobs}, and a backup of the format plain is one stream",
                hint="leave jobs out: one script is read over one connection",
            )
        self._options = options
        self._compression = Compression.parse(options.compression or _DEFAULT_COMPRESSION)
        self._compression.check_available()
        self._session: Session | None = None

    def plan(self) -> BackupPlan:
        """Connect, check privileges and that every object can be dumped; change nothing."""
        session, database = self._open()
        chosen = selected(self._options.selection, session, database.name)
        tables = chosen.tables(read_tables(session, database.name))
        self._check(session, database, tables)
        everything = read_inventory(session, database.name)
        chosen.check(everything)
        inventory = chosen.inventory(everything)
        if self._options.positions.dump_replica:
            replication_state.read_replica(session)
        estimate = sum(table.data_length for table in tables if table.has_rows)
        if self._compression.method == "none":
            # Bytes become hexadecimal digits.
            estimate *= 2
        return BackupPlan(
            server=_identity(session),
            database=database.name,
            artifact=self._artifact(database),
            format="plain",
            compression=str(self._compression),
            estimated_bytes=estimate,
            tables=tuple((database.name, table.name) for table in tables if table.has_rows),
            objects=_counts(inventory),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Take the snapshot and write the script."""
        session, database = self._open()
        with contextlib.ExitStack() as resources:
            dump = _Dump(self._options, session, database, progress, resources)
            self._check(session, database, dump.tables)
            dump.open_snapshot()
            path = self._artifact(database)
            output = Output(writer.create(path), self._compression)
            try:
                dump.write(output)
                output.close()
            except BaseException:
                output.abort()
                raise
        # Whatever the job does next, the server's definitions need not stay locked for it.
        self.close()
        return dump.contents(path, str(self._compression))

    def close(self) -> None:
        """Release the connection, in whatever state."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> tuple[Session, Database]:
        if self._session is None:
            self._session = connect(self._options.connection, database=self._options.database)
            snapshot.prepare_session(self._session)
        return self._session, read_database(self._session, self._options.database)

    def _check(self, session: Session, database: Database, tables: t.Sequence[Table]) -> None:
        privileges.check_visibility(session, database.name, selected(self._options.selection, session, database.name))
        refuse_unsupported(session, database.name, tables)
        if not self._options.lock_tables:
            _refuse_unlocked(session, tables)

    def _artifact(self, database: Database) -> str:
        return f"{quoting.file_name(database.name)}.sql{self._compression.suffix}"


class _Dump:
    """One run of :meth:`MysqlBackupSource.write`."""

    def __init__(
        self,
        options: BackupOptions,
        session: Session,
        database: Database,
        progress: Progress,
        resources: contextlib.ExitStack,
    ) -> None:
        self._options = options
        self._session = session
        self._database = database
        self._progress = progress
        self._resources = resources
        self._records: list[TableRecord] = []
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

    def open_snapshot(self) -> None:
        """Lock what must be locked, open the snapshot and read every definition that is not a table's.

        Definitions are outside of the snapshot: that none of them changed between before it and after they were read
        is proven by comparing the inventories.
        """
        session, name = self._session, self._database.name
        self._progress.phase("opening the snapshot")
        if not snapshot.lock_definitions(session):
            self._watch = DefinitionWatch(session, name)
        before = read_inventory(session, name)
        self._snapshot = self._opened_snapshot()
        # Rolled back to after each object, so that none stays locked against ALTER for the whole backup.
        session.execute(f"SAVEPOINT {_SAVEPOINT}")
        chosen = self._selected
        self._sequences = chosen.only(read_sequences(session, name))
        self.tables = chosen.tables(read_tables(session, name))
        self._views = chosen.only(read_views(session, name)) if chosen.views else ()
        triggers = read_triggers(session, name) if chosen.triggers else {}
        self._triggers = {table: programs for table, programs in triggers.items() if chosen.takes(table)}
        self._programs = read_libraries(session, name) + read_routines(session, name) if chosen.routines else ()
        self._events = read_events(session, name) if chosen.events else ()
        self._inventory = read_inventory(session, name)
        session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
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

    def _opened_snapshot(self) -> snapshot.Snapshot:
        opened = snapshot.open_snapshot(self._session, hold=self._hold, lock_tables=self._all_locked)
        # Under a global lock nothing was applied; without, nothing may have been.
        applied = self._replica and opened.method != "global_lock"
        if applied and replication_state.read_steady_replica(self._session) != self._replica:
            raise replication_state.moving()
        galera = replication_state.read_galera(self._session)
        return dataclasses.replace(opened, replica=self._replica, galera=galera)

    def write(self, output: Output) -> None:
        """Write the whole script."""
        session, database = self._session, self._database
        total = sum(table.data_length for table in self.tables if table.has_rows)
        self._progress.phase("reading", total_bytes=total)
        self._warn()
        positions = self._options.positions
        output.text(script_text.header(database, session.version, session.host, self._snapshot, VERSION, positions))
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
            session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        if self._watch is not None:
            self._watch.finish(self.tables, [table.name for table, _digest, rows in self._digests if not rows])
        self._write_code(output)
        output.text(script_text.footer(self._snapshot, session.version, positions))
        session.execute("ROLLBACK")

    def contents(self, artifact: str, compression: str) -> BackupContents:
        """What was written; to be called once the output is closed."""
        name = self._database.name
        records = [
            TableRecord(name, table.name, rows, digest.size, digest.hash.hexdigest())
            for table, digest, rows in self._digests
        ]
        return BackupContents(
            format="plain",
            artifact=artifact,
            compression=compression,
            snapshot=self._snapshot.as_record(),
            tables=tuple(sorted(records, key=lambda record: record.name)),
            objects=_counts(self._inventory),
            options={
                "single_transaction": True,
                "lock_tables": self._options.lock_tables,
                **self._selected.as_record(),
                "form": self._form.as_record(),
                "system_versioned_history": False,
                "character_set": self._database.character_set,
                "collation": self._database.collation,
                "invalid_views": [view.name for view in self._views if view.invalid],
            },
        )

    def _warn(self) -> None:
        if not rows_fast.available():
            self._progress.warn("numpy is not installed: rows are converted by the slower way")
        versioned = [table.name for table in self.tables if table.is_versioned]
        if versioned:
            self._progress.warn(
                f"only the current rows of system-versioned tables are in the backup: {', '.join(versioned)}"
            )
        without_rows = [f"{table.name} ({table.engine})" for table in self.tables if not table.has_rows]
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
        columns = table.stored_columns
        inserts = InsertWriter(
            self._session,
            script_text.insert_prefix(table, self._form),
            tuple(column.format for column in columns),
            TableSink(output, digest),
            self._progress.advance,
            self._form,
        )
        expressions = [expression for column in columns for expression in column.expressions]
        try:
            source = quoting.identifier(table.name) + table.conditions() + self._order(table)
            rows = inserts.write(f"SELECT {', '.join(expressions)} FROM {source}")
        except DbfleetError as error:
            raise _about_table(error, table) from error
        if self._watch is not None:
            self._watch.check(table)
        if rows and not table.is_transactional and not self._options.lock_tables:
            raise _unlocked([table])
        self._digests.append((table, digest, rows))
        output.text(script_text.after_rows(table, self._form))

    def _order(self, table: Table) -> str:
        columns = unique_key(self._session, self._database.name, table.name) if self._form.order_by_primary else ()
        return f" ORDER BY {', '.join(map(quoting.identifier, columns))}" if columns else ""

    def _write_code(self, output: Output) -> None:
        self._progress.item("")
        for program in self._programs:
            output.text(self._program_text(program))
        placeholders = forward_references(self._views)
        for view in self._views:
            if view.name in placeholders and not view.invalid:
                output.text(script_text.view_placeholder(view))
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
        held = [table.name for table in self.tables if table.has_rows and not table.is_transactional]
        if held and self._options.lock_tables:
            self._resources.enter_context(self._locked(held))
        if self._options.positions.dump_replica:
            self._replica = replication_state.read_steady_replica(self._session)

    @contextlib.contextmanager
    def _locked(self, names: t.Sequence[str]) -> t.Iterator[None]:
        """Another session holds read locks on these tables."""
        holder = connect(self._options.connection, database=self._database.name)
        try:
            snapshot.prepare_session(holder)
            locks = ", ".join(f"{quoting.identifier(name)} READ" for name in names)
            holder.execute(f"LOCK TABLES {locks}")
            yield
            holder.execute("UNLOCK TABLES")
        finally:
            holder.close()

    def _all_locked(self) -> t.ContextManager[None] | None:
        if not privileges.may_lock_tables(self._session, self._database.name):
            return None
        return self._locked([table.name for table in self.tables])


def _refuse_unlocked(session: Session, tables: t.Sequence[Table]) -> None:
    """Fail if a table that no snapshot covers holds rows.

    :raises ConsistencyError: names all of them.
    """
    found = [table for table in tables if table.has_rows and not table.is_transactional and has_row(session, table)]
    if found:
        raise _unlocked(found)


def _unlocked(tables: t.Sequence[Table]) -> ConsistencyError:
    names = [f"{table.name} ({table.engine})" for table in tables]
    return ConsistencyError(
        f"a snapshot does not cover tables of these engines: {', '.join(names)}",
        hint="set lock_tables, which stops writing to them while they are read, or convert them to InnoDB",
        objects=[table.name for table in tables],
    )


def _about_table(error: DbfleetError, table: Table) -> DbfleetError:
    """The same error with the table named."""
    message = f"reading table {table.name!r} failed: {error.message}"
    return type(error)(message, hint=error.hint, **{**error.context, "table": table.name})


def _identity(session: Session) -> ServerIdentity:
    return ServerIdentity(
        dbms=session.version.dbms,
        version=session.version.text,
        version_number=session.version.number,
        host=session.unix_socket or session.host,
        port=int(session.variables.get("port", session.port)),
        identifier=session.variables.get("server_uuid") or session.variables.get("server_uid", ""),
    )


def _counts(inventory: Inventory) -> dict[str, int]:
    names = {"base table": "table", "system versioned": "table", "package body": "package_body"}
    counts: dict[str, int] = {}
    for one in inventory.objects:
        if one.kind != "view text":
            kind = names.get(one.kind, one.kind)
            counts[kind] = counts.get(kind, 0) + 1
    return counts
