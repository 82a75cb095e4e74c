# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a verification, out of the options that were given."""

from __future__ import annotations

from ..drill import Drill
from ..errors import UsageError
from ..mysql.options import RestoreOptions as MysqlRestoreOptions
from ..postgresql.options import RestoreOptions
from ..postgresql.restore_selection import RestoreSelection
from ..restore import Origin
from ..verify import RESTORE, VerifyRequest
from .access import access_of
from .connection import mysql_connection, postgresql_connection
from .given import Given
from .option import POSTGRESQL
from .options_connection import CONNECTION

_OWN_SERVER = ("server_programs", "scratch_folder")
_DRILL = ("queries", "no_owner", "no_privileges", "own_server", *_OWN_SERVER)


def verify_request(given: Given, *, check: bool) -> VerifyRequest:
    """Which backups to verify, and how.

    :raises UsageError: the options contradict each other.
    """
    place = given.exactly_one("repository", "source")
    for name in ("cluster", "database"):
        given.only_with(name, "repository")
    if place == "source" and given.text("backup") != "latest":
        raise UsageError(f"{given.spelled('backup')} chooses a backup of a repository, and a source is one backup")
    level = given.text("level")
    if level != RESTORE:
        for name in (*_DRILL, *_connection(given)):
            if given.has(name):
                raise UsageError(
                    f"{given.spelled(name)} means something only to a restore drill",
                    hint=f"give {given.spelled('level')} restore",
                )
    return VerifyRequest(
        origin=Origin(
            repository=given.text("repository"),
            cluster=given.text("cluster"),
            database=given.text("database"),
            backup=given.text("backup"),
            source=given.text("source"),
            access=access_of(given),
        ),
        level=level,
        dbms=given.world,
        drill=_drill(given) if level == RESTORE else None,
        record=not given.switch("no_record"),
        check=check,
    )


def _drill(given: Given) -> Drill:
    jobs, queries = given.count("jobs", least=1), given.texts("queries")
    for name in _OWN_SERVER:
        given.only_with(name, "own_server")
    if given.switch("own_server"):
        for name in ("no_owner", "no_privileges", *_connection(given)):
            if given.has(name):
                raise UsageError(f"{given.spelled('own_server')} and {given.spelled(name)} exclude each other")
        programs, folder = given.text("server_programs"), given.text("scratch_folder")
        return Drill(None, queries, jobs, server_programs=programs, scratch_folder=folder)
    if not given.world:
        raise UsageError(
            "a restore drill needs a server",
            hint=f"give its kind (dbms) and how to reach it, or {given.spelled('own_server')}",
        )
    if given.world == POSTGRESQL:
        selection = RestoreSelection(no_owner=given.switch("no_owner"), no_privileges=given.switch("no_privileges"))
        return Drill(RestoreOptions(postgresql_connection(given), "", jobs=jobs, selection=selection), queries)
    for name in ("no_owner", "no_privileges"):
        if given.has(name):
            raise UsageError(f"{given.spelled(name)} is an option for postgresql and means nothing to mysql")
    return Drill(MysqlRestoreOptions(mysql_connection(given), "", jobs=jobs), queries)


def _connection(given: Given) -> list[str]:
    """The options that were given to reach a server."""
    return [option.name for option in CONNECTION if option.default is None]
