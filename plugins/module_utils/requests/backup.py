# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a backup out of the options that were given."""

from __future__ import annotations

from ..backup import BackupRequest, Destination
from ..cluster_backup import ClusterBackupRequest
from ..mysql import options as mysql
from ..postgresql import options as postgresql
from ..streams.compression import Compression
from .connection import database_name, mysql_connection, postgresql_connection
from .given import Given
from .options import POSTGRESQL


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
    if given.world != POSTGRESQL:
        return BackupRequest(options=_mysql(given), destination=destination, max_age=max_age, check=check)
    for name in ("exclude_database", "no_role_passwords"):
        given.only_with(name, "all_databases")
    if given.exactly_one("database", "all_databases") == "database":
        return BackupRequest(options=_postgresql(given), destination=destination, max_age=max_age, check=check)
    given.only_with("all_databases", "repository")
    cluster = postgresql.ClusterBackupOptions(
        each=_postgresql(given),
        exclude_databases=given.texts("exclude_database"),
        role_passwords=not given.switch("no_role_passwords"),
    )
    return ClusterBackupRequest(options=cluster, destination=destination, max_age=max_age, check=check)


def _postgresql(given: Given) -> postgresql.BackupOptions:
    return postgresql.BackupOptions(
        connection=postgresql_connection(given),
        database=database_name(given),
        format=given.text("format") or "custom",
        compression=_compression(given),
        archive_version=given.text("archive_version"),
        jobs=given.count("jobs", least=1),
        lock_wait_timeout=given.duration("lock_wait_timeout") or 0,
        inserts=given.switch("inserts"),
        column_inserts=given.switch("column_inserts"),
        rows_per_insert=given.count("rows_per_insert", least=1) if given.has("rows_per_insert") else 0,
        on_conflict_do_nothing=given.switch("on_conflict_do_nothing"),
        clean=given.switch("clean"),
        if_exists=given.switch("if_exists"),
        create=given.switch("create"),
        restrict=not given.switch("no_restrict"),
        restrict_key=given.text("restrict_key"),
    )


def _mysql(given: Given) -> mysql.BackupOptions:
    return mysql.BackupOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        format=given.text("format") or "plain",
        compression=_compression(given),
        jobs=given.count("jobs", least=1),
    )


def _compression(given: Given) -> str:
    text = given.text("compress")
    return str(Compression.parse(text)) if text else ""
