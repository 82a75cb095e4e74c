# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring one PostgreSQL database from an archive or a plain script."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..errors import DbfleetError, UsageError
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..progress import Progress
from ..repository.records import Manifest
from .archive.entries import TABLE_DATA
from .archive.reader import ArchiveReader, open_archive
from .archive_needs import Needs, archive_needs
from .connection import connect
from .new_database import NewDatabase, property_statements
from .options import RestoreOptions
from .preflight import (
    Report,
    check_creation,
    check_database,
    check_database_rights,
    check_empty,
    check_free_space,
    check_server,
    check_writable,
)
from .replaced_database import check_replacement
from .restore_archive import (
    OpenedArchive,
    check_run_options,
    check_single_transaction,
    finish_restore,
    open_state,
    restore_archive,
    take_over,
)
from .restore_database import TargetDatabase, begin_or_end_sessions
from .restore_entry import check_supported
from .restore_ledger import Ledger
from .restore_order import RestoreOrder, names, restore_order
from .restore_selection import select_entries
from .restore_sql import archive_settings
from .restore_state import RestoreState
from .row_values import values_left_out
from .script_source import is_script
from .session import Session
from .target_objects import TargetObject, user_objects
from .toc import TocEntry
from .verify import check_recorded, verify_archive

if t.TYPE_CHECKING:
    from .cluster.roles_of_set import RolesOfSet
    from .script_target import ScriptTarget

#: What was done, and what was found when it was looked at.
_Restored = tuple[Ledger, dict[str, t.Any]]


