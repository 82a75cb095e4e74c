# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restores SQL into one MySQL or MariaDB database: scripts of any origin, folders of mydumper and our own."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from ..allocation import keep_freed_memory
from ..errors import DbfleetError, PrivilegeError, RestoreError
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from . import compatibility, load_check, preflight, quoting, replication_state, restored_rows
from .connection import connect
from .data_digests import has_known_digests
from .database_part import of_database
from .folder_runner import FolderRunner
from .grants import read_grants
from .lane import HarmlessWarnings, Lane
from .load_options import AUTO, VERIFY_DIGEST
from .load_outcome import Undo, progress_of
from .load_run import LoadedTable, LoadRun
from .load_state import LoadState, open_state
from .options import RestoreOptions
from .restore_selection import SelectedObjects
from .script_files import Scripts
from .script_policy import ScriptPolicy
from .script_runner import ScriptRunner
from .script_summary import ScriptSummary
from .script_walk import summarize
from .server_identity import server_identity
from .session import Session
from .statement_filter import filters_for
from .statements import LOAD

_LOG = logging.getLogger("dbfleet.mysql")
# Beside what the script sets itself: no time limit, no key that the backup does not have, and the complete list of
# warnings, which are judged one by one.
_NO_TIME_LIMIT = {"max_statement_time": "0"}
_ALL_WARNINGS = {"max_error_count": "65535"}
# What the server that was backed up had, is made: foreign keys that lead to keys which are not unique among them.
_OLD_FOREIGN_KEYS = {"restrict_fk_on_non_standard_key": "OFF"}
_INVISIBLE_KEYS = "sql_generate_invisible_primary_key"

_CLEAR_UP_SECONDS = 60


