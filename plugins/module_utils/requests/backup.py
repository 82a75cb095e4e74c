# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a backup out of the options that were given."""

from __future__ import annotations

import typing as t

from ..backup import BackupRequest, Destination
from ..mysql.options import BackupOptions as MysqlBackupOptions
from ..mysql.options import ClusterBackupOptions as MysqlClusterBackupOptions
from ..postgresql.options import ClusterBackupOptions as PostgresqlClusterBackupOptions
from .given import Given
from .mysql_backup import mysql_backup, mysql_cluster_backup
from .option import POSTGRESQL
from .postgresql_backup import postgresql_backup

if t.TYPE_CHECKING:
    from ..cluster_backup import ClusterBackupRequest


def backup_request(given: Given, *, check: bool) -> BackupRequest | ClusterBackupRequest:
    """What to back up (one database or all of them), where to, and whether to do it at all.

    :param check: only find out what would be done.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository", "dest")
    given.only_with("cluster", "repository")
    destination = Destination(
        repository=given.text("repository"), cluster=given.text("cluster"), dest=given.text("dest")
    )
    max_age = given.duration("max_age")
    for name in ("exclude_database", "no_role_passwords"):
        given.only_with(name, "all_databases")
    what = given.exactly_one("database", "all_databases", *(() if given.world == POSTGRESQL else ("databases",)))
    each = postgresql_backup(given) if given.world == POSTGRESQL else mysql_backup(given)
    if what == "database":
        return BackupRequest(options=each, destination=destination, max_age=max_age, check=check)
    # Imported here, as a backup of one database needs none of it.
    from ..cluster_backup import ClusterBackupRequest

    given.only_with(what, "repository")
    cluster: PostgresqlClusterBackupOptions | MysqlClusterBackupOptions
    if isinstance(each, MysqlBackupOptions):
        cluster = mysql_cluster_backup(given, each)
    else:
        cluster = PostgresqlClusterBackupOptions(
            each=each,
            exclude_databases=given.texts("exclude_database"),
            role_passwords=not given.switch("no_role_passwords"),
        )
    return ClusterBackupRequest(options=cluster, destination=destination, max_age=max_age, check=check)
