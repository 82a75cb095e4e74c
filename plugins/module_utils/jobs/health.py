# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether the jobs of this host are well: the one look that notices what does not happen."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..job_status import FAILURE, JobStatus
from ..lazy_dataclass import dataclass
from . import told
from .job import ScheduledJob, seconds_since
from .lock import JobRunningError, is_running, job_lock
from .notes import JobNotes, change_notes
from .runner import Warn, deliver, freshness, seen, settle, status_of

OK, FAILING, SILENT, UNTOLD = "ok", "failing", "silent", "untold"
#: A service that has run for so long has recovered.
_SETTLED_SECONDS = 60.0


@dataclass(frozen=True)
class Health:
    """How a job is.

    :param state: ``ok``, ``failing``, ``silent``, or ``untold`` where it is well and somebody could not be told so.
    :param words: why it is not ok.
    :param age: the seconds since it was last well.
    """

    name: str
    job: str
    state: str
    words: str
    running: bool
    age: float
    objective: float
    last_success_at: str

    def to_dict(self) -> dict[str, t.Any]:
        return dataclasses.asdict(self)


def check_job(job: ScheduledJob, *, folder: str, warn: Warn) -> Health:
    """Look at one job, and tell what is to be told of it.

    :raises StorageError: its files cannot be read or written.
    """
    running = is_running(folder, job.name)
    if not running:
        # Between the two looks it may have begun to run, and is well then.
        with contextlib.suppress(JobRunningError), job_lock(folder, job.name):
            settle(job, folder=folder)
    status = status_of(job, folder=folder)
    notes = change_notes(folder, job.name, seen)
    state, words = _judged(job, status, notes, running=running)

    def change(notes: JobNotes) -> JobNotes:
        if state == SILENT:
            return told.after_silence(job, notes, status, words)
        if _has_recovered(job, notes, running=running):
            return told.recovered(job, notes, status)
        return notes

    change_notes(folder, job.name, change)
    if deliver(job, folder=folder, warn=warn) and state == OK:
        state, words = UNTOLD, "a notification could not be delivered"
    return Health(
        name=job.name,
        job=job.job,
        state=state,
        words=words,
        running=running,
        age=0.0 if running and job.follows else round(freshness(status, notes), 3),
        objective=job.objective,
        last_success_at=status.last_success_at,
    )


def _judged(job: ScheduledJob, status: JobStatus, notes: JobNotes, *, running: bool) -> tuple[str, str]:
    if running and job.follows:
        return OK, ""
    age = freshness(status, notes)
    if job.objective and age > job.objective:
        last = f"last at {status.last_success_at}" if status.last_success_at else "it never has"
        what = "is not running" if job.follows else "has not succeeded"
        return SILENT, f"{what} for {_hours(age)}, and should within {_hours(job.objective)} ({last})"
    run = status.last_run
    if run is not None and run.outcome == FAILURE:
        return FAILING, f"failed at {run.finished_at}: {(run.error or {}).get('message', '')}"
    return OK, ""


def _has_recovered(job: ScheduledJob, notes: JobNotes, *, running: bool) -> bool:
    """A service does not end to say that it is well."""
    if not (job.follows and running and (notes.failure_told_at or notes.silence_told_at)):
        return False
    return bool(notes.running_since) and seconds_since(notes.running_since) >= _SETTLED_SECONDS


def _hours(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