class PostgresqlRestoreTarget:
    """A PostgreSQL database that a backup can be restored into; a :class:`~dbfleet.interfaces.RestoreTarget`.

    An existing target is restored in one transaction: a restore that fails leaves it as it was. (An archive with more
    objects than the server's lock table can bear is restored in several, which is said before.) A target to be created
    is restored under a temporary name and renamed when it is complete. Both hold for plain scripts too.

    :param globals_artifact: of the backup's set, where roles are to be made.
    :param one_of_many: others are verified before this one is restored: no archive is kept open meanwhile.
    :raises UsageError: the options ask for what cannot be done.
    """

    def __init__(
        self, options: RestoreOptions, globals_artifact: ArtifactReader | None = None, *, one_of_many: bool = False
    ) -> None:
        check_run_options(options)
        self._one_of_many = one_of_many
        #: The archive that was opened last, and its artifact.
        self._kept: tuple[ArtifactReader, ArchiveReader] | None = None
        self._roles = None if globals_artifact is None else _roles_of_set(options, globals_artifact)
        self._options = options
        self._database = TargetDatabase(options)
        self._scripts: ScriptTarget | None = None
        self._sizes: dict[int, int] = {}
        self._state: RestoreState | None = None

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        """Read the whole archive or script; no server is needed.

        :param checked: an archive's data need not be read: its files are those of the manifest.
        :raises CorruptArtifactError: it is damaged, or not what the manifest says.
        :raises UsageError: it is a script that holds what is not run from one, or an option does not go with scripts.
        """
        if self._roles is not None:
            self._roles.verify()
        if is_script(artifact):
            self._script().verify(artifact, manifest, progress, checked=checked)
            return
        if self._options.source_database:
            raise UsageError(
                f"{artifact.description} is an archive, which holds one database alone",
                hint="leave source_database out",
            )
        with self._opened(artifact) as archive:
            if checked and manifest is not None:
                self._sizes = check_recorded(archive, manifest)
            else:
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
            return self._script().plan(artifact, manifest, self._roles)
        with self._opened(artifact) as archive:
            order = restore_order(select_entries(archive.entries, options.selection))
            settings = archive_settings(archive.entries)
        check_supported(order)
        if options.run.resume and self._state is None:
            self._state = self._database.state = open_state(order, settings, manifest, options)
        session = self._database.session
        if self._state is not None and not options.create:
            self._state.look_for(session)
        needs = archive_needs(order, create=options.create)
        objects = () if options.create else user_objects(session)
        # Names in the archive are compared by the server, which must know their encoding.
        session.execute(f"SET client_encoding = '{settings.encoding}'")
        made: frozenset[str] = frozenset()
        if not self._database.published:
            made = self._preflight(session, order, needs, objects, manifest)
        drops = _drops(order, objects) if options.clean else ()
        return RestorePlan(
            server=self._database.identity(),
            database=options.database,
            create=options.create,
            drops=(f"DATABASE {options.database}",) if self._database.replaces else drops,
            objects=order.counts(),
            tables=order.tables(),
            roles=tuple(sorted(made)),
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Restore everything into the target.

        :raises RestoreError: it stopped; the error names the item and says what was and was not done.
        """
        if self._roles is None or not self._roles.make(progress):
            return self._restore(artifact, manifest, progress)
        made = ", ".join(self._roles.made)
        progress.message(f"made the roles {made}")
        try:
            # What can only be known when the roles are there, such as whether the user may make them owners.
            self.plan(artifact, manifest)
            return self._restore(artifact, manifest, progress)
        except DbfleetError as error:
            error.message = f"{error.message}; the roles {made} were made before and remain"
            raise

    def _restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        if is_script(artifact):
            return self._script().restore(artifact, manifest, progress)
        with self._opened(artifact) as archive:
            order = restore_order(select_entries(archive.entries, self._options.selection))
            settings = archive_settings(archive.entries)
            total = 0 if manifest is None else sum(table.bytes for table in manifest.contents.tables)
            progress.phase("restoring", total_bytes=total)
            opened = OpenedArchive(artifact, archive, order, settings, manifest, self._sizes)
            restored = (self._restore_new if self._options.create else self._restore_existing)(opened, progress)
        # What is told of it in the end takes memory too.
        self._close_archive()
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

    def _script(self) -> ScriptTarget:
        """What takes the place of this where the backup is a script."""
        if self._scripts is None:
            # Imported here: archives do not need it, and their restore starts the faster.
            from .script_target import ScriptTarget

            self._scripts = ScriptTarget(self._options, self._database)
        return self._scripts

    @contextlib.contextmanager
    def _opened(self, artifact: ArtifactReader) -> t.Iterator[ArchiveReader]:
        """The archive, whose table of contents is read once only: of a database of many tables that takes seconds."""
        if self._kept is None or self._kept[0] is not artifact:
            self._close_archive()
            self._kept = artifact, open_archive(artifact)
        try:
            yield self._kept[1]
        finally:
            if self._one_of_many:
                self._close_archive()

    def _close_archive(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    def close(self) -> None:
        self._close_archive()
        self._database.close()
        if self._roles is not None:
            self._roles.close()
        if self._state is not None:
            self._state.close()
            self._state = None

    def _restore_existing(self, archive: OpenedArchive, progress: Progress) -> _Restored:
        session = self._database.session
        order = archive.order
        properties: tuple[str, ...] = ()
        if self._options.properties:
            properties = property_statements(_database_entry(order), order.database, self._options.database)
        elif any(entry.desc != "DATABASE" for entry in order.database):
            progress.message("the database's own settings, comment and privileges are only restored with create")
        with self._database.cancelled_on_failure(session):
            if self._state is not None:
                begin_or_end_sessions(self._state, session, self._options.database)
            ledger = restore_archive(
                session, archive, self._options, progress,
                new_database=False, last=lambda: _execute_all(session, properties), state=self._state,
            )  # fmt: skip
            if self._state is not None:
                self._state.complete(session)
                self._state.remove()
            return ledger, self._looked_at(session, archive, ledger, progress)

    def _restore_new(self, archive: OpenedArchive, progress: Progress) -> _Restored:
        if self._database.published:
            return self._look_at_published(archive, progress)

        def fill(session: Session, new: NewDatabase) -> _Restored:
            ledger = restore_archive(
                session, archive, self._options, progress,
                new_database=True, last=lambda: _execute_all(session, new.settings(archive.order.database)),
                state=self._state,
            )  # fmt: skip
            found = self._looked_at(session, archive, ledger, progress)
            if self._state is not None:
                session.execute("RESET ROLE")
                self._state.complete(session)
            return ledger, found

        filled = self._database.fill_new(_database_entry(archive.order), fill, progress)
        if self._state is not None:
            self._state.remove()
        return filled

    def _looked_at(
        self, session: Session, archive: OpenedArchive, ledger: Ledger, progress: Progress
    ) -> dict[str, t.Any]:
        """What comes after everything was restored."""
        with values_left_out(show_data=self._options.run.show_data):
            return finish_restore(session, archive, ledger, self._options, progress)

    def _look_at_published(self, archive: OpenedArchive, progress: Progress) -> _Restored:
        """An interrupted run did everything but forget about it."""
        ledger = Ledger(archive.order.steps, new_database=False)
        session = connect(self._options.connection, database=self._options.database)
        try:
            if self._state is not None:
                take_over(session, self._state, ledger, archive.order, progress, role="")
                self._state.remove()
            return ledger, self._looked_at(session, archive, ledger, progress)
        finally:
            session.close()

    def _preflight(
        self,
        session: Session,
        order: RestoreOrder,
        needs: Needs,
        objects: t.Sequence[TargetObject],
        manifest: Manifest | None,
    ) -> frozenset[str]:
        """Raise everything that is wrong; which roles will be made."""
        options = self._options
        report = Report(f"database {options.database!r}")
        check_writable(session, report)
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
        made = frozenset() if self._roles is None else self._roles.plan(needs.roles, report)
        check_server(session, dataclasses.replace(needs, roles=needs.roles - made), report)
        check_database(session, needs, report)
        report.raise_if_any()
        return made


def _roles_of_set(options: RestoreOptions, globals_artifact: ArtifactReader) -> RolesOfSet:
    # Imported here, as few restores need it.
    from .cluster.roles_of_set import RolesOfSet

    return RolesOfSet(options.connection, globals_artifact)


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
