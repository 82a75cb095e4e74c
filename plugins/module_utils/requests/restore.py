# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a restore out of the options that were given."""

from __future__ import annotations

from ..cluster_restore import ClusterRestoreRequest
from ..restore import Origin, RestoreRequest
from .given import Given
from .mysql_restore import mysql_restore
from .option import POSTGRESQL
from .postgresql_restore import postgresql_restore


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
        return RestoreRequest(options=mysql_restore(given), origin=origin, check=check)
    what = given.exactly_one("database", "all_databases", "globals_only")
    if what == "database":
        return RestoreRequest(options=postgresql_restore(given), origin=origin, check=check)
    for name in ("source_database", "create", "clean"):
        given.only_with(name, "database")
    if what == "all_databases":
        given.only_with("all_databases", "repository")
    return ClusterRestoreRequest(
        options=postgresql_restore(given), origin=origin, globals_only=what == "globals_only", check=check
    )
