# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for going back to a moment out of the options that were given."""

from __future__ import annotations

from ..mysql.binlog.applier_names import AUTO
from ..mysql.binlog.target import Target, parse_moment, parse_position
from ..mysql.load_options import LoadOptions
from ..mysql.options import RestoreChanges, RestoreOptions
from ..point_in_time import PointInTimeRequest
from .access import access_of
from .applier_source import applier_source
from .connection import database_name, mysql_connection
from .given import Given
from .state_folder import state_folder

_TARGETS = ("target_time", "target_gtid", "target_position", "before_transaction", "target_latest")


def point_in_time_request(given: Given, *, check: bool) -> PointInTimeRequest:
    """Which database of a repository to bring back, to which moment, and to which server.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one(*_TARGETS)
    given.at_most_one("create", "clean", "force")
    whole = given.exactly_one("database", "all_databases") == "all_databases"
    for name in ("source_database", "create", "clean", "force"):
        given.only_with(name, "database")
    folder = state_folder(given)
    keep_gtids = given.text("gtid") == "set"
    # What the restore of a single database records of itself.
    resumes = bool(folder) and not whole and not given.switch("clean") and not given.switch("force")
    options = RestoreOptions(
        connection=mysql_connection(given),
        database="" if whole else database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
        changes=RestoreChanges(set_gtid=keep_gtids),
        load=LoadOptions(
            skip_binlog=given.switch("skip_binlog"), resume=resumes, state_folder=folder if resumes else ""
        ),
    )
    return PointInTimeRequest(
        options=options,
        repository=_required(given, "repository"),
        target=_target(given),
        cluster=given.text("cluster"),
        database="" if whole else given.text("source_database") or options.database,
        backup=given.text("backup"),
        keep_gtids=keep_gtids,
        applier=given.text("applier") or AUTO,
        source=applier_source(given),
        check=check,
        state_folder=folder,
        access=access_of(given),
    )


def _required(given: Given, name: str) -> str:
    given.exactly_one(name)
    return given.text(name)


def _target(given: Given) -> Target:
    return Target(
        time=parse_moment(given.text("target_time")) if given.has("target_time") else None,
        gtid=given.text("target_gtid"),
        position=parse_position(given.text("target_position")) if given.has("target_position") else None,
        before=given.text("before_transaction"),
        latest=given.switch("target_latest"),
    )
