# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring one PostgreSQL database with pg_restore, or a script with psql."""

from __future__ import annotations

import contextlib
import os
import secrets
import typing as t

from ..errors import DbfleetError, NotFoundError, RestoreError, TargetNotEmptyError, UsageError
from ..interfaces import ArtifactReader, RestoreContents, RestorePlan
from ..postgresql.archive.reader import open_archive
from ..postgresql.archive_needs import archive_needs
from ..postgresql.new_database import UNFINISHED_PREFIX, create_statement, property_statements
from ..postgresql.options import RestoreOptions
from ..postgresql.quoting import identifier, literal, qualified
from ..postgresql.restore import PostgresqlRestoreTarget
from ..postgresql.restore_order import restore_order
from ..postgresql.script_source import ScriptSource, is_script
from ..postgresql.target_objects import OBJECTS
from ..postgresql.toc import TocEntry
from ..progress import Progress
from ..repository.records import Manifest, ServerIdentity, TableRecord
from ..streams.base import pour
from ..streams.file import FOLDER_MODE, FileSink
from .engine import Engine
from .postgresql_server import PostgresqlPrograms, exists
from .process import feed, run
from .programs import Program

_NAMED = 5
_FORCE_SINCE = 130000
_TIMEOUT_SINCE = 17


class PostgresqlToolsTarget:
    """A PostgreSQL database that the vendor's programs restore into (a :class:`~dbfleet.interfaces.RestoreTarget`).

    An existing target is restored in one transaction, unless several jobs do it. A target to be created is restored
    under a temporary name and renamed when it is complete.

    :raises UsageError: the options ask for what the programs do not do.
    """

    def __init__(self, options: RestoreOptions, engine: Engine) -> None:
        if options.run.verify == "digest":
            raise UsageError("the vendor's programs compare no digests", hint="use verify: rows, or the native engine")
        if options.jobs > 1 and options.run.single_transaction:
            raise UsageError("several jobs cannot share one transaction", hint="leave jobs at 1")
        self._options = options
        self._engine = engine
        self._reader = PostgresqlRestoreTarget(options)
        self._programs: PostgresqlPrograms | None = None
        self._program: Program | None = None
        self._database_entry: TocEntry | None = None
        self._about_database: tuple[TocEntry, ...] = ()

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        """Read the whole archive or script with our own reader, which also finds what must not be run.

        :raises CorruptArtifactError, UsageError: it is not whole, or holds what is not to be run.
        """
        self._reader.verify(artifact, manifest, progress, checked=checked)

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        """Ask the server; change nothing.

        :raises DbfleetError: it would fail, and why.
        """
        options = self._options
        programs = self._programs = PostgresqlPrograms(options.connection, self._engine)
        server = programs.identity(programs.maintenance_database if options.create else options.database)
        if programs.is_standby:
            raise UsageError("the target's server is a standby, which cannot be written", hint="restore on the primary")
        self._check_target(programs)
        objects: dict[str, int] = {}
        if is_script(artifact):
            if self._engine.arguments or options.clean or options.jobs > 1:
                raise UsageError(
                    "a script is run by psql as it is",
                    hint="leave out what selects, changes or shares the work, or use the native engine",
                )
            self._program = programs.program("psql", programs.maintenance_database)
        else:
            self._program = programs.program("pg_restore", programs.maintenance_database)
            objects = self._read_archive(artifact, programs, server.version_number)
            self._check_settings(self._program, server)
        tables = () if options.force else self._counted(manifest)
        return RestorePlan(
            server=server,
            database=options.database,
            create=options.create,
            drops=(),
            objects=objects,
            tables=tables,
        )

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Run the program, then count.

        :raises RestoreError: it failed; the error says what became of the database.
        """
        options = self._options
        programs, program = t.cast(PostgresqlPrograms, self._programs), t.cast(Program, self._program)
        temporary = f"{UNFINISHED_PREFIX}{secrets.token_hex(8)}" if options.create else ""
        into = temporary or options.database
        try:
            if temporary:
                number = programs.identity(programs.maintenance_database).version_number
                programs.execute(
                    programs.maintenance_database, create_statement(self._database_entry, temporary, version=number)
                )
            warnings = self._run(artifact, into, progress)
            for warning in dict.fromkeys((*programs.room.told, *warnings)):
                progress.warn(f"{program.name}: {warning}")
            tables = self._count(into, self._counted(manifest), progress)
            if temporary:
                self._finish(programs, temporary)
        except BaseException as error:
            what = self._clear_up(temporary)
            if isinstance(error, DbfleetError):
                raise RestoreError(
                    f"{error.message}; {what}", hint=error.hint, database=options.database, **error.context
                ) from error
            raise
        return RestoreContents(tables, {}, checks={"program": program.words})

    def close(self) -> None:
        """Remove the private folder."""
        self._reader.close()
        if self._programs is not None:
            self._programs.close()
            self._programs = None

    # -- the way there

    def _check_target(self, programs: PostgresqlPrograms) -> None:
        options = self._options
        if options.create:
            if exists(programs, options.database):
                raise UsageError(
                    f"the database {options.database!r} exists and was to be created",
                    hint="leave out create, or choose another name",
                )
            return
        found = programs.rows(options.database, OBJECTS)
        if found and not (options.clean or options.force):
            named = ", ".join(f"{kind} {schema}.{name}" for kind, schema, name in found[:_NAMED])
            raise TargetNotEmptyError(
                f"cannot restore into {options.database}: it is not empty: {named}",
                hint="restore into a new database (create), have the objects of the backup dropped first (clean), or "
                "restore into it as it is (force)",
            )

    def _check_settings(self, program: Program, server: ServerIdentity) -> None:
        """pg_restore sets what only servers of its own time know, and stops at the first that one does not know."""
        if program.version[0] >= _TIMEOUT_SINCE > server.version_number // 10000:
            raise UsageError(
                f"{program} sets transaction_timeout, which PostgreSQL {server.version} does not know",
                hint="use the programs of the server's series (tools_path), or the native engine",
                program=program.path,
            )

    def _read_archive(self, artifact: ArtifactReader, programs: PostgresqlPrograms, version: int) -> dict[str, int]:
        with contextlib.closing(open_archive(artifact)) as archive:
            entries = archive.entries
        order = restore_order(entries)
        self._database_entry = next((entry for entry in entries if entry.desc == "DATABASE"), None)
        self._about_database = tuple(
            entry
            for entry in entries
            if entry.desc in ("DATABASE PROPERTIES", "DATABASE")
            or (entry.desc in ("ACL", "COMMENT", "SECURITY LABEL") and entry.tag.startswith("DATABASE "))
        )
        if self._options.create:
            create_statement(self._database_entry, self._options.database, version=version)
        if "--no-owner" not in self._engine.arguments:
            self._check_roles(programs, archive_needs(order, create=self._options.create).roles)
        objects: dict[str, int] = {}
        for entry in entries:
            objects[entry.desc.lower()] = objects.get(entry.desc.lower(), 0) + 1
        return objects

    def _check_roles(self, programs: PostgresqlPrograms, needed: t.AbstractSet[str]) -> None:
        there = {name for (name,) in programs.rows(programs.maintenance_database, "SELECT rolname FROM pg_roles")}
        missing = sorted(needed - there)
        if missing:
            raise NotFoundError(
                f"the server lacks the role{'s' if len(missing) > 1 else ''} {', '.join(missing[:20])}",
                hint="make them, or restore without owners and privileges (no_owner, no_privileges)",
                roles=missing,
            )

    def _counted(self, manifest: Manifest | None) -> tuple[tuple[str, str], ...]:
        """The tables whose rows the backup has a number of, and the target shall have."""
        if manifest is None or "--schema-only" in self._engine.arguments:
            return ()
        if manifest.contents.options.get("load_via_partition_root"):
            return ()
        return tuple((table.schema, table.name) for table in manifest.contents.tables if table.sha256)

    def _run(self, artifact: ArtifactReader, into: str, progress: Progress) -> list[str]:
        options = self._options
        programs, program = t.cast(PostgresqlPrograms, self._programs), t.cast(Program, self._program)
        connect = ["--no-password", f"--dbname={programs.conninfo(into)}"]
        if is_script(artifact):
            progress.phase(f"running {program.name}")
            arguments = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"]
            with contextlib.closing(ScriptSource(artifact)) as source:
                return feed(programs.room, program, [*connect, *arguments], source, progress)
        path = _local(artifact) or self._spooled(artifact, progress)
        progress.phase(f"running {program.name}")
        arguments = ["--exit-on-error", *self._engine.arguments]
        if options.jobs > 1:
            arguments.append(f"--jobs={options.jobs}")
        elif not options.create or options.run.single_transaction:
            arguments.append("--single-transaction")
        if options.clean:
            arguments += ["--clean", "--if-exists"]
        return run(programs.room, program, [*connect, *arguments, "--", path])

    def _spooled(self, artifact: ArtifactReader, progress: Progress) -> str:
        """A copy of an archive that the program cannot read where it is: it is encrypted, or in object storage."""
        scratch = t.cast(PostgresqlPrograms, self._programs).scratch
        path = scratch.join("archive")
        names = artifact.names()
        progress.phase("fetching")
        if names != ("",):
            os.mkdir(path, FOLDER_MODE)
        for name in names:
            target = FileSink(os.path.join(path, name) if name else path, durable=False)
            with contextlib.closing(artifact.open(name)) as source:
                pour(source, target, advance=progress.advance)
        return path

    # -- the way back

    def _count(self, database: str, names: t.Sequence[tuple[str, str]], progress: Progress) -> tuple[TableRecord, ...]:
        programs = t.cast(PostgresqlPrograms, self._programs)
        progress.phase("counting rows")
        found = []
        for schema, name in names:
            progress.item(f"{schema}.{name}")
            rows = programs.value(database, f"SELECT count(*) FROM ONLY {qualified(schema, name)}")
            found.append(TableRecord(schema, name, int(rows), 0, ""))
        return tuple(found)

    def _finish(self, programs: PostgresqlPrograms, temporary: str) -> None:
        """Give a database that is complete its properties and its name."""
        maintenance = programs.maintenance_database
        properties: tuple[str, ...] = ()
        if "--no-owner" not in self._engine.arguments and "--no-privileges" not in self._engine.arguments:
            properties = property_statements(self._database_entry, self._about_database, temporary)
        name = identifier(self._options.database)
        programs.execute(maintenance, *properties, f"ALTER DATABASE {identifier(temporary)} RENAME TO {name}")

    def _clear_up(self, temporary: str) -> str:
        """Drop the database that this run created; what became of it."""
        options, programs = self._options, t.cast(PostgresqlPrograms, self._programs)
        if not temporary:
            if options.jobs > 1:
                return f"the database {options.database} may be incomplete"
            return f"the database {options.database} is as it was before: all was one transaction"
        maintenance, name = programs.maintenance_database, identifier(temporary)
        try:
            if not exists(programs, temporary):
                return "no database was created"
            programs.execute(maintenance, f"ALTER DATABASE {name} IS_TEMPLATE false")
            if programs.identity(maintenance).version_number >= _FORCE_SINCE:
                programs.execute(maintenance, f"DROP DATABASE {name} WITH (FORCE)")
            else:
                programs.rows(
                    maintenance,
                    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                    f"WHERE datname = {literal(temporary)}",
                )
                programs.execute(maintenance, f"DROP DATABASE {name}")
        except DbfleetError as error:
            return f"the unfinished database {temporary} could not be dropped: {error.message}"
        return f"the database {options.database} was not created, and nothing of it is left"


def _local(artifact: ArtifactReader) -> str:
    """The path of an archive that a program can read as it is; empty for one that it cannot."""
    path = artifact.description
    if "://" in path or not os.path.exists(path):
        return ""
    manifest = getattr(artifact, "manifest", None)
    if manifest is not None and manifest.encryption.method:
        return ""
    names = artifact.names()
    if manifest is None:
        # An encrypted file or folder of somebody else's, which our reader decrypts on the way.
        file = os.path.join(path, names[0]) if names != ("",) else path
        with contextlib.suppress(OSError), open(file, "rb") as opened:
            if opened.read(len(_AGE)) == _AGE:
                return ""
        if names != ("",) and any(name.endswith(".age") for name in os.listdir(path)):
            return ""
    return path


_AGE = b"age-encryption.org/"
