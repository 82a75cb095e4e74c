# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a restore out of the options that were given."""

from __future__ import annotations

import typing as t

from ..cluster_restore import ClusterRestoreRequest
from ..cluster_script import ClusterScriptRequest
from ..restore import Origin, RestoreRequest
from ..restore_script import RestoreScriptRequest
from .connection import postgresql_connection
from .given import Given
from .mysql_restore import mysql_restore
from .option import POSTGRESQL
from .postgresql_restore import postgresql_restore
from .postgresql_restore_script import restore_to_script_options

# What only a script can say.
_SCRIPT = ("if_exists", "no_restrict", "restrict_key", "superuser", "use_set_session_authorization")


Request = t.Union[RestoreRequest, ClusterRestoreRequest, ClusterScriptRequest, RestoreScriptRequest]


def restore_request(given: Given, *, check: bool) -> Request:
    """What to restore, into which database (or all of a set, or as which script), and whether to do it at all.

    :param check: only verify the artifact and find out what would be done.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository", "source")
    for name in ("cluster", "source_database"):
        given.only_with(name, "repository")
    if given.text("backup") != "latest":
        given.only_with("backup", "repository")
    origin = Origin(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        database=given.text("source_database"),
        backup=given.text("backup"),
        source=given.text("source"),
    )
    script = ("file",) if given.world == POSTGRESQL else ()
    what = given.exactly_one("database", "all_databases", "globals_only", *script)
    if what == "file":
        options = restore_to_script_options(given)
        return RestoreScriptRequest(options=options, origin=origin, file=given.text("file"), check=check)
    given.at_most_one("create", "clean", "force")
    for name in _SCRIPT:
        given.only_with(name, "file")
    into = postgresql_restore(given) if given.world == POSTGRESQL else mysql_restore(given)
    if what == "database":
        return RestoreRequest(options=into, origin=origin, check=check)
    for name in ("source_database", "create", "clean", "resume"):
        given.only_with(name, "database")
    if what == "all_databases" and given.world == POSTGRESQL and not given.has("repository"):
        return ClusterScriptRequest(
            connection=postgresql_connection(given), source=origin.source, force=given.switch("force"), check=check
        )
    if what == "all_databases":
        given.only_with("all_databases", "repository")
    return ClusterRestoreRequest(options=into, origin=origin, globals_only=what == "globals_only", check=check)
