# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a restore out of the options that were given."""

from __future__ import annotations

from ..cluster_restore import ClusterRestoreRequest
from ..mysql import options as mysql
from ..postgresql import options as postgresql
from ..restore import Origin, RestoreRequest
from .connection import database_name, mysql_connection, postgresql_connection
from .given import Given
from .options import POSTGRESQL


def restore_request(given: Given, *, check: bool) -> RestoreRequest | ClusterRestoreRequest:
    """What to restore, into which database (or all of a set), and whether to do it at all.

    :param check: only verify the artifact and find out what would be done.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository", "source")
    for name in ("cluster", "source_database"):
        given.only_with(name, "repository")
    if given.text("backup") != "latest":
        given.only_with("backup", "repository")
    given.at_most_one("create", "clean", "force")
    origin = Origin(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        database=given.text("source_database"),
        backup=given.text("backup"),
        source=given.text("source"),
    )
    if given.world != POSTGRESQL:
        return RestoreRequest(options=_mysql(given), origin=origin, check=check)
    what = given.exactly_one("database", "all_databases", "globals_only")
    if what == "database":
        return RestoreRequest(options=_postgresql(given), origin=origin, check=check)
    for name in ("source_database", "create", "clean"):
        given.only_with(name, "database")
    if what == "all_databases":
        given.only_with("all_databases", "repository")
    return ClusterRestoreRequest(
        options=_postgresql(given), origin=origin, globals_only=what == "globals_only", check=check
    )


def _postgresql(given: Given) -> postgresql.RestoreOptions:
    return postgresql.RestoreOptions(
        connection=postgresql_connection(given),
        database=database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
    )


def _mysql(given: Given) -> mysql.RestoreOptions:
    return mysql.RestoreOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
    )
