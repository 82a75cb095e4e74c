# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up one PostgreSQL database with pg_dump.

What it writes lies in a private folder until our own reader has read all of it: an exit code says nothing of a file
that was cut off. Only then it goes where a backup of the native engine goes, with the same manifest.
"""

from __future__ import annotations

from ..errors import UsageError
from ..interfaces import ArtifactWriter, BackupPlan
from ..postgresql.archive.header import parse_version
from ..postgresql.archive.writer import artifact_suffix
from ..postgresql.form import deciding_options, form_of, recorded_options
from ..postgresql.options import BackupOptions
from ..progress import Progress
from ..repository.artifact import open_artifact
from ..repository.layout import escape_name
from ..repository.records import BackupContents
from .engine import Engine
from .postgresql_contents import Written, read_archive, read_script
from .postgresql_server import PostgresqlPrograms
from .process import write_artifact
from .programs import Program
from .stored import store
from .written import engine_record, found_whole, least_size, write_file

_METHODS_SINCE = 16
_TABLES = """
SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid)
       + coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0::pg_catalog.oid)), 0)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""


class PostgresqlToolsSource:
    """One PostgreSQL database that pg_dump backs up (a :class:`~dbfleet.interfaces.BackupSource`).

    :raises UsageError: the options contradict each other.
    :raises NotFoundError: psql is missing.
    """

    def __init__(self, options: BackupOptions, engine: Engine) -> None:
        self._options = options
        self._engine = engine
        self._compression = form_of(options)
        # It is read again by our own reader.
        self._compression.check_available()
        self._programs = PostgresqlPrograms(options.connection, engine)
        self._program: Program | None = None
        self._estimate = 0

    def plan(self) -> BackupPlan:
        """Ask the server; change nothing.

        :raises DbfleetError: it would fail, and why.
        """
        options = self._options
        server = self._programs.identity(options.database)
        self._begun()
        tables = self._programs.rows(options.database, _TABLES)
        self._estimate = sum(int(size or 0) for _schema, _name, size in tables)
        self._programs.scratch.check_space(least_size(self._estimate, self._compression))
        return BackupPlan(
            server=server,
            database=options.database,
            artifact=self._artifact,
            format=options.format,
            compression=str(self._compression),
            estimated_bytes=self._estimate,
            tables=tuple((schema, name) for schema, name, _size in tables),
            objects={},
            options=deciding_options(options),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Run pg_dump, read what it wrote, and store it.

        :raises ProgramError: it failed.
        :raises CorruptArtifactError: what it wrote is not whole.
        """
        program = self._begun()
        path = self._programs.scratch.join(self._artifact)
        progress.phase(f"running {program.name}", total_bytes=self._estimate)
        warnings = self._dump(program, path, progress)
        for warning in dict.fromkeys((*self._programs.room.told, *warnings)):
            progress.warn(f"{program.name}: {warning}")
        written = self._read(program, path, progress)
        store(path, self._artifact, writer, progress)
        version = parse_version(written.version) if written.version else (0, 0)
        recorded = {
            **recorded_options(self._options, version),
            "timezone": self._programs.timezone,
            **engine_record(self._engine, program),
        }
        return BackupContents(
            format=self._options.format,
            artifact=self._artifact,
            compression=str(self._compression),
            snapshot={"snapshot_id": self._options.snapshot} if self._options.snapshot else {},
            tables=written.tables,
            objects=written.objects,
            options=recorded,
            large_objects=written.large_objects,
        )

    def close(self) -> None:
        """Remove the private folder."""
        self._programs.close()

    @property
    def _artifact(self) -> str:
        return f"{escape_name(self._options.database)}{artifact_suffix(self._options.format, self._compression)}"

    def _begun(self) -> Program:
        if self._program is None:
            self._program = self._programs.program("pg_dump", self._options.database)
        return self._program

    def _dump(self, program: Program, path: str, progress: Progress) -> list[str]:
        room, arguments = self._programs.room, self._arguments(program)
        if self._options.format != "plain":
            return write_artifact(room, program, [*arguments, f"--file={path}"], path, progress.advance)
        return write_file(room, program, arguments, path, self._compression, progress)

    def _arguments(self, program: Program) -> list[str]:
        options = self._options
        arguments = [
            f"--format={options.format}",
            "--no-password",
            f"--dbname={self._programs.conninfo(options.database)}",
            *self._engine.arguments,
        ]
        if options.format in ("custom", "directory"):
            arguments.append(self._compressed(program))
        elif options.format == "plain":
            # It is compressed on the way.
            arguments.append("--compress=0")
        if options.jobs > 1:
            arguments.append(f"--jobs={options.jobs}")
        if options.lock_wait_timeout:
            arguments.append(f"--lock-wait-timeout={round(options.lock_wait_timeout * 1000)}")
        return arguments

    def _compressed(self, program: Program) -> str:
        method, level = self._compression.method, self._compression.level
        if method == "none":
            return "--compress=0"
        if program.version[0] >= _METHODS_SINCE:
            return f"--compress={method}:{level}"
        if method != "gzip":
            raise UsageError(f"{program} knows no {method}", hint="use gzip, or the programs of PostgreSQL 16 or later")
        return f"--compress={level}"

    def _read(self, program: Program, path: str, progress: Progress) -> Written:
        with found_whole(program):
            artifact = open_artifact(path)
            if self._options.format == "plain":
                return read_script(artifact, progress)
            return read_archive(artifact, progress)