class MysqlRestoreTarget:
    """One database that a script or folder is restored into; the engine's side of a restore job."""

    def __init__(self, options: RestoreOptions) -> None:
        self._options = options
        self._session: Session | None = None
        self._others: list[Session] = []
        self._threads: list[int] = []
        self._state: LoadState | None = None
        self._resumes = False
        self._summary: ScriptSummary | None = None
        self._progress: Progress | None = None

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        """Walk the whole script without a server.

        :raises CorruptArtifactError: it is truncated or its data differs from the manifest.
        :raises UsageError: it holds statements or client commands that a restore into one database does not run.
        """
        keep_freed_memory()
        restored_rows.check_request(self._options, manifest)
        manifest = of_database(manifest, self._options.source_database)
        progress.phase("verifying", total_bytes=_expected_bytes(manifest))
        self._progress = progress
        self._summary = summarize(artifact, manifest, self._options, progress)
        for reason in self._summary.left_out:
            progress.message(f"left out: {reason}")
        for label in self._summary.foreign_strings:
            if self._summary.database != self._options.database:
                progress.warn(f"{label} has a string that seems to name the database {self._summary.database}")

    def databases_named(self) -> t.Collection[str]:
        """Databases whose objects the views of the backup may read, in lower case; once it was verified."""
        return () if self._summary is None else self._summary.databases_named

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        """Connect and check that the restore can be begun; change nothing.

        :raises NotFoundError, TargetNotEmptyError, PrivilegeError, UsageError: it cannot, and why.
        """
        options = self._options
        manifest = of_database(manifest, options.source_database)
        summary = self._summarized(artifact, manifest)
        preflight.check_references(summary, options.database)
        session = self._connected()
        if options.load.resume and self._state is None:
            server = server_identity(session).identifier or session.address
            self._state = open_state(options, summary, manifest, server, artifact.description)
        present = self._check_target(session)
        preflight.check_server(session, summary)
        if options.changes.set_gtid:
            replication_state.check_gtid(session, manifest, logged=not options.load.skip_binlog)
        warnings = preflight.check_privileges(
            session, summary, options.database, clean=options.clean or options.load.resume
        )
        warnings += compatibility.between_families(session, manifest) + compatibility.left_out(session, summary)
        for text in warnings:
            if self._progress is not None:
                self._progress.warn(text)
        schema = summary.database or options.database
        return RestorePlan(
            server=server_identity(session),
            database=options.database,
            create=options.create,
            drops=tuple(f"{kind} {name}" for kind, name in self._drops(summary, present)),
            objects=summary.object_counts(),
            tables=tuple((schema, name) for name in self._tables_with_rows(summary, manifest)),
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Run the script.

        MySQL and MariaDB cannot rename a database, so a database that this run created is dropped when it fails.

        :raises RestoreError: it stopped in the middle; the error says what was done.
        """
        keep_freed_memory()
        options = self._options
        manifest = of_database(manifest, options.source_database)
        summary = self._summarized(artifact, manifest)
        session = self._connected()
        # Between plan and now the target may have changed.
        present = self._check_target(session)
        progress.phase("loading", total_bytes=sum(table.bytes for table in summary.tables.values()))
        undo = Undo()
        run: LoadRun | None = None
        try:
            self._prepare(session, summary, present, undo)
            run = self._load_run(session, summary, progress)
            self._load(run, artifact)
            session.execute("SET NAMES utf8mb4")
            load_check.check(run, options.database, manifest, others=options.force)
            run.harmless.tell(progress, session.version.product)
            run.tell_duplicates()
            run.check_failures()
            checks = self._compare_content(artifact, manifest, summary, progress)
            if options.changes.set_gtid:
                logged = not options.load.skip_binlog
                replication_state.set_gtid(session, replication_state.check_gtid(session, manifest, logged=logged))
            if self._state is not None:
                self._state.remove()
        except DbfleetError as error:
            keep = self._state is not None or (run is not None and bool(run.failures))
            self._give_up()
            if not keep:
                self._clear_up(undo)
            raise self._stopped(error, summary, run.tables if run else {}, undo) from error
        except BaseException:
            # An interrupt: the servers would go on with the statements at hand.
            self._give_up()
            if self._state is None:
                self._clear_up(undo)
            raise
        return self._contents(summary, manifest, run.tables, checks)

    def _load_run(self, session: Session, summary: ScriptSummary, progress: Progress) -> LoadRun:
        database, load = self._options.database, self._options.load
        harmless = HarmlessWarnings()
        for _number in range(1, self._options.jobs):
            self._others.append(self._another_session())
        may_alter = not read_grants(session).lacks("ALTER", database)
        lanes = [Lane(one, database, load, harmless) for one in (session, *self._others)]
        return LoadRun(lanes, summary, load, progress, harmless, self._another_session, self._state, may_alter)

    def _another_session(self) -> Session:
        session = connect(self._options.connection, sends_files=self._sends_files)
        try:
            self._prepare_session(session)
            session.execute(f"USE {quoting.identifier(self._options.database)}")
        except BaseException:
            session.close()
            raise
        return session

    def _load(self, run: LoadRun, artifact: ArtifactReader) -> None:
        scripts = Scripts(artifact, self._options.source_database)
        if self._resumes:
            self._prepare_state(run.main.session, scripts, run.summary)
        if self._state is not None:
            self._state.begin_sessions(self._threads)
        policy = ScriptPolicy(run.summary.database, self._options.database, loads_files=scripts.is_folder)
        filters = filters_for(self._options, run.summary.database)
        if scripts.is_folder:
            FolderRunner(run, scripts, filters, policy).run()
            return
        file = scripts.files[0]
        source = scripts.open(file)
        try:
            ScriptRunner(run, scripts.splitter(file, source, in_parts=True), source.name).run(filters, policy)
        finally:
            source.close()

    def close(self) -> None:
        """Release the connections, in whatever state."""
        for session in (self._session, *self._others):
            if session is not None:
                session.close()
        self._session = None
        self._others = []
        if self._state is not None:
            self._state.close()
            self._state = None

    # -- the way there

    def _check_target(self, session: Session) -> preflight.Inventory:
        options = self._options
        exists = preflight.database_exists(session, options.database)
        self._resumes = self._state is not None and self._state.resumable and exists
        if self._resumes:
            # It holds what the interrupted run had made.
            return preflight.inventory(session, options.database)
        return preflight.check_target(
            session, options.database, create=options.create, clean=options.clean, force=options.force
        )

    def _prepare_state(self, session: Session, scripts: Scripts, summary: ScriptSummary) -> None:
        """Bring the target to where the interrupted run is taken up."""
        state = t.cast(LoadState, self._state)
        database = self._options.database
        state.end_earlier_sessions(session, database, self._threads)
        present = preflight.inventory(session, database)
        made = preflight.made_before(summary, present)
        known = {name.lower() for kind, name in present if kind == "table"}
        recorded = summary.names("table") if state.defined else list(state.counts)
        if any(name.lower() not in known for name in recorded):
            # Somebody has dropped the database, or what was in it.
            preflight.drop(session, made)
            state.start_over()
        elif scripts.is_folder and state.defined:
            # What comes after the rows is made anew.
            preflight.drop(session, [one for one in made if one[0] not in ("table", "sequence", "view")])
        elif not state.offset:
            preflight.drop(session, made)
            state.start_over()

    def _summarized(self, artifact: ArtifactReader, manifest: Manifest | None) -> ScriptSummary:
        if self._summary is None:
            self._summary = summarize(artifact, manifest, self._options, Progress())
        return self._summary

    def _connected(self) -> Session:
        if self._session is None:
            self._session = connect(self._options.connection, sends_files=self._sends_files)
        return self._session

    @property
    def _sends_files(self) -> bool:
        """Whether statements of a folder load files of it, or its rows may be sent as files."""
        loads = self._summary is not None and (LOAD, "TABLE") in self._summary.actions
        return loads or self._options.load.load_data == AUTO

    def _drops(self, summary: ScriptSummary, present: preflight.Inventory) -> tuple[tuple[str, str], ...]:
        return preflight.drops(summary, present) if self._options.clean else ()

    def _prepare_session(self, session: Session) -> None:
        self._threads.append(session.thread_id)
        session.set_variables(_NO_TIME_LIMIT)
        # MySQL may want a privilege for it; a statement with more warnings than the server shows is then an error.
        for variables in (_ALL_WARNINGS, _OLD_FOREIGN_KEYS):
            with contextlib.suppress(PrivilegeError):
                session.set_variables(variables)
        if session.variables.get(_INVISIBLE_KEYS) == "ON":
            # It needs a privilege, so it is only set where it would matter.
            session.execute(f"SET SESSION {_INVISIBLE_KEYS} = OFF")
        # A script without a header of its own was written with backslash escapes, as the dump programs write.
        session.execute("SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')")
        if self._options.load.skip_binlog:
            session.execute("SET SESSION sql_log_bin = 0")

    def _prepare(self, session: Session, summary: ScriptSummary, present: preflight.Inventory, undo: Undo) -> None:
        database = self._options.database
        name = quoting.identifier(database)
        self._prepare_session(session)
        if self._state is not None and not self._resumes:
            self._state.start_over()
        if self._options.create and not self._resumes:
            session.execute(f"CREATE DATABASE {name} {summary.database_options}")
            undo.created = True
        session.execute(f"USE {name}")
        drops = self._drops(summary, present)
        if drops:
            session.execute("SET SESSION foreign_key_checks = 0")
            for kind, object_name in drops:
                session.execute(f"DROP {kind.upper()} IF EXISTS {quoting.identifier(object_name)}")
                undo.dropped.append(f"{kind} {object_name}")
            session.execute("SET SESSION foreign_key_checks = 1")

    def _compare_content(
        self, artifact: ArtifactReader, manifest: Manifest | None, summary: ScriptSummary, progress: Progress
    ) -> dict[str, t.Any]:
        if self._options.load.verify != VERIFY_DIGEST or manifest is None:
            return {}
        found = restored_rows.compare_restored(
            self._another_session, self._options, manifest, Scripts(artifact, self._options.source_database),
            summary, progress,
            self._tables_with_rows(summary, manifest),
        )  # fmt: skip
        return {"compared": dataclasses.asdict(found)}

    def _contents(
        self,
        summary: ScriptSummary,
        manifest: Manifest | None,
        tables: dict[str, LoadedTable],
        checks: t.Mapping[str, t.Any],
    ) -> RestoreContents:
        schema = summary.database or self._options.database
        names = dict.fromkeys([*self._tables_with_rows(summary, manifest), *tables])
        comparable = manifest is None or has_known_digests(manifest)
        records = []
        for name in names:
            loaded = tables.get(name, LoadedTable())
            data = loaded.data()
            records.append(TableRecord(schema, name, loaded.rows, data.bytes, data.sha256 if comparable else ""))
        return RestoreContents(tuple(records), summary.object_counts(), checks=checks)

    def _tables_with_rows(self, summary: ScriptSummary, manifest: Manifest | None) -> list[str]:
        """The tables that a backup has rows of, if only none at the moment; of a script without a manifest all tables.

        Some tables (MERGE, BLACKHOLE, FEDERATED and others) are definitions only; a script does not tell them apart.
        """
        if manifest is None:
            return summary.names("table")
        chosen = SelectedObjects(self._options.selection, summary.database)
        return [table.name for table in manifest.contents.tables if chosen.takes_rows(table.name)]

    # -- failure

    def _give_up(self) -> None:
        """End the statements at hand on the server, over another connection, and leave the connections."""
        for session in (self._session, *self._others):
            if session is not None:
                session.drop()
        self._session = None
        threads, self._others, self._threads = self._threads, [], []
        with contextlib.suppress(DbfleetError):
            killer = connect(self._options.connection)
            try:
                for number in threads:
                    # It may have ended in the meantime.
                    with contextlib.suppress(DbfleetError):
                        killer.execute(f"KILL {number}")
            finally:
                killer.close()

    def _clear_up(self, undo: Undo) -> None:
        """Drop the database that this run created; the connections are gone."""
        if not undo.created:
            return
        _LOG.debug("dropping the database that this run created")
        try:
            session = connect(self._options.connection)
            try:
                # A connection that was killed can keep its locks for as long as the server takes to notice.
                session.execute(f"SET SESSION lock_wait_timeout = {_CLEAR_UP_SECONDS}")
                session.execute(f"DROP DATABASE IF EXISTS {quoting.identifier(self._options.database)}")
                undo.removed = True
            finally:
                session.close()
        except DbfleetError as error:
            undo.not_removed = error.message

    def _stopped(
        self, error: DbfleetError, summary: ScriptSummary, tables: dict[str, LoadedTable], undo: Undo
    ) -> DbfleetError:
        """The error with what was and was not done."""
        done, failed, not_begun = progress_of(summary, tables, error.context.get("table", ""))
        database = self._options.database
        context: dict[str, t.Any] = {**error.context, "done": done, "failed": failed, "not_begun": not_begun}
        counts = f"{len(done)} of {len(summary.tables)} tables were loaded completely"
        if self._state is not None:
            after = f"{counts}; the same restore with resume goes on from there"
        elif undo.removed:
            after = f"the database {database}, which this run had created, was dropped again"
        elif undo.not_removed:
            after = f"the database {database}, which this run created, is incomplete and could not be dropped: "
            after += undo.not_removed
        elif undo.created or undo.dropped or tables:
            dropped = f", {len(undo.dropped)} objects were dropped before" if undo.dropped else ""
            after = f"the database {database} is incomplete: {counts}{dropped}"
        else:
            after = f"the database {database} may hold definitions but no data of the backup: {counts}"
        if undo.dropped:
            context["dropped"] = undo.dropped
        return RestoreError(f"{error.message}; {after}", hint=error.hint, database=database, **context)


def _expected_bytes(manifest: Manifest | None) -> int:
    return sum(table.bytes for table in manifest.contents.tables) if manifest is not None else 0
