# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""When something is told about a job, and in which words."""

from __future__ import annotations

import dataclasses
import socket
import typing as t

from ..job_status import FAILURE, SUCCESS, JobRun, JobStatus
from . import job as events
from .job import ScheduledJob, now_text, seconds_since
from .notes import JobNotes, Notification


def after_run(job: ScheduledJob, notes: JobNotes, status: JobStatus, run: JobRun) -> JobNotes:
    """The notes when ``run`` has ended, with what is to be told about it.

    :param status: with the run.
    """
    if run.outcome == FAILURE:
        if not _due(job, notes.failure_told_at):
            return notes
        error = run.error or {}
        text = f"failed: {error.get('message', '')}"
        if status.consecutive_failures > 1:
            text = f"failed again, {status.consecutive_failures} times in a row: {error.get('message', '')}"
        notes = dataclasses.replace(notes, failure_told_at=run.finished_at)
        return _told(job, notes, events.FAILURE, text, {"error": dict(error)}, status)
    if run.outcome != SUCCESS:
        return notes
    if notes.failure_told_at or notes.silence_told_at:
        return recovered(job, notes, status)
    return _told(job, notes, events.SUCCESS, f"succeeded in {run.duration:.0f} s", {"result": dict(run.result)}, status)


def recovered(job: ScheduledJob, notes: JobNotes, status: JobStatus | None) -> JobNotes:
    """The notes when a job that was told to be in trouble is not any more."""
    since = min(filter(None, (notes.failure_told_at, notes.silence_told_at)))
    notes = dataclasses.replace(notes, failure_told_at="", silence_told_at="")
    return _told(job, notes, events.RECOVERY, f"works again; in trouble since {since}", {"since": since}, status)


def after_silence(job: ScheduledJob, notes: JobNotes, status: JobStatus | None, words: str) -> JobNotes:
    """The notes when a job was found silent, with what is to be told about it."""
    if not _due(job, notes.silence_told_at):
        return notes
    notes = dataclasses.replace(notes, silence_told_at=now_text())
    return _told(job, notes, events.SILENCE, words, {"objective": job.objective}, status)


def _due(job: ScheduledJob, told_at: str) -> bool:
    return not told_at or seconds_since(told_at) >= job.notify.remind_after


def _told(
    job: ScheduledJob,
    notes: JobNotes,
    event: str,
    words: str,
    data: t.Mapping[str, t.Any],
    status: JobStatus | None,
) -> JobNotes:
    if event not in job.notify.events:
        return notes
    host = socket.gethostname()
    fields = {
        "event": event,
        "host": host,
        "job": job.name,
        "kind": job.job,
        "cluster": job.cluster,
        "database": job.database,
        "last_success_at": status.last_success_at if status is not None else "",
        "consecutive_failures": status.consecutive_failures if status is not None else 0,
        **data,
    }
    text = f"dbfleet job {job.name} on {host} {words}"
    added = tuple(Notification(event, channel, now_text(), text, fields) for channel in job.notify.channels)
    return dataclasses.replace(notes, pending=(*notes.pending, *added))
