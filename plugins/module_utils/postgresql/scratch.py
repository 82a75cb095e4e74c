# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A database that a backup is restored into to be looked at, and dropped again."""

from __future__ import annotations

import contextlib
import typing as t

from ..interfaces import ArtifactReader
from ..progress import Progress
from .archive.reader import open_archive
from .archive_needs import archive_needs
from .connection import connect
from .dump import PostgresqlBackupSource
from .options import BackupOptions, ConnectionOptions
from .quoting import identifier, literal
from .restore_order import restore_order
from .script_source import is_script
from .script_verify import verify_script

# Kinds of which a restore without owners, privileges and subscriptions makes none, or other ones.
_NOT_COMPARED = frozenset(
    ("acl", "default acl", "subscription", "subscription table", "database", "database properties")
)
# An index of a partitioned table may be invalid by design: where it was made for the table ONLY.
_INVALID_INDEXES = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'i' AND NOT (i.indisvalid AND i.indisready) ORDER BY 1
"""


class PostgresqlScratch:
    """A scratch database of a server.

    :param name: made by the restore.
    """

    def __init__(self, connection: ConnectionOptions, name: str) -> None:
        self._connection = connection
        self._name = name

    def is_true(self, query: str) -> bool:
        """Whether a query gives one row with one true value. It runs in a read-only transaction.

        :raises QueryError: the server refuses it.
        """
        session = connect(self._connection, database=self._name)
        try:
            session.execute("BEGIN READ ONLY")
            rows = session.query(query)
        finally:
            session.close()
        return len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] not in (None, "f", "0", "")

    def objects(self) -> t.Mapping[str, int]:
        """How many objects of each kind a backup of the database would hold."""
        source = PostgresqlBackupSource(BackupOptions(self._connection, self._name))
        try:
            return source.plan().objects
        finally:
            source.close()

    def compared_kinds(self, kinds: t.Iterable[str]) -> t.Iterator[str]:
        """The kinds of objects whose number must be that of the backup."""
        return (kind for kind in kinds if kind.lower() not in _NOT_COMPARED)

    def broken(self) -> t.Sequence[str]:
        """Indexes that are not valid. Foreign keys hold, since the server checks each when it is made."""
        session = connect(self._connection, database=self._name)
        try:
            return [f"the index {name} is invalid" for (name,) in session.rows(_INVALID_INDEXES)]
        finally:
            session.close()

    def drop(self) -> None:
        """Drop the database if it is there."""
        session = connect(self._connection, database=self._connection.maintenance_database)
        try:
            session.query(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                f"WHERE datname = {literal(self._name)}"
            )
            session.execute(f"DROP DATABASE IF EXISTS {identifier(self._name)}")
        finally:
            session.close()


def make_roles(connection: ConnectionOptions, artifact: ArtifactReader) -> None:
    """Make the roles that a backup names, none of which can log in, on a server that is there for the drill alone.

    :raises CorruptArtifactError: the artifact cannot be read.
    """
    session = connect(connection, database=connection.maintenance_database)
    try:
        there = {name for (name,) in session.rows("SELECT rolname FROM pg_catalog.pg_roles")}
        for role in sorted(_roles(artifact) - there):
            session.execute(f"CREATE ROLE {identifier(role)}")
    finally:
        session.close()


def _roles(artifact: ArtifactReader) -> frozenset[str]:
    if is_script(artifact):
        return verify_script(artifact, None, Progress()).needs.roles
    with contextlib.closing(open_archive(artifact)) as archive:
        return archive_needs(restore_order(archive.entries), create=True).roles
