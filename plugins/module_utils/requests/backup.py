# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a backup out of the options that were given."""

from __future__ import annotations

import typing as t

from ..backup import BackupRequest, Destination
from ..tools.engine import NATIVE
from .access import access_of, encryption_of
from .engine import engine_of, one_database_only
from .given import Given
from .option import POSTGRESQL

if t.TYPE_CHECKING:
    from ..cluster_backup import ClusterBackupRequest
    from ..mysql.options import BackupOptions as MysqlBackupOptions
    from ..postgresql.options import BackupOptions as PostgresqlBackupOptions

# What a script of several databases does not hold.
_ACCOUNTS = ("system", "no_system", "include_user", "exclude_user")


def backup_request(given: Given, *, check: bool) -> BackupRequest | ClusterBackupRequest:
    """What to back up (one database or all of them), where to, and whether to do it at all.

    :param check: only find out what would be done.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository", "dest")
    for name in ("cluster", "copy_to"):
        given.only_with(name, "repository")
    destination = Destination(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        dest=given.text("dest"),
        copy_to=given.text("copy_to"),
        encryption=encryption_of(given),
        sign_key=given.text("sign_key"),
        access=access_of(given),
    )
    max_age = given.duration("max_age")
    for name in ("exclude_database", "no_role_passwords"):
        given.only_with(name, "all_databases")
    what = given.exactly_one("database", "all_databases", *(() if given.world == POSTGRESQL else ("databases",)))
    # Imported there: a backup needs nothing of the other database system, and one of a single database no others.
    if given.world == POSTGRESQL:
        from .postgresql_backup import postgresql_backup

        each: PostgresqlBackupOptions | MysqlBackupOptions = postgresql_backup(given)
    else:
        from .mysql_backup import mysql_backup

        each = mysql_backup(given)
    if what == "database":
        engine = engine_of(given)
        return BackupRequest(options=each, destination=destination, max_age=max_age, check=check, engine=engine)
    if given.text("engine") != NATIVE:
        raise one_database_only(given)
    if given.world != POSTGRESQL and given.has("dest"):
        from .mysql_backup import mysql_cluster_backup

        for name in _ACCOUNTS:
            given.only_with(name, "repository")
        several = mysql_cluster_backup(given, t.cast("MysqlBackupOptions", each))
        return BackupRequest(options=several, destination=destination, max_age=max_age, check=check)
    given.only_with(what, "repository")
    return _of_all(given, each, destination, max_age, check=check)


def _of_all(
    given: Given,
    each: PostgresqlBackupOptions | MysqlBackupOptions,
    destination: Destination,
    max_age: float | None,
    *,
    check: bool,
) -> ClusterBackupRequest:
    from ..cluster_backup import ClusterBackupRequest

    if given.world != POSTGRESQL:
        from .mysql_backup import mysql_cluster_backup

        of_mysql = mysql_cluster_backup(given, t.cast("MysqlBackupOptions", each))
        return ClusterBackupRequest(options=of_mysql, destination=destination, max_age=max_age, check=check)
    from ..postgresql.options import ClusterBackupOptions

    of_postgresql = ClusterBackupOptions(
        each=t.cast("PostgresqlBackupOptions", each),
        exclude_databases=given.texts("exclude_database"),
        role_passwords=not given.switch("no_role_passwords"),
    )
    return ClusterBackupRequest(options=of_postgresql, destination=destination, max_age=max_age, check=check)
