# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up a whole server: its globals, and which databases it has."""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import ConsistencyError, UsageError
from ...interfaces import ArtifactWriter, BackupPlan, BackupSource, ClusterPlan
from ...progress import Progress
from ...repository.records import BackupContents, ServerIdentity
from ..connection import connect
from ..dump import PostgresqlBackupSource
from ..form import deciding_options
from ..options import ClusterBackupOptions
from ..pooler import refuse_transaction_pooler
from ..selection.pattern import name_regexp
from ..session import Session
from ..snapshot import server_identity
from ..text import to_bytes
from .globals_script import Globals, read_globals

GLOBALS_ARTIFACT = "globals.sql"

_DATABASES = """
    SELECT datname, datallowconn, datconnlimit, {excluded}
    FROM pg_catalog.pg_database
    WHERE datname <> 'template0'
    ORDER BY datname <> 'template1', datname
"""
_INVALID = "-2"


class PostgresqlClusterSource:
    """A PostgreSQL server that can be backed up whole (a :class:`ClusterSource`).

    :raises UsageError: the options ask for what does not exist.
    """

    def __init__(self, options: ClusterBackupOptions) -> None:
        if options.each.format == "plain":
            raise UsageError(
                "a set is not written in the format plain, which does not hold the databases' own properties",
                hint="use the format custom, directory or tar",
            )
        self._options = options
        self._regexps = [name_regexp(pattern) for pattern in options.exclude_databases]
        # What is wrong with the options of each database shall be known before anything is done.
        self.database("postgres").close()
        self._read: tuple[ServerIdentity, Globals] | None = None

    def plan(self) -> ClusterPlan:
        """Connect to the maintenance database, read the globals and the list of databases."""
        session = _connected(self._options)
        try:
            first = read_globals(session, passwords=self._options.role_passwords)
            server = server_identity(session)
            databases = self._databases(session)
        finally:
            # A session that is idle as long as a backup takes may not live to its end.
            session.close()
        self._read = server, first
        return self._plan(server, databases)

    def _plan(self, server: ServerIdentity, found: list[tuple[str, ...]]) -> ClusterPlan:
        databases: list[str] = []
        left_out: list[str] = []
        for name, allows, limit, excluded in found:
            if excluded == "t":
                continue
            if limit == _INVALID:
                left_out.append(f"database {name!r} is left out: a DROP DATABASE of it was interrupted, it is invalid")
            elif allows != "t":
                left_out.append(f"database {name!r} is left out: it allows no connections")
            else:
                databases.append(name)
        deciding = deciding_options(self._options.each)
        return ClusterPlan(server, tuple(databases), tuple(left_out), options=deciding)

    def database(self, name: str) -> BackupSource:
        return PostgresqlBackupSource(dataclasses.replace(self._options.each, database=name))

    def globals(self) -> BackupSource:
        if self._read is None:
            raise ConsistencyError("the globals were not read before the databases")
        server, first = self._read
        return _GlobalsSource(server, first, self._options)

    def close(self) -> None:
        """There is no connection between the calls."""

    def _databases(self, session: Session) -> list[tuple[str, ...]]:
        collation = " COLLATE pg_catalog.default" if session.version >= 120000 else ""
        tests = [f"datname OPERATOR(pg_catalog.~) ${n}{collation}" for n in range(1, len(self._regexps) + 1)]
        return session.rows(_DATABASES.format(excluded=" OR ".join(tests) or "false"), self._regexps)


class _GlobalsSource:
    """The globals as a backup of their own (a :class:`BackupSource`).

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
            estimated_bytes=len(to_bytes(self._first.script())),
            tables=(),
            objects=self._first.counts(),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Read the globals again and write them.

        :raises ConsistencyError: a role or tablespace went away since they were read first.
        """
        progress.phase("reading globals")
        session = _connected(self._options)
        try:
            found = read_globals(session, passwords=self._options.role_passwords)
        finally:
            session.close()
        self._compare(found, progress)
        for warning in found.warnings:
            progress.warn(warning)
        file = writer.create(GLOBALS_ARTIFACT)
        try:
            file.write(to_bytes(found.script()))
            file.close()
        except BaseException:
            file.abort()
            raise
        moment: dict[str, t.Any] = {"lsn": found.snapshot.lsn}
        if found.snapshot.timeline:
            moment["timeline"] = found.snapshot.timeline
        return BackupContents(
            format="plain",
            artifact=GLOBALS_ARTIFACT,
            compression="none",
            snapshot=moment,
            tables=(),
            objects=found.counts(),
            options={
                "exclude_database": list(self._options.exclude_databases),
                "no_role_passwords": not self._options.role_passwords,
            },
        )

    def close(self) -> None:
        """There is no connection between the calls."""

    def _compare(self, found: Globals, progress: Progress) -> None:
        """What was added or altered while the databases were read does no harm; what is gone may be missed."""
        gone = [
            f"{kind} {name!r}"
            for kind in ("role", "tablespace")
            for name in sorted(self._first.names(kind) - found.names(kind))
        ]
        if gone:
            raise ConsistencyError(
                f"while the databases were read, these went away, and some of the backups may need them: "
                f"{', '.join(gone)}",
                hint="run the backup again when no one drops or renames roles and tablespaces",
                objects=gone,
            )
        if found.sections != self._first.sections:
            progress.message("roles or tablespaces were altered while the databases were read; the later state is kept")


def _connected(options: ClusterBackupOptions) -> Session:
    connection = options.each.connection
    session = connect(connection, database=connection.maintenance_database)
    refuse_transaction_pooler(session, connection)
    return session
