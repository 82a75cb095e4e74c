# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring one PostgreSQL database from an archive or a plain script."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from .. import drivers
from ..errors import (
    DbfleetError,
    NotFoundError,
    RestoreError,
    UsageError,
)
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..progress import Progress
from ..repository.records import Manifest, ServerIdentity, TableRecord
from .archive.entries import TABLE_DATA
from .archive.reader import ArchiveReader, open_archive
from .archive_needs import Needs, archive_needs
from .connection import connect
from .new_database import NewDatabase, property_statements, resumable_name
from .options import RestoreOptions
from .pooler import refuse_transaction_pooler
from .preflight import (
    Report,
    check_creation,
    check_database,
    check_database_rights,
    check_empty,
    check_free_space,
    check_script_server,
    check_server,
)
from .replaced_database import check_replacement, replace_database, sweep
from .restore_archive import (
    OpenedArchive,
    check_run_options,
    check_single_transaction,
    finish_restore,
    open_state,
    restore_archive,
    transaction_locks,
)
from .restore_entry import check_supported
from .restore_ledger import Ledger
from .restore_order import RestoreOrder, names, restore_order
from .restore_selection import select_entries
from .restore_sql import archive_settings
from .restore_state import RestoreState, end_sessions
from .script_request import check_script_options, script_options
from .script_run import run_script
from .script_source import ScriptSource, is_script
from .script_tables import records
from .script_verify import ScriptSummary, verify_script
from .session import Session
from .snapshot import system_identifier
from .target_objects import TargetObject, user_objects
from .toc import TocEntry
from .verify import verify_archive

_log = logging.getLogger("dbfleet.postgresql")
_Filled = t.TypeVar("_Filled")
#: What was done, and what was found when it was looked at.
_Restored = tuple[Ledger, dict[str, t.Any]]


