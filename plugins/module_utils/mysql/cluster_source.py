# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up a whole server, or several of its databases, with its accounts."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import ConsistencyError
from ..interfaces import ArtifactWriter, BackupPlan, BackupSource, ClusterPlan
from ..progress import Progress
from ..repository.records import BackupContents, ServerIdentity
from .connection import connect
from .dump import MysqlBackupSource
from .globals_script import Globals, read_globals
from .options import ClusterBackupOptions, ConnectionOptions, GlobalsOptions
from .selection import Selected
from .server_databases import chosen_databases
from .server_identity import server_identity
from .shared_snapshot import SharedSnapshot

GLOBALS_ARTIFACT = "globals.sql"


class MysqlClusterSource:
    """A MySQL or MariaDB server that can be backed up whole (a :class:`..interfaces.ClusterSource`).

    With one job all databases are read in one snapshot; several processes have one for each database.
    """

    def __init__(self, options: ClusterBackupOptions) -> None:
        self._options = options
        self._read: tuple[ServerIdentity, Globals] | None = None
        self._shared: SharedSnapshot | None = None
        # What is wrong with the options of each database shall be known before anything is done.
        self.database("mysql").close()

    def plan(self) -> ClusterPlan:
        """Connect, read the accounts and the list of databases."""
        session = connect(self._options.each.connection)
        try:
            self._read = server_identity(session), read_globals(session, self._options.globals)
            databases = chosen_databases(session, self._options)
        finally:
            session.close()
        one_snapshot = self._options.each.jobs == 1
        if one_snapshot and databases:
            self._shared = SharedSnapshot(self._options.each, databases)
        return ClusterPlan(
            self._read[0],
            databases,
            (),
            consistency="server" if one_snapshot else "database",
            options=Selected(self._options.each.selection, "").deciding_options(),
            globals_options=_recorded(self._options.globals),
        )

    def database(self, name: str) -> BackupSource:
        return MysqlBackupSource(dataclasses.replace(self._options.each, database=name), self._shared)

    def globals(self) -> BackupSource:
        if self._read is None:
            raise ConsistencyError("the accounts were not read before the databases")
        server, first = self._read
        return _GlobalsSource(server, first, self._options)

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()
            self._shared = None


class _GlobalsSource:
    """The accounts as a backup of their own (a :class:`..interfaces.BackupSource`).

    :param first: as they were before the databases were read.
    """

    def __init__(self, server: ServerIdentity, first: Globals, options: ClusterBackupOptions) -> None:
        self._server = server
        self._first = first
        self._options = options

    def plan(self) -> BackupPlan:
        return BackupPlan(
            server=self._server,
            database="",
            artifact=GLOBALS_ARTIFACT,
            format="plain",
            compression="none",
            estimated_bytes=sum(len(one) for part in self._first.sections() for one in part.statements),
            tables=(),
            objects=self._first.counts(),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Read the accounts again and write them.

        :raises ConsistencyError: one went away since they were read first.
        """
        progress.phase("reading accounts")
        session = connect(self._options.each.connection)
        try:
            found = read_globals(session, self._options.globals)
            script = found.script(session)
            taken_at = session.scalar("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')") or ""
        finally:
            session.close()
        gone = sorted({one.name for one in self._first.accounts} - {one.name for one in found.accounts})
        if gone:
            raise ConsistencyError(
                f"while the databases were read, these accounts went away, and some of the backups may need them: "
                f"{', '.join(gone)}",
                hint="run the backup again when no one drops or renames accounts",
                objects=gone,
            )
        file = writer.create(GLOBALS_ARTIFACT)
        try:
            file.write(script)
            file.close()
        except BaseException:
            file.abort()
            raise
        return BackupContents(
            format="plain",
            artifact=GLOBALS_ARTIFACT,
            compression="none",
            snapshot={"taken_at": taken_at},
            tables=(),
            objects=found.counts(),
            options={
                **_recorded(self._options.globals),
                "databases": list(self._options.databases),
                "exclude_database": list(self._options.exclude_databases),
            },
        )

    def close(self) -> None:
        """There is no connection between the calls."""


def _recorded(options: GlobalsOptions) -> dict[str, t.Any]:
    """What the manifest of globals says of them."""
    return {name: list(value) for name, value in dataclasses.asdict(options).items()}


def server_of(options: ConnectionOptions) -> ServerIdentity:
    """Which server it is."""
    session = connect(options)
    try:
        return server_identity(session)
    finally:
        session.close()


def existing_databases(options: ConnectionOptions, names: t.Sequence[str]) -> tuple[str, ...]:
    """Those of the databases that a server has."""
    session = connect(options)
    try:
        there = {(name or "") for (name,) in session.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
        if session.variables.get("lower_case_table_names", "0") != "0":
            lower = {name.lower() for name in there}
            return tuple(name for name in names if name.lower() in lower)
        return tuple(name for name in names if name in there)
    finally:
        session.close()
