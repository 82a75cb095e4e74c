# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The requests of the module for binlogs, out of its parameters: its state says which job is meant."""

from __future__ import annotations

import typing as t

from ..binlog_prune import PruneBinlogsRequest
from ..errors import NotFoundError, UsageError
from ..mysql.binlog.archive import ArchiveRequest
from ..mysql.binlog.binlog_file import BinlogFile
from ..mysql.binlog.coverage import newest_binlogs
from ..mysql.binlog.flashback_job import APPLY, CHECK, FlashbackRequest
from ..mysql.binlog.listing import TransactionFilter
from ..mysql.binlog.target import parse_moment
from ..point_in_time import PointInTimeRequest
from ..repository.repository import Repository
from .access import access_of
from .binlog import archive_request
from .binlog_prune import prune_binlogs_request
from .connection import mysql_connection
from .given import Given
from .option import ARCHIVE, DBMS, MYSQL, PRUNE_BINLOGS, REWIND
from .options import argument_spec_of_binlogs, options_of
from .options_binlog import BINLOG_STATES
from .point_in_time import point_in_time_request

Request = t.Union[ArchiveRequest, PointInTimeRequest, PruneBinlogsRequest, FlashbackRequest]


def binlog_pitr_request(params: t.Mapping[str, t.Any], *, check: bool) -> Request:
    """What the module is to do.

    :param params: by the module's names, with their defaults.
    :raises UsageError: an option means nothing to the state, options contradict each other or a value is not valid.
    """
    state = str(params["state"])
    job = BINLOG_STATES[state]
    if DBMS.get(params.get("dbms") or MYSQL) != MYSQL:
        raise UsageError("PostgreSQL has no binlogs", hint="this module is for MySQL and MariaDB")
    known = options_of(job, MYSQL)
    for name, argument in argument_spec_of_binlogs().items():
        given = params.get(name)
        if (
            name not in known
            and name not in ("state", "dbms")
            and given is not None
            and given != argument.get("default")
        ):
            raise UsageError(f"{name} means nothing to the state {state}", hint="leave it out, or take another state")
    given = Given(job, MYSQL, {name: params.get(name) for name in known})
    if job == ARCHIVE:
        return archive_request(given, check=check)
    if job == REWIND:
        return point_in_time_request(given, check=check)
    if job == PRUNE_BINLOGS:
        return prune_binlogs_request(given, check=check)
    return _flashback_request(given, check=check)


def _flashback_request(given: Given, *, check: bool) -> FlashbackRequest:
    given.exactly_one("archive_folder", "repository")
    given.only_with("cluster", "repository")
    start = _moment(given, "start_datetime")
    chosen = ("start_datetime", "stop_datetime", "include_gtids", "databases", "tables")
    if not any(given.has(name) for name in chosen):
        raise UsageError("nothing says what is to be undone", hint=f"give one of {', '.join(chosen)}")
    return FlashbackRequest(
        connection=mysql_connection(given),
        paths=_binlogs(given, start),
        wanted=TransactionFilter(
            start=start,
            stop=_moment(given, "stop_datetime"),
            include_gtids=given.text("include_gtids"),
            exclude_gtids=given.text("exclude_gtids"),
            databases=given.texts("databases"),
            tables=given.texts("tables"),
            verbs=tuple(verb.upper() for verb in given.texts("verbs")),
        ),
        mode=CHECK if check else APPLY,
        fire_triggers=given.switch("fire_triggers"),
        ignore_cascades=given.switch("ignore_cascades"),
    )


def _binlogs(given: Given, start: int | None) -> tuple[BinlogFile, ...]:
    """The archived binlogs up to the present, from a moment on."""
    if given.has("archive_folder"):
        return (given.text("archive_folder"),)
    access = access_of(given)
    repository = Repository(given.text("repository"), access)
    repository.require()
    if not given.has("cluster"):
        raise UsageError("the cluster is needed, whose binlogs tell what is to be undone", hint="give cluster")
    found = newest_binlogs(repository.storage, given.text("cluster"), access, since=start)
    if not found:
        raise NotFoundError(
            f"{repository.location} holds no binlogs of the cluster {given.text('cluster')!r}",
            hint="archive them first (state archived)",
        )
    return tuple(found)


def _moment(given: Given, name: str) -> int | None:
    return parse_moment(given.text(name)) if given.has(name) else None
