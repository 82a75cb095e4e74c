# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a scheduled job is for this server now: by its role, and by what other hosts of its cluster have done."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import UsageError
from ..jobs.job import now_text
from ..jobs.turn import PRIMARY, REPLICA, Rounds, Standing, take_turn, waits_for
from ..progress import Progress
from ..repository.repository import Repository
from ..requests.access import access_of
from ..requests.connection import mysql_connection, postgresql_connection
from ..requests.given import Given
from ..requests.job_file import ANY, JobFile
from ..requests.option import ARCHIVE, MYSQL, WAL_JOBS

_Data = t.Mapping[str, t.Any]


def reason_to_skip(job: JobFile, secrets: t.Mapping[str, str]) -> str:
    """Why the job is not for this server now; empty if it is.

    :raises DbfleetError: the server cannot be asked.
    """
    if job.only_on == ANY:
        return ""
    replica = _is_replica(_given(job, secrets))
    if replica == (job.only_on != PRIMARY):
        return ""
    return f"the server is a {REPLICA if replica else PRIMARY}, and the job is for a {job.only_on}"


def reason_to_wait(job: JobFile, secrets: t.Mapping[str, str]) -> str:
    """What the job would wait for, without waiting or changing anything; empty if it would run now."""
    if job.prefer is None:
        return ""
    given = _given(job, secrets)
    return waits_for(_rounds(job, given), job.prefer, _standing(given))


class Turn:
    """One run of a job that several hosts have, of which one is to do it; a context manager.

    A job without a preference always has its turn.
    """

    def __init__(self, job: JobFile, progress: Progress) -> None:
        self._job = job
        self._progress = progress
        self._held = contextlib.ExitStack()
        self._rounds: Rounds | None = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._held.close()

    def wait(self, secrets: t.Mapping[str, str]) -> str:
        """Wait for the turn: why it never comes, or an empty text when it has come."""
        if self._job.prefer is None:
            return ""
        given = _given(self._job, secrets)
        self._rounds = _rounds(self._job, given)
        self._progress.phase("waiting for its turn")
        return take_turn(self._rounds, self._job.prefer, lambda: _standing(given), self._held, self._progress.message)

    def run(self, call: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
        """Do the job and let the other hosts know."""
        started_at = now_text()
        data = call()
        if self._rounds is not None:
            self._rounds.record(started_at, data)
        return data


def _rounds(job: JobFile, given: Given) -> Rounds:
    return Rounds(Repository(given.text("repository"), access_of(given)), given.text("cluster"), job.job, job.name)


def _given(job: JobFile, secrets: t.Mapping[str, str]) -> Given:
    dbms = job.dbms or ("postgresql" if job.table_job in WAL_JOBS else MYSQL if job.table_job == ARCHIVE else "")
    if not dbms:
        raise UsageError("only_on and prefer ask a server, and nothing says of which kind it is", hint="give dbms")
    return Given(job.table_job, dbms, {**job.options, **secrets})


def _is_replica(given: Given) -> bool:
    if given.world == MYSQL:
        from ..mysql.server_role import is_replica as is_mysql_replica

        return is_mysql_replica(mysql_connection(given))
    from ..postgresql.server_role import is_replica

    return is_replica(postgresql_connection(given))


def _standing(given: Given) -> Standing:
    if given.world == MYSQL:
        from ..mysql.server_role import replica_lag as mysql_replica_lag

        replica, lag = mysql_replica_lag(mysql_connection(given))
    else:
        from ..postgresql.server_role import replica_lag

        replica, lag = replica_lag(postgresql_connection(given))
    return Standing(REPLICA, lag) if replica else Standing(PRIMARY)
