# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up one MySQL or MariaDB database with mysqldump or mariadb-dump.

What it writes lies in a private folder until our own reader has read all of it. Only then it goes where a backup of
the native engine goes, with the same manifest.
"""

from __future__ import annotations

from ..errors import ConsistencyError, UnsupportedObjectError, UsageError
from ..interfaces import ArtifactWriter, BackupPlan
from ..mysql import privileges, quoting
from ..mysql.catalog.database import Database, read_database
from ..mysql.catalog.tables import Table, read_tables
from ..mysql.dump import DEFAULT_COMPRESSION
from ..mysql.options import BackupOptions, RestoreOptions
from ..mysql.selection import Selected, selected
from ..mysql.session import Session
from ..progress import Progress
from ..repository.artifact import open_artifact
from ..repository.records import BackupContents
from ..streams.compression import Compression
from .engine import Engine
from .mysql_contents import read_dump
from .mysql_server import DUMP, MysqlPrograms
from .programs import MYSQL, Program
from .stored import store
from .written import engine_record, found_whole, least_size, write_file

_STATISTICS_SINCE = (8, 0)
_LARGEST_PACKET = "1G"


class MysqlToolsSource:
    """One database that the dump program backs up (a :class:`~dbfleet.interfaces.BackupSource`).

    :raises UsageError: the options ask for what the program does not do.
    :raises DbfleetError: the server cannot be asked.
    """

    def __init__(self, options: BackupOptions, engine: Engine) -> None:
        if options.format != "plain":
            raise UsageError(
                f"the dump program of MySQL and MariaDB writes no {options.format}",
                hint="use the format plain, or the native engine",
            )
        self._options = options
        self._engine = engine
        self._compression = Compression.parse(options.compression or DEFAULT_COMPRESSION)
        self._compression.check_available()
        self._programs = MysqlPrograms(options.connection, engine)
        self._estimate = 0
        self._tables: tuple[Table, ...] = ()

    def plan(self) -> BackupPlan:
        """Ask the server; change nothing.

        :raises DbfleetError: it would fail, and why.
        """
        program, database, chosen = self._begun()
        session = self._programs.as_session
        privileges.check_visibility(session, database.name, chosen)
        self._tables = chosen.tables(read_tables(session, database.name))
        self._check_tables(program)
        self._estimate = sum(table.data_length for table in self._tables if table.has_rows)
        uncompressed = 2 if self._compression.method == "none" else 1
        self._programs.scratch.check_space(uncompressed * least_size(self._estimate, self._compression))
        return BackupPlan(
            server=self._programs.identity,
            database=database.name,
            artifact=self._artifact(database),
            format=self._options.format,
            compression=str(self._compression),
            estimated_bytes=self._estimate,
            tables=tuple((database.name, table.name) for table in self._tables if table.has_rows),
            objects={},
            options=chosen.deciding_options(),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Run the program, read what it wrote, and store it.

        :raises ProgramError: it failed.
        :raises CorruptArtifactError: what it wrote is not whole.
        """
        program, database, chosen = self._begun()
        name = self._artifact(database)
        path = self._programs.scratch.join(name)
        progress.phase(f"running {program.name}", total_bytes=self._estimate)
        # As our own scripts say it: nothing else in the program's says what the database itself is like.
        head = f"-- Default character set: {database.character_set}    Collation: {database.collation}\n".encode()
        arguments = self._arguments(program, database)
        warnings = write_file(self._programs.room, program, arguments, path, self._compression, progress, head=head)
        for warning in dict.fromkeys((*self._programs.room.told, *warnings)):
            progress.warn(f"{program.name}: {warning}")
        with_rows = [table.name for table in self._tables if table.has_rows]
        into = RestoreOptions(self._options.connection, database.name)
        with found_whole(program):
            tables, objects = read_dump(open_artifact(path), into, with_rows, progress)
        store(path, name, writer, progress)
        recorded = {
            "single_transaction": not self._options.lock_tables,
            "lock_tables": self._options.lock_tables,
            **chosen.as_record(),
            "form": {},
            "character_set": database.character_set,
            "collation": database.collation,
            **engine_record(self._engine, program),
        }
        return BackupContents(
            format=self._options.format,
            artifact=name,
            compression=str(self._compression),
            snapshot={},
            tables=tables,
            objects=objects,
            options=recorded,
        )

    def close(self) -> None:
        """Remove the private folder."""
        self._programs.close()

    def _begun(self) -> tuple[Program, Database, Selected]:
        session = self._programs.as_session
        database = read_database(session, self._options.database)
        return self._programs.program(DUMP), database, selected(self._options.selection, session, database.name)

    def _artifact(self, database: Database) -> str:
        return f"{quoting.file_name(database.name)}.sql{self._compression.suffix}"

    def _check_tables(self, program: Program) -> None:
        session = self._programs.as_session
        if self._options.selection.schema_only:
            return
        unsafe = [
            table.name
            for table in self._tables
            if table.has_rows and not table.is_transactional and _has_row(session, self._options.database, table)
        ]
        if unsafe and not self._options.lock_tables:
            raise ConsistencyError(
                f"no snapshot covers the rows of {', '.join(unsafe)}",
                hint="lock the tables while they are read (lock_tables), or convert them to InnoDB",
                tables=unsafe,
            )
        rounded = [
            f"{table.name}.{column.name}"
            for table in self._tables
            if table.has_rows
            for column in table.stored_columns
            if column.data_type == "float"
        ]
        if rounded and self._engine.exact:
            raise UnsupportedObjectError(
                f"{program.name} writes values of the type FLOAT with six digits, which loses others: "
                f"{', '.join(rounded[:20])}",
                hint="use the native engine, which writes them exactly, or make the columns DOUBLE",
                objects=rounded,
            )

    def _arguments(self, program: Program, database: Database) -> list[str]:
        options, selection = self._options, self._options.selection
        definitions = not selection.data_only
        locked = ["--lock-tables", "--skip-single-transaction"]
        consistency = locked if options.lock_tables else ["--single-transaction"]
        arguments = [
            self._programs.defaults(program),
            *self._programs.first_statement(program),
            *consistency,
            "--quick",
            "--hex-blob",
            "--no-tablespaces",
            "--comments",
            f"--max-allowed-packet={_LARGEST_PACKET}",
            "--triggers" if definitions and not selection.skip_triggers else "--skip-triggers",
            "--routines" if definitions and not selection.skip_routines else "--skip-routines",
            "--events" if definitions and not selection.skip_events else "--skip-events",
            *(["--no-data"] if selection.schema_only else []),
            *(["--no-create-info"] if selection.data_only else []),
            *self._engine.arguments,
        ]
        if program.family == MYSQL:
            arguments.append("--set-gtid-purged=OFF")
            if program.series >= _STATISTICS_SINCE:
                # Histograms, which older servers do not have.
                arguments.append("--column-statistics=0")
        return [*arguments, "--", database.name]


def _has_row(session: Session, database: str, table: Table) -> bool:
    return bool(session.query(f"SELECT 1 FROM {quoting.qualified(database, table.name)} LIMIT 1"))