class PostgresqlRestoreTarget:
    """A PostgreSQL database that a backup can be restored into; a :class:`~dbfleet.interfaces.RestoreTarget`.

    An existing target is restored in one transaction: a restore that fails leaves it as it was. (An archive with more
    objects than the server's lock table can bear is restored in several, which is said before.) A target to be created
    is restored under a temporary name and renamed when it is complete. Both hold for plain scripts too.

    :raises UsageError: the options ask for what cannot be done.
    """

    def __init__(self, options: RestoreOptions) -> None:
        check_run_options(options)
        self._options = options
        self._session: Session | None = None
        self._script: ScriptSummary | None = None
        self._sizes: dict[int, int] = {}
        self._state: RestoreState | None = None
        #: Whether there is a database of the name of the one to be created.
        self._replaces = False

    def verify(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> None:
        """Read the whole archive or script; no server is needed.

        :raises CorruptArtifactError: it is damaged, or not what the manifest says.
        :raises UsageError: it is a script that holds what is not run from one, or an option does not go with scripts.
        """
        if is_script(artifact):
            self._script = self._verify_script(artifact, manifest, progress)
            return
        with _opened(artifact) as archive:
            self._sizes = verify_archive(archive, manifest, progress)

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        """Connect and find every reason why the restore could not be done.

        :raises UsageError: the database to be created exists.
        :raises NotFoundError: the target, or a role, tablespace, extension or language does not exist.
        :raises TargetNotEmptyError: it holds objects and neither ``clean`` nor ``force`` was asked for.
        :raises PrivilegeError: the user may not restore into it.
        :raises UnsupportedObjectError: the archive holds what cannot be restored rightly.
        """
        options = self._options
        if is_script(artifact):
            return self._plan_script(self._script or self._verify_script(artifact, manifest, Progress()))
        with _opened(artifact) as archive:
            order = restore_order(select_entries(archive.entries, self._options.selection))
            settings = archive_settings(archive.entries)
        check_supported(order)
        if options.run.resume and self._state is None:
            self._state = open_state(order, settings, manifest, options)
        session = self._connect_new() if options.create else self._connect_target()
        refuse_transaction_pooler(session, options.connection)
        needs = archive_needs(order, create=options.create)
        objects = () if options.create else user_objects(session)
        # Names in the archive are compared by the server, which must know their encoding.
        session.execute(f"SET client_encoding = '{settings.encoding}'")
        self._preflight(session, order, needs, objects, manifest)
        drops = _drops(order, objects) if options.clean else ()
        return RestorePlan(
            server=_identity(session),
            database=options.database,
            create=options.create,
            drops=(f"DATABASE {options.database}",) if self._replaces else drops,
            objects=order.counts(),
            tables=order.tables(),
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Restore everything into the target.

        :raises RestoreError: it stopped; the error names the item and says what was and was not done.
        """
        if is_script(artifact):
            summary = self._script or self._verify_script(artifact, manifest, Progress())
            return self._restore_script(artifact, summary, progress)
        with _opened(artifact) as archive:
            order = restore_order(select_entries(archive.entries, self._options.selection))
            settings = archive_settings(archive.entries)
            total = 0 if manifest is None else sum(table.bytes for table in manifest.contents.tables)
            progress.phase("restoring", total_bytes=total)
            opened = OpenedArchive(artifact, archive, order, settings, manifest, self._sizes)
            restored = (self._restore_new if self._options.create else self._restore_existing)(opened, progress)
        ledger, checks = restored
        ledger.raise_failures(where=f"database {self._options.database!r}")
        return RestoreContents(
            tables=ledger.tables,
            objects=order.counts(),
            skipped=tuple(names(ledger.skipped.values())),
            skipped_tables=tuple(
                (entry.namespace or "", entry.tag) for entry in ledger.skipped.values() if entry.desc == TABLE_DATA
            ),
            checks=checks,
        )

    def close(self) -> None:
        self._disconnect()
        if self._state is not None:
            self._state.close()
            self._state = None

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _restore_existing(self, archive: OpenedArchive, progress: Progress) -> _Restored:
        session = self._session or self._connect_target()
        order = archive.order
        properties: tuple[str, ...] = ()
        if self._options.properties:
            properties = property_statements(_database_entry(order), order.database, self._options.database)
        elif any(entry.desc != "DATABASE" for entry in order.database):
            progress.message("the database's own settings, comment and privileges are only restored with create")
        with self._cancelled_on_failure(session):
            if self._state is not None:
                _begin_or_end_sessions(self._state, session, self._options.database)
            ledger = restore_archive(
                session, archive, self._options, progress,
                new_database=False, last=lambda: _execute_all(session, properties), state=self._state,
            )  # fmt: skip
            if self._state is not None:
                self._state.remove()
            return ledger, finish_restore(session, archive, ledger, self._options, progress)

    def _restore_new(self, archive: OpenedArchive, progress: Progress) -> _Restored:
        def fill(session: Session, new: NewDatabase) -> _Restored:
            ledger = restore_archive(
                session, archive, self._options, progress,
                new_database=True, last=lambda: _execute_all(session, new.settings(archive.order.database)),
                state=self._state,
            )  # fmt: skip
            return ledger, finish_restore(session, archive, ledger, self._options, progress)

        return self._in_new_database(_database_entry(archive.order), fill, progress)

    def _in_new_database(
        self, entry: TocEntry | None, fill: t.Callable[[Session, NewDatabase], _Filled], progress: Progress
    ) -> _Filled:
        """Have a database filled under a temporary name, then give it its own."""
        maintenance = self._session or self._connect_new()
        sweep(maintenance, progress)
        with self._new_database(maintenance, entry) as new:
            session = connect(self._options.connection, database=new.temporary_name)
            try:
                with self._cancelled_on_failure(session):
                    filled = fill(session, new)
            finally:
                session.close()
            if self._replaces:
                replace_database(maintenance, new.temporary_name, new.name, progress)
            else:
                new.publish(maintenance)
        if self._state is not None:
            self._state.remove()
        return filled

    @contextlib.contextmanager
    def _new_database(self, maintenance: Session, entry: TocEntry | None) -> t.Iterator[NewDatabase]:
        """The database to be filled: a new one that goes away on failure, or one that waits to be resumed."""
        connection, name = self._options.connection, self._options.database
        if self._state is None:
            new = NewDatabase(connection, name, entry)
            with self._removed_on_failure(new):
                new.create(maintenance)
                yield new
            return
        header = self._state.header
        new = NewDatabase(connection, name, entry, temporary_name=header.database if header else resumable_name())
        there = new.exists(maintenance)
        _begin_or_end_sessions(self._state, maintenance, new.temporary_name, over=not there)
        if not there:
            new.create(maintenance)
        yield new

    # -- plain scripts

    def _verify_script(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> ScriptSummary:
        check_script_options(self._options, artifact)
        one = script_options(self._options).single_transaction
        return verify_script(artifact, manifest, progress, single_transaction=one)

    def _plan_script(self, summary: ScriptSummary) -> RestorePlan:
        options = self._options
        session = self._connect_new() if options.create else self._connect_target()
        refuse_transaction_pooler(session, options.connection)
        report = self._report(session)
        if options.create:
            check_creation(session, None, options.database, report)
            check_replacement(session, options.database, report)
        elif not (options.force or options.run.skip_existing):
            check_empty(user_objects(session), report)
        if not options.run.go_on:
            check_script_server(session, summary.needs, report)
        check_free_space(session, sum(record.bytes for record in records(summary.tables)), report)
        report.raise_if_any()
        return RestorePlan(
            server=_identity(session),
            database=options.database,
            create=options.create,
            drops=(f"DATABASE {options.database}",) if self._replaces else (),
            objects=summary.objects,
            tables=tuple((record.schema, record.name) for record in records(summary.tables)),
        )

    def _restore_script(self, artifact: ArtifactReader, summary: ScriptSummary, progress: Progress) -> RestoreContents:
        progress.phase("restoring", total_bytes=sum(record.bytes for record in records(summary.tables)))
        source = ScriptSource(artifact)

        def fill(session: Session, _new: NewDatabase) -> tuple[TableRecord, ...]:
            session.show_data = self._options.run.show_data
            return records(run_script(session, source, progress, options=script_options(self._options)))

        try:
            if self._options.create:
                tables = self._in_new_database(None, fill, progress)
            else:
                session = self._session or self._connect_target()
                # A table comes with about as many locks again: its rows' type, its TOAST table and index.
                session.show_data = self._options.run.show_data
                how = script_options(self._options)
                if how.single_transaction and not self._options.run.single_transaction:
                    locks = transaction_locks(session, 2 * sum(summary.objects.values()), progress)
                    how = dataclasses.replace(how, single_transaction=locks is None)
                with self._cancelled_on_failure(session):
                    tables = records(run_script(session, source, progress, options=how))
        finally:
            source.close()
        return RestoreContents(tables=tables, objects=summary.objects)

    @contextlib.contextmanager
    def _removed_on_failure(self, new: NewDatabase) -> t.Iterator[None]:
        try:
            yield
        except BaseException as error:
            try:
                new.drop()
            except DbfleetError as second:
                raise RestoreError(
                    f"{_first_line(error)}; the unfinished database {new.temporary_name} could not be removed: "
                    f"{second.message}",
                    hint=f"drop the database {new.temporary_name} yourself",
                    **(error.context if isinstance(error, DbfleetError) else {}),
                ) from error
            raise

    @contextlib.contextmanager
    def _cancelled_on_failure(self, session: Session) -> t.Iterator[None]:
        """Whatever ends the restore early, the server stops working on it at once and rolls back."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(drivers.psycopg().OperationalError):
                session.pgconn.get_cancel().cancel()
            self._disconnect()
            session.close()
            raise

    def _connect_target(self) -> Session:
        try:
            self._session = connect(self._options.connection, database=self._options.database)
            # What may be done is checked as the role that does it.
            for statement in self._options.session.statements():
                self._session.execute(statement)
        except NotFoundError as error:
            raise NotFoundError(
                f"the target database {self._options.database!r} does not exist",
                hint="restore with create to have it created, or check its name",
                **error.context,
            ) from error
        return self._session

    def _connect_new(self) -> Session:
        options = self._options
        self._session = connect(options.connection, database=options.connection.maintenance_database)
        self._replaces = bool(
            self._session.query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", (options.database,))
        )
        if self._replaces and not options.run.replace:
            raise UsageError(
                f"the database {options.database!r} exists, so it cannot be created",
                hint="leave create out to restore into it, have it replaced (replace), or choose another name",
            )
        return self._session

    def _report(self, session: Session) -> Report:
        """A new report, with what is wrong for every backup."""
        report = Report(f"database {self._options.database!r}")
        if session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t":
            report.add(UsageError, "its server is a standby, which cannot be written", "restore on the primary")
        return report

    def _preflight(
        self,
        session: Session,
        order: RestoreOrder,
        needs: Needs,
        objects: t.Sequence[TargetObject],
        manifest: Manifest | None,
    ) -> None:
        options = self._options
        report = self._report(session)
        if options.create:
            check_creation(session, _database_entry(order), options.database, report)
            check_replacement(session, options.database, report)
        else:
            check_database_rights(session, needs, report)
        resumed = self._state is not None and self._state.resumable
        if not (options.clean or options.force or options.run.skip_existing or resumed):
            check_empty(objects, report)
        check_single_transaction(session, order, options, report)
        check_free_space(session, _recorded_bytes(order, manifest), report)
        check_server(session, needs, report)
        check_database(session, needs, report)
        report.raise_if_any()


@contextlib.contextmanager
def _opened(artifact: ArtifactReader) -> t.Iterator[ArchiveReader]:
    archive = open_archive(artifact)
    try:
        yield archive
    finally:
        archive.close()


def _identity(session: Session) -> ServerIdentity:
    return ServerIdentity(
        dbms="postgresql",
        version=session.version_text,
        version_number=session.version,
        host=session.host,
        port=session.port,
        identifier=system_identifier(session),
    )


def _begin_or_end_sessions(state: RestoreState, session: Session, database: str, *, over: bool = False) -> None:
    """Begin a restore that may be resumed, or see that nothing of the interrupted one is left at work."""
    if state.header is None or over:
        state.begin(database)
    else:
        end_sessions(session, state.header.name)


def _database_entry(order: RestoreOrder) -> TocEntry | None:
    return next((entry for entry in order.database if entry.desc == "DATABASE"), None)


def _drops(order: RestoreOrder, objects: t.Iterable[TargetObject]) -> tuple[str, ...]:
    """Those of the target's objects that the archive has too and that will be dropped first."""
    dropped = {
        ("" if entry.desc == "SCHEMA" else entry.namespace or "", entry.tag) for entry in order.drops if entry.drop_stmt
    }
    return tuple(str(item) for item in objects if (item.schema, item.name) in dropped)


def _execute_all(session: Session, statements: t.Iterable[str]) -> None:
    for statement in statements:
        session.execute(statement)


def _recorded_bytes(order: RestoreOrder, manifest: Manifest | None) -> int:
    """How much the rows are that will be restored, as far as the manifest knows it."""
    wanted = frozenset(order.tables())
    tables = () if manifest is None else manifest.contents.tables
    return sum(table.bytes for table in tables if (table.schema, table.name) in wanted)


def _first_line(error: BaseException) -> str:
    return error.message if isinstance(error, DbfleetError) else type(error).__name__
