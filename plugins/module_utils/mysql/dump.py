# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backs up one MySQL or MariaDB database as one SQL script that the genuine clients load."""

from __future__ import annotations

import contextlib
import logging
import typing as t

from ..allocation import keep_freed_memory
from ..errors import UsageError
from ..interfaces import ArtifactWriter, BackupPlan
from ..progress import Progress
from ..repository.records import BackupContents
from ..streams.compression import Compression
from . import (
    privileges,
    quoting,
    replication_state,
    snapshot,
)
from .catalog.database import Database, read_database
from .catalog.inventory import read_inventory, refuse_unsupported
from .catalog.tables import Table, has_row, read_tables
from .connection import connect
from .database_dump import DatabaseDump, counts_of
from .options import BackupOptions
from .output import Output
from .selection import selected
from .server_identity import server_identity
from .session import Session
from .shared_snapshot import SharedSnapshot
from .table_rows import unlocked

_LOG = logging.getLogger("dbfleet.mysql")
DEFAULT_COMPRESSION = "gzip:6"


class MysqlBackupSource:
    """One database to be backed up; see :class:`..interfaces.BackupSource`.

    :param shared: the snapshot of several databases that this one is read in.
    """

    def __init__(self, options: BackupOptions, shared: SharedSnapshot | None = None) -> None:
        if options.format not in ("plain", "directory"):
            raise UsageError(
                f"there is no format {options.format!r} for MySQL and MariaDB", hint="use plain or directory"
            )
        if options.jobs > 1 and options.format == "plain":
            raise UsageError(
                f"jobs is {options.jobs}, and a backup of the format plain is one stream",
                hint="leave jobs out, or use the format directory",
            )
        self._options = options
        self._compression = Compression.parse(options.compression or DEFAULT_COMPRESSION)
        self._compression.check_available()
        self._shared = shared
        self._session: Session | None = None

    def plan(self) -> BackupPlan:
        """Connect, check privileges and that every object can be dumped; change nothing."""
        session, database = self._open()
        chosen = selected(self._options.selection, session, database.name)
        tables = chosen.tables(read_tables(session, database.name))
        check_readable(self._options, session, database.name, tables)
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
            server=server_identity(session),
            database=database.name,
            artifact=self._artifact(database),
            format=self._options.format,
            compression=str(self._compression),
            estimated_bytes=estimate,
            tables=tuple((database.name, table.name) for table in tables if table.has_rows),
            objects=counts_of(inventory),
            options=chosen.deciding_options(),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Take the snapshot and write the script or the folder."""
        keep_freed_memory()
        session, database = self._open()
        if self._shared is not None:
            self.close()
            session = self._shared.session(database.name)
        path = self._artifact(database)
        with contextlib.ExitStack() as resources:
            dump = DatabaseDump(self._options, session, database, progress, resources, self._shared)
            check_readable(self._options, session, database.name, dump.tables)
            if self._options.format == "directory":
                dump.write_folder(writer, path, self._compression)
            else:
                dump.open_snapshot()
                self._write_script(dump, Output(writer.create(path), self._compression))
        # Whatever the job does next, the server's definitions need not stay locked for it.
        self.close()
        return dump.contents(path, str(self._compression))

    def _write_script(self, dump: DatabaseDump, output: Output) -> None:
        try:
            dump.write(output)
            output.close()
        except BaseException:
            output.abort()
            raise

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

    def _artifact(self, database: Database) -> str:
        name = quoting.file_name(database.name)
        return name if self._options.format == "directory" else f"{name}.sql{self._compression.suffix}"


def check_readable(options: BackupOptions, session: Session, database: str, tables: t.Sequence[Table]) -> None:
    """Everything of a database can be seen and written.

    :raises PrivilegeError, UnsupportedObjectError, ConsistencyError: something cannot; the message names it.
    """
    privileges.check_visibility(session, database, selected(options.selection, session, database))
    refuse_unsupported(session, database, tables)
    if not options.lock_tables:
        _refuse_unlocked(session, tables)


def _refuse_unlocked(session: Session, tables: t.Sequence[Table]) -> None:
    """Fail if a table that no snapshot covers holds rows.

    :raises ConsistencyError: names all of them.
    """
    found = [table for table in tables if table.has_rows and not table.is_transactional and has_row(session, table)]
    if found:
        raise unlocked(found)
