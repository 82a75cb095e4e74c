# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a restore out of the options that were given."""

from __future__ import annotations

import typing as t

from ..restore import Origin, RestoreOptions, RestoreRequest
from ..tools.engine import NATIVE
from .access import access_of
from .engine import engine_of, one_database_only
from .given import Given
from .option import POSTGRESQL

if t.TYPE_CHECKING:
    from ..cluster_restore import ClusterRestoreRequest
    from ..cluster_script import ClusterScriptRequest
    from ..restore_script import RestoreScriptRequest

# What only a script can say.
_SCRIPT = ("if_exists", "no_restrict", "restrict_key", "superuser", "use_set_session_authorization")


Request = t.Union[RestoreRequest, "ClusterRestoreRequest", "ClusterScriptRequest", "RestoreScriptRequest"]

# Each kind of restore imports what it needs itself: importing everything would take longer than many a job.


def restore_request(given: Given, *, check: bool) -> Request:
    """What to restore, into which database (or all of a set, or as which script), and whether to do it at all.

    :param check: only verify the artifact and find out what would be done.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository", "source")
    given.only_with("cluster", "repository")
    if given.text("backup") != "latest":
        given.only_with("backup", "repository")
    origin = Origin(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        database=given.text("source_database"),
        backup=given.text("backup"),
        source=given.text("source"),
        access=access_of(given),
    )
    script = ("file",) if given.world == POSTGRESQL else ()
    what = given.exactly_one("database", "all_databases", "globals_only", *script)
    if what != "database" and given.text("engine") != NATIVE:
        raise one_database_only(given)
    if what == "file":
        given.only_with("source_database", "repository")
        return _to_script(given, origin, check=check)
    given.at_most_one("create", "clean", "force")
    for name in _SCRIPT:
        given.only_with(name, "file")
    into = _options(given)
    if what == "database":
        return RestoreRequest(options=into, origin=origin, check=check, engine=engine_of(given))
    for name in ("source_database", "create", "clean", "resume", "create_roles"):
        given.only_with(name, "database")
    if what == "all_databases" and given.world == POSTGRESQL and not given.has("repository"):
        return _cluster_script(given, origin, check=check)
    from ..cluster_restore import ClusterRestoreRequest

    return ClusterRestoreRequest(options=into, origin=origin, globals_only=what == "globals_only", check=check)


def _options(given: Given) -> RestoreOptions:
    if given.world == POSTGRESQL:
        from .postgresql_restore import postgresql_restore

        return postgresql_restore(given)
    from .mysql_restore import mysql_restore

    return mysql_restore(given)


def _to_script(given: Given, origin: Origin, *, check: bool) -> RestoreScriptRequest:
    from ..restore_script import RestoreScriptRequest
    from .postgresql_restore_script import restore_to_script_options

    options = restore_to_script_options(given)
    return RestoreScriptRequest(options=options, origin=origin, file=given.text("file"), check=check)


def _cluster_script(given: Given, origin: Origin, *, check: bool) -> ClusterScriptRequest:
    from ..cluster_script import ClusterScriptRequest
    from .connection import postgresql_connection

    return ClusterScriptRequest(
        connection=postgresql_connection(given),
        source=origin.source,
        force=given.switch("force"),
        check=check,
        access=origin.access,
    )
