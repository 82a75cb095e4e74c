# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One run of a scheduled job: under its lock, its end recorded and told."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ..boundary import job_boundary
from ..errors import CorruptArtifactError, DbfleetError
from ..job_status import FAILURE, SKIPPED, SUCCESS, JobRun, JobStatus, read_status, write_status
from ..lazy_dataclass import dataclass
from . import told
from .channels import tell
from .job import ScheduledJob, now_text, seconds_since
from .lock import folder_lock, job_lock
from .notes import JobNotes, Notification, change_notes, read_notes
from .outcome import numbers_of

Warn = t.Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a run ended without failing.

    :param data: what the job says of itself; empty where it was skipped.
    :param skipped: why it was skipped, empty where it was not.
    """

    data: t.Mapping[str, t.Any]
    skipped: str = ""


def run_scheduled(
    job: ScheduledJob, *, folder: str, skip: t.Callable[[], str], call: t.Callable[[], t.Mapping[str, t.Any]]
) -> Ended:
    """Run ``call``, once at a time, and record how it ended. Telling it is :func:`deliver`.

    :param folder: of the status files.
    :param skip: why the job is not for this host now; empty if it is.
    :raises JobRunningError: it is running; nothing was done nor recorded.
    :raises DbfleetError: the job failed, which is recorded; or that could not be.
    """
    with job_lock(folder, job.name):
        settle(job, folder=folder)
        started_at, started = now_text(), time.monotonic()
        change_notes(folder, job.name, lambda notes: dataclasses.replace(seen(notes), running_since=started_at))
        run = JobRun(started_at, started_at, 0.0, SUCCESS)
        try:
            with job_boundary(job.job):
                reason = skip()
                data = {} if reason else call()
            run = dataclasses.replace(
                run,
                outcome=SKIPPED if reason else SUCCESS,
                result={"reason": reason} if reason else numbers_of(job.job, data),
            )
            return Ended(data, reason)
        except DbfleetError as error:
            run = dataclasses.replace(run, outcome=FAILURE, exit_code=error.exit_code, error=_words(error))
            raise
        finally:
            duration = round(time.monotonic() - started, 3)
            _record(job, dataclasses.replace(run, finished_at=now_text(), duration=duration), folder=folder)


def settle(job: ScheduledJob, *, folder: str) -> bool:
    """Record a run that ended without a word: killed, or with the host. Its lock must be held by the caller.

    :return: whether there was one.
    """
    since = _notes(folder, job.name).running_since
    if not since:
        return False
    error = {
        "kind": "killed",
        "message": f"the run that began at {since} ended without a word",
        "hint": "it was killed, or the host went down: see the system's journal",
    }
    run = JobRun(since, now_text(), 0.0, FAILURE, exit_code=137, error=error)
    _record(job, run, folder=folder)
    return True


def deliver(job: ScheduledJob, *, folder: str, warn: Warn) -> int:
    """Tell what waits to be told about the job.

    :param warn: is told of what could not be delivered; it stays.
    :return: how many could not.
    """
    failed: list[Notification] = []
    if not _notes(folder, job.name).pending:
        return 0
    # Everybody who has something to tell waits here, so that nothing is told twice.
    with folder_lock(folder, "telling"):
        waiting = _notes(folder, job.name).pending
        for notification in waiting:
            if notification.channel not in job.notify.channels:
                # Nobody wants to be told in that way any more.
                continue
            try:
                tell(job.notify, notification)
            except DbfleetError as error:
                warn(str(error))
                failed.append(notification)
        delivered = [one for one in waiting if one not in failed]
        change_notes(folder, job.name, lambda notes: _without(notes, delivered))
    return len(failed)


def status_of(job: ScheduledJob, *, folder: str) -> JobStatus:
    """What is known of the job; a damaged file counts as none, as it must not keep a job from running."""
    with contextlib.suppress(CorruptArtifactError):
        found = read_status(folder, job.name)
        if found is not None:
            return dataclasses.replace(
                found,
                job=job.job,
                cluster=job.cluster,
                database=job.database,
                repository=job.repository,
                objective=_objective(job),
            )
    return JobStatus(
        name=job.name,
        job=job.job,
        cluster=job.cluster,
        database=job.database,
        repository=job.repository,
        objective=_objective(job),
    )


def _objective(job: ScheduledJob) -> float:
    """What the job's status says of it: a service is well while it runs, which no time of a last success tells."""
    return 0 if job.follows else job.objective


def freshness(status: JobStatus | None, notes: JobNotes) -> float:
    """The seconds since the job was last well: it succeeded or was rightly skipped, or else was first seen."""
    moments = [notes.first_seen_at]
    if status is not None:
        moments = [status.last_success_at or notes.first_seen_at]
        if status.last_run is not None and status.last_run.outcome == SKIPPED:
            moments.append(status.last_run.finished_at)
    known = [seconds_since(moment) for moment in moments if moment]
    return min(known) if known else 0.0


def _record(job: ScheduledJob, run: JobRun, *, folder: str) -> None:
    status = status_of(job, folder=folder).after(run)
    write_status(folder, status)
    change_notes(
        folder,
        job.name,
        lambda notes: told.after_run(job, dataclasses.replace(seen(notes), running_since=""), status, run),
    )


def seen(notes: JobNotes) -> JobNotes:
    """The notes about a job that is known from now on, if it was not before."""
    return notes if notes.first_seen_at else dataclasses.replace(notes, first_seen_at=now_text())


def _without(notes: JobNotes, delivered: t.Sequence[Notification]) -> JobNotes:
    return dataclasses.replace(notes, pending=tuple(one for one in notes.pending if one not in delivered))


def _notes(folder: str, name: str) -> JobNotes:
    with contextlib.suppress(CorruptArtifactError):
        return read_notes(folder, name)
    return JobNotes()


def _words(error: DbfleetError) -> dict[str, str]:
    return {"kind": error.kind, "message": error.message, "hint": error.hint}
