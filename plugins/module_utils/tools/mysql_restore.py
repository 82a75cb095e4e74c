# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring a script into one MySQL or MariaDB database with the client program."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import DbfleetError, RestoreError, UsageError
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..mysql import preflight, quoting
from ..mysql.load_options import VERIFY_DIGEST
from ..mysql.options import RestoreOptions
from ..mysql.script_files import Scripts
from ..mysql.script_summary import ScriptSummary
from ..mysql.script_walk import summarize
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from .engine import Engine
from .mysql_server import CLIENT, NAMES, MysqlPrograms
from .process import feed
from .programs import Program


class MysqlToolsTarget:
    """A database that the client program loads a script into (a :class:`~dbfleet.interfaces.RestoreTarget`).

    :raises UsageError: the options ask for what the program does not do.
    """

    def __init__(self, options: RestoreOptions, engine: Engine) -> None:
        if options.load.verify == VERIFY_DIGEST:
            raise UsageError("the vendor's programs compare no digests", hint="use verify: rows, or the native engine")
        self._options = options
        self._engine = engine
        self._programs: MysqlPrograms | None = None
        self._program: Program | None = None
        self._summary: ScriptSummary | None = None
        self._created = False

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        """Walk the whole script with our own reader, which also finds what must not be run.

        :raises CorruptArtifactError, UsageError: it is not whole, or holds what is not to be run.
        """
        if artifact.names() != ("",):
            raise UsageError(
                f"{artifact.description} is a folder, which the client program does not load",
                hint="use the native engine",
            )
        progress.phase("verifying")
        self._summary = summarize(artifact, manifest, self._options, progress)
        renamed = self._summary.database not in ("", self._options.database)
        if renamed and self._summary.foreign_references:
            raise UsageError(
                f"{', '.join(self._summary.foreign_references)} name the database {self._summary.database} itself",
                hint="restore under that name",
            )

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        """Ask the server; change nothing.

        :raises DbfleetError: it would fail, and why.
        """
        options, summary = self._options, t.cast(ScriptSummary, self._summary)
        programs = self._programs = MysqlPrograms(options.connection, self._engine)
        self._program = programs.program(CLIENT)
        session = programs.as_session
        preflight.check_target(session, options.database, create=options.create, clean=False, force=options.force)
        names = [] if options.force else self._with_rows(manifest)
        return RestorePlan(
            server=programs.identity,
            database=options.database,
            create=options.create,
            drops=(),
            objects=summary.object_counts(),
            tables=tuple((summary.database or options.database, name) for name in names),
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Feed the script to the program, then count.

        :raises RestoreError: it failed; the error says what became of the database.
        """
        options = self._options
        programs, program = t.cast(MysqlPrograms, self._programs), t.cast(Program, self._program)
        summary = t.cast(ScriptSummary, self._summary)
        try:
            if options.create:
                name = quoting.identifier(options.database)
                programs.session.execute(f"CREATE DATABASE {name} {summary.database_options}")
                self._created = True
            progress.phase(f"running {program.name}", total_bytes=sum(table.bytes for table in summary.tables.values()))
            arguments = [programs.defaults(program), *_SAFE]
            if options.load.skip_binlog:
                arguments.append(f"--init-command={NAMES}, SESSION sql_log_bin = 0")
            arguments.append(f"--database={options.database}")
            scripts = Scripts(artifact)
            with contextlib.closing(scripts.open(scripts.files[0])) as source:
                warnings = feed(programs.room, program, arguments, source, progress)
            for warning in dict.fromkeys((*programs.room.told, *warnings)):
                progress.warn(f"{program.name}: {warning}")
            counted = self._count(self._with_rows(manifest), progress)
        except BaseException as error:
            what = self._clear_up()
            if isinstance(error, DbfleetError):
                raise RestoreError(
                    f"{error.message}; {what}", hint=error.hint, database=options.database, **error.context
                ) from error
            raise
        schema = summary.database or options.database
        tables = tuple(TableRecord(schema, name, rows, 0, "") for name, rows in counted.items())
        return RestoreContents(tables, summary.object_counts(), checks={"program": program.words})

    def close(self) -> None:
        """Remove the private folder."""
        if self._programs is not None:
            self._programs.close()
            self._programs = None

    def _with_rows(self, manifest: Manifest | None) -> list[str]:
        """The tables whose rows the backup has a number of."""
        if manifest is None:
            return []
        return [table.name for table in manifest.contents.tables if table.sha256]

    def _count(self, names: t.Iterable[str], progress: Progress) -> dict[str, int]:
        programs = t.cast(MysqlPrograms, self._programs)
        progress.phase("counting rows")
        found: dict[str, int] = {}
        for name in names:
            progress.item(name)
            table = quoting.qualified(self._options.database, name)
            found[name] = int(programs.session.scalar(f"SELECT COUNT(*) FROM {table}") or 0)
        return found

    def _clear_up(self) -> str:
        """Drop the database that this run created; what became of it."""
        name = self._options.database
        if not self._created:
            return f"the database {name} may be incomplete"
        try:
            t.cast(MysqlPrograms, self._programs).session.execute(f"DROP DATABASE {quoting.identifier(name)}")
        except DbfleetError as error:
            return f"the database {name}, which this run created, could not be dropped: {error.message}"
        return f"the database {name}, which this run had created, was dropped again"


#: Commands of the client itself in the script are not carried out, as far as the program can be told so.
_SAFE = ("--batch", "--binary-mode")
