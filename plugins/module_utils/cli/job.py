# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet job``: the jobs that timers run on a host, what became of them, and who is told."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import typing as t

from ..errors import DbfleetError
from ..job_status import STATUS_FOLDER
from ..jobs.channels import NotifyError
from ..jobs.health import OK, Health, check_job
from ..jobs.job import NotifySettings
from ..jobs.runner import Ended, deliver, run_scheduled
from ..progress import Progress
from ..requests.job_file import JOBS_FOLDER, JobFile, job_names, job_path, read_job
from ..running_jobs import RunningJobSink
from .job_calls import call_of, notify_settings, secret_values, validate_job
from .job_text import ended_text, health_text
from .job_turn import Turn, reason_to_skip, reason_to_wait
from .parser import Parser
from .terminal import progress_sink

#: Where the folders are, unless the command says it.
JOBS_VARIABLE, STATUS_VARIABLE = "DBFLEET_JOBS_FOLDER", "DBFLEET_STATUS_FOLDER"
_UNKNOWN_WEBHOOK = "unknown:"


class Outcome(t.NamedTuple):
    """What a command did.

    :param data: for ``--json``.
    :param text: for a person.
    :param exit_code: 1 where something is not well.
    """

    data: dict[str, t.Any]
    text: str
    exit_code: int = 0


def job_arguments(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Understand what stands behind ``dbfleet job``.

    :raises UsageError: it is not understood.
    :raises SystemExit: for ``--help``, which has been printed.
    """
    parser = Parser(
        prog="dbfleet job",
        description="Run scheduled jobs, find out what became of them, and tell it.",
        epilog="A job is a file NAME.json in the folder of jobs. Exit codes of run: 0 succeeded or rightly skipped, "
        "1 failed, 2 wrong usage, 75 running already, 130 interrupted.",
    )
    commands = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="run one job", description="Run one job, once at a time.")
    run.add_argument("name", metavar="NAME", help="the job's name")
    run.add_argument(
        "--check", "--dry-run", action="store_true", help="say what would be done, change and record nothing"
    )
    run.add_argument("--no-notify", action="store_true", help="leave what is to be told to dbfleet job notify")
    check = commands.add_parser(
        "check",
        help="find out whether the jobs are well, and tell it where one is silent",
        description="Find out whether the jobs are well; tell it where one has not succeeded within its time.",
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="these jobs only")
    notify = commands.add_parser(
        "notify", help="tell what nobody has been told yet", description="Tell what nobody has been told yet."
    )
    notify.add_argument("names", nargs="*", metavar="NAME", help="about these jobs only")
    validate = commands.add_parser(
        "validate",
        help="find out whether files describe jobs",
        description="Find out whether files describe jobs; nothing is connected to, and no secret is read.",
    )
    validate.add_argument("files", nargs="+", metavar="FILE", help="a job's file")
    for one in (run, check, notify):
        one.add_argument("--jobs-folder", metavar="FOLDER", help=f"where the jobs are (default: {JOBS_FOLDER})")
        one.add_argument("--status-folder", metavar="FOLDER", help=f"where their status is (default: {STATUS_FOLDER})")
    for one in (run, check, notify, validate):
        one.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        one.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")
    return parser.parse_args(arguments)


def run_job_command(given: argparse.Namespace, warn: t.Callable[[str], None]) -> Outcome:
    """Do what was asked for.

    :param warn: is told of what is worth knowing and no failure.
    :raises DbfleetError: it failed.
    """
    if given.job == "validate":
        return _validate(given.files)
    jobs_folder = given.jobs_folder or os.environ.get(JOBS_VARIABLE) or JOBS_FOLDER
    status_folder = given.status_folder or os.environ.get(STATUS_VARIABLE) or STATUS_FOLDER
    if given.job == "run":
        job = read_job(job_path(jobs_folder, given.name), given.name)
        return _run(job, given, status_folder, warn)
    names = given.names or job_names(jobs_folder)
    if given.job == "notify":
        return _notify(jobs_folder, status_folder, names, warn)
    return _check(jobs_folder, status_folder, names, warn)


def _run(job: JobFile, given: argparse.Namespace, status_folder: str, warn: t.Callable[[str], None]) -> Outcome:
    shown = progress_sink(sys.stderr, quiet=given.quiet, debug=False)
    progress = Progress(shown, RunningJobSink(f"job {given.name}"))
    try:
        if given.check:
            ended = _ended(job, progress)
        else:
            ended = _recorded(job, progress, status_folder, warn, notify=not given.no_notify)
    finally:
        progress.finish()
    data = {"job": job.name, "skipped": ended.skipped, "result": dict(ended.data)}
    return Outcome(data, ended_text(job.name, job.job, ended, check=given.check))


def _ended(job: JobFile, progress: Progress) -> Ended:
    """What a run would do."""
    secrets = secret_values(job)
    call = call_of(job, secrets, check=True)
    reason = reason_to_skip(job, secrets) or reason_to_wait(job, secrets)
    return Ended({} if reason else call(progress), reason)


def _recorded(
    job: JobFile, progress: Progress, status_folder: str, warn: t.Callable[[str], None], *, notify: bool
) -> Ended:
    known: dict[str, str] = {}
    turn = Turn(job, progress)

    def skip() -> str:
        # Within the run: a secret that is missing is a failure that is recorded and told as any other.
        known.update(secret_values(job))
        return reason_to_skip(job, known) or turn.wait(known)

    settings = _settings(job, warn)
    scheduled = job.scheduled(settings)
    try:
        with turn:
            return run_scheduled(
                scheduled,
                folder=status_folder,
                skip=skip,
                call=lambda: turn.run(lambda: call_of(job, known, check=False)(progress)),
            )
    finally:
        if notify:
            deliver(scheduled, folder=status_folder, warn=warn)


def _settings(job: JobFile, warn: t.Callable[[str], None]) -> NotifySettings:
    """Whom to tell: where a secret of that is missing, the job runs all the same."""
    try:
        return notify_settings(job)
    except DbfleetError as error:
        warn(f"nobody can be told by the webhook: {error}")
        # Not none: what is to be told stays until it can be.
        return dataclasses.replace(job.notify, webhook_url=_UNKNOWN_WEBHOOK)


def _notify(jobs_folder: str, status_folder: str, names: t.Sequence[str], warn: t.Callable[[str], None]) -> Outcome:
    failed = 0
    for name in names:
        job = read_job(job_path(jobs_folder, name), name)
        failed += deliver(job.scheduled(notify_settings(job)), folder=status_folder, warn=warn)
    if failed:
        raise NotifyError(f"{failed} notifications could not be delivered", hint="they stay, and are tried again")
    return Outcome({"failed": failed}, "")


def _check(jobs_folder: str, status_folder: str, names: t.Sequence[str], warn: t.Callable[[str], None]) -> Outcome:
    found: list[Health] = []
    for name in names:
        try:
            job = read_job(job_path(jobs_folder, name), name)
            found.append(check_job(job.scheduled(_settings(job, warn)), folder=status_folder, warn=warn))
        except DbfleetError as error:
            # One job's trouble must not hide another's silence.
            found.append(Health(name, "", "broken", str(error), False, 0.0, 0.0, ""))
    well = all(one.state == OK for one in found)
    return Outcome({"jobs": [one.to_dict() for one in found], "ok": well}, health_text(found), 0 if well else 1)


def _validate(files: t.Sequence[str]) -> Outcome:
    for path in files:
        validate_job(read_job(path, os.path.basename(path)))
    return Outcome({"valid": list(files)}, "")
