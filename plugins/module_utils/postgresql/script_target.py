# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring one database from a plain script."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..errors import RestoreError, UsageError
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from .cluster.roles_of_set import RolesOfSet
from .index_building import index_memory, index_memory_statement
from .new_database import NewDatabase
from .options import RestoreOptions
from .preflight import Report, check_creation, check_empty, check_free_space, check_script_server, check_writable
from .replaced_database import check_replacement
from .restore_archive import transaction_locks
from .restore_database import TargetDatabase
from .restored_script import finish_script
from .row_values import values_left_out
from .script_request import check_script_options, script_options
from .script_run import ScriptOptions, run_script
from .script_section import database_entries
from .script_source import ScriptSource
from .script_tables import records
from .script_verify import ScriptSummary, check_digests, check_still_recorded, verify_script
from .session import Session
from .target_objects import user_objects
from .toc import TocEntry

_REMOVED = "the unfinished database is removed"
_ROLLED_BACK = "everything was rolled back, the target is as it was"

_Restored = tuple[tuple[TableRecord, ...], dict[str, t.Any]]


class ScriptTarget:
    """A script on its way into one database, with the calls of a :class:`~dbfleet.interfaces.RestoreTarget`."""

    def __init__(self, options: RestoreOptions, database: TargetDatabase) -> None:
        self._options = options
        self._database = database
        self._summary: ScriptSummary | None = None
        self._failed: RestoreError | None = None

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        check_script_options(self._options, artifact, manifest)
        how = script_options(self._options)
        self._summary = verify_script(
            artifact,
            manifest,
            progress,
            single_transaction=how.single_transaction,
            part=how.part,
            checked=checked and manifest is not None,
        )
        if self._summary.drops:
            progress.warn(
                f"{self._summary.drops} statements of {artifact.description} that drop objects are left out: only a "
                "part of it is restored"
            )

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None, roles: RolesOfSet | None = None) -> RestorePlan:
        summary = self._verified(artifact, manifest)
        options = self._options
        session = self._database.session
        report = Report(f"database {options.database!r}")
        check_writable(session, report)
        if options.create:
            check_creation(session, self._properties(summary)[0], options.database, report)
            check_replacement(session, options.database, report)
        elif not (options.force or options.run.skip_existing):
            check_empty(user_objects(session), report)
        needs = summary.needs
        made = frozenset() if roles is None else roles.plan(needs.roles, report)
        if not options.run.go_on:
            check_script_server(session, dataclasses.replace(needs, roles=needs.roles - made), report)
        check_free_space(session, sum(record.bytes for record in records(summary.tables)), report)
        report.raise_if_any()
        return RestorePlan(
            server=self._database.identity(),
            database=options.database,
            create=options.create,
            drops=(f"DATABASE {options.database}",) if self._database.replaces else (),
            objects=summary.objects,
            tables=tuple((record.schema, record.name) for record in records(summary.tables)),
            roles=tuple(sorted(made)),
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        summary = self._verified(artifact, manifest)
        progress.phase("restoring", total_bytes=sum(record.bytes for record in records(summary.tables)))
        source = ScriptSource(artifact)
        verified = source.verified_state()
        entry, properties = self._properties(summary)

        def filled(session: Session, how: ScriptOptions) -> _Restored:
            tables = self._run(session, source, progress, how, summary.extents)
            if verified is not None and not source.is_verified():
                check_still_recorded(artifact, manifest, verified, source.file_state())
            if manifest is not None:
                check_digests(tables, manifest, artifact.description)
            if self._failed is not None:
                return tables, {}
            with values_left_out(show_data=self._options.run.show_data):
                return tables, finish_script(session, artifact, summary, tables, manifest, self._options, progress)

        def fill(session: Session, new: NewDatabase) -> _Restored:
            found = filled(session, script_options(self._options))
            for statement in new.settings(properties):
                session.execute(statement)
            return found

        try:
            if self._options.create:
                with _saying(lambda _error: _REMOVED):
                    tables, checks = self._database.fill_new(entry, fill, progress)
            else:
                if properties:
                    progress.message("the database's own settings and privileges are only restored with create")
                session, how = self._database.session, self._how_into_existing(summary, progress)
                outcome = (lambda _error: _ROLLED_BACK) if how.single_transaction else _remains
                with self._database.cancelled_on_failure(session), _saying(outcome):
                    tables, checks = filled(session, how)
        finally:
            source.close()
        if self._failed is not None:
            self._failed.message += f"; the others are in database {self._options.database!r}"
            raise self._failed
        return RestoreContents(tables=tables, objects=summary.objects, checks=checks)

    def _run(
        self,
        session: Session,
        source: ScriptSource,
        progress: Progress,
        how: ScriptOptions,
        extents: t.Mapping[int, tuple[int, int]],
    ) -> tuple[TableRecord, ...]:
        session.show_data = self._options.run.show_data
        memory = index_memory(session, jobs=1)
        if memory:
            session.execute(index_memory_statement(memory))
        try:
            return records(
                run_script(session, source, progress, options=how, extents=extents, verified=source.is_verified())
            )
        except RestoreError as error:
            if not how.keep_going or "failed" not in error.context:
                raise
            # It has gone on to its end: what could be done is kept, and the failures are told then.
            self._failed = error
            return ()

    def _how_into_existing(self, summary: ScriptSummary, progress: Progress) -> ScriptOptions:
        how = script_options(self._options)
        if how.single_transaction and not self._options.run.single_transaction:
            # A table comes with about as many locks again: its rows' type, its TOAST table and index.
            locks = transaction_locks(self._database.session, 2 * sum(summary.objects.values()), progress)
            how = dataclasses.replace(how, single_transaction=locks is None)
        return how

    def _properties(self, summary: ScriptSummary) -> tuple[TocEntry | None, tuple[TocEntry, ...]]:
        return database_entries(self._options.source_database, summary.properties)

    def _verified(self, artifact: ArtifactReader, manifest: Manifest | None) -> ScriptSummary:
        if self._summary is None:
            self.verify(artifact, manifest, Progress())
        if self._summary is None:
            raise UsageError("the script was not verified before")
        return self._summary


@contextlib.contextmanager
def _saying(outcome: t.Callable[[RestoreError], str]) -> t.Iterator[None]:
    """Adds to the error of a statement what became of those before it."""
    try:
        yield
    except RestoreError as error:
        # That of a database which could not be removed says so itself.
        if "line" in error.context and "unfinished database" not in error.message:
            said = outcome(error)
            error.message = f"{error.message}; {said}"
            error.context["rolled_back"] = said in (_REMOVED, _ROLLED_BACK)
        raise


def _remains(error: RestoreError) -> str:
    number = int(error.context.get("completed") or 0)
    if number == 1:
        return "1 statement was done before and remains"
    return f"{number} statements were done before and remain" if number else "nothing was done before"
