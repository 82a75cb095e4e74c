# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Walking a backup to its end without a server: archives and scripts, rows and digests, globals."""

from __future__ import annotations

from .interfaces import RestoreTarget
from .progress import Progress
from .repository.artifact import StoredArtifact
from .repository.layout import GLOBALS, PHYSICAL
from .repository.records import Manifest

POSTGRESQL = "postgresql"


def verify_structure(
    artifact: StoredArtifact, manifest: Manifest | None, progress: Progress, *, dbms: str = ""
) -> None:
    """Read all of a backup as a restore reads it, and compare rows and digests with the manifest, where there is one.

    :param dbms: of a backup without a manifest; PostgreSQL's by default.
    :raises CorruptArtifactError: it is not whole.
    """
    dbms = manifest.server.dbms if manifest is not None else dbms or POSTGRESQL
    if manifest is not None and manifest.kind == GLOBALS:
        _verify_globals(artifact, dbms)
        return
    if dbms == POSTGRESQL and (manifest is None or manifest.kind == PHYSICAL):
        from .postgresql.replication.backup_verify import is_base_backup, verify_base_backup

        if manifest is not None or is_base_backup(artifact):
            verify_base_backup(artifact, progress)
            return
    for database in _parts(dbms, manifest):
        target = _target(dbms, database or (manifest.database if manifest is not None else ""), part=database)
        try:
            target.verify(artifact, manifest, progress)
        finally:
            target.close()


def _parts(dbms: str, manifest: Manifest | None) -> tuple[str, ...]:
    """The databases that a backup of several is made of, each to be read for itself."""
    if manifest is None or dbms == POSTGRESQL:
        return ("",)
    from .mysql.database_part import databases_of

    return databases_of(manifest) or ("",)


def _target(dbms: str, database: str, *, part: str) -> RestoreTarget:
    """A target that is never connected to.

    :param part: the database to read of a backup of several.
    """
    if dbms == POSTGRESQL:
        from .postgresql.options import ConnectionOptions, RestoreOptions
        from .postgresql.restore import PostgresqlRestoreTarget

        return PostgresqlRestoreTarget(RestoreOptions(ConnectionOptions(), database))
    from .mysql.load import MysqlRestoreTarget
    from .mysql.options import ConnectionOptions as MysqlConnectionOptions
    from .mysql.options import RestoreOptions as MysqlRestoreOptions

    return MysqlRestoreTarget(MysqlRestoreOptions(MysqlConnectionOptions(), database, source_database=part))


def _verify_globals(artifact: StoredArtifact, dbms: str) -> None:
    if dbms == POSTGRESQL:
        from .postgresql.cluster.globals_restore import GlobalsRestore
        from .postgresql.options import ConnectionOptions, GlobalsRestoreOptions

        GlobalsRestore(GlobalsRestoreOptions(ConnectionOptions())).verify(artifact)
        return
    from .mysql.globals_restore import MysqlGlobalsRestore
    from .mysql.options import ConnectionOptions as MysqlConnectionOptions
    from .mysql.options import GlobalsRestoreOptions as MysqlGlobalsRestoreOptions

    MysqlGlobalsRestore(MysqlGlobalsRestoreOptions(MysqlConnectionOptions())).verify(artifact)
