# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A scheduled job's secrets and its call: the command's of that name, with options out of the job's file."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ..errors import NotFoundError, UsageError
from ..jobs.channels import check_webhook
from ..jobs.job import NotifySettings
from ..progress import Progress
from ..requests.given import Given
from ..requests.job_file import NOTIFY_SECRETS, JobFile
from ..requests.option import ARCHIVE, METRICS, MYSQL, PRUNE_BINLOGS, WAL_JOBS
from ..requests.options import options_of
from .arguments import Command, read_password_file
from .calls import CALLS
from .job_wal import run_wal_job

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"

Call = t.Callable[[Progress], dict[str, t.Any]]


def secret_values(job: JobFile) -> dict[str, str]:
    """The job's secrets by the options' names: what the files hold, or for an option that is a path, the path.

    :raises NotFoundError: there is no such file or credential.
    :raises UsageError: others can read the file, or it does not hold one line.
    """
    known = options_of(job.table_job)
    found = {}
    for name, place in job.secrets.items():
        if name in NOTIFY_SECRETS:
            continue
        path = _secret_path(name, place)
        found[name] = read_password_file(path) if known[name].secret else path
    return found


def notify_settings(job: JobFile) -> NotifySettings:
    """Whom to tell, with the secrets of that.

    :raises DbfleetError: as :func:`secret_values`.
    """
    values = {
        name: read_password_file(_secret_path(name, job.secrets[name]))
        for name in NOTIFY_SECRETS
        if name in job.secrets
    }
    if "webhook_url" in values:
        check_webhook(values["webhook_url"])
    return dataclasses.replace(
        job.notify,
        webhook_url=values.get("webhook_url", job.notify.webhook_url),
        webhook_token=values.get("webhook_token", ""),
    )


def _secret_path(name: str, place: str) -> str:
    if os.path.isabs(place):
        return place
    folder = os.environ.get(CREDENTIALS_VARIABLE, "")
    if not folder:
        raise NotFoundError(
            f"the secret {name} is the credential {place}, and there are no credentials",
            hint=f"run the job by its systemd unit, or set ${CREDENTIALS_VARIABLE} to the folder of the secrets",
        )
    return os.path.join(folder, place)


def call_of(job: JobFile, secrets: t.Mapping[str, str], *, check: bool) -> Call:
    """What the job does.

    :param check: only find out what it would do.
    :raises UsageError: an option is missing, or options contradict each other.
    """
    values = {**job.options, **secrets}
    if job.table_job in WAL_JOBS:
        return lambda progress: run_wal_job(job.table_job, values, progress, check=check)
    if job.table_job in (ARCHIVE, PRUNE_BINLOGS):
        return _binlog_call(job, values, check=check)
    if job.table_job == METRICS:
        return _metrics_call(job, values, check=check)
    validate_job(job)
    given = Given(job.table_job, job.dbms, values)
    command = Command(job=job.table_job, given=given, check=check, json=False, debug=False, quiet=False)
    return lambda progress: CALLS[job.table_job](command, progress)[0]


def _binlog_call(job: JobFile, values: t.Mapping[str, t.Any], *, check: bool) -> Call:
    given = Given(job.table_job, job.dbms or MYSQL, values)
    # Imported here: other jobs need none of it.
    if job.table_job == ARCHIVE:
        from ..mysql.binlog.archive import archive_binlogs
        from ..requests.binlog import archive_request

        archive = archive_request(given, check=check)
        return lambda progress: archive_binlogs(archive, progress).to_dict()
    from ..binlog_prune import prune_binlogs
    from ..requests.binlog_prune import prune_binlogs_request

    prune = prune_binlogs_request(given, check=check)
    return lambda progress: prune_binlogs(prune, progress).to_dict()


def _metrics_call(job: JobFile, values: t.Mapping[str, t.Any], *, check: bool) -> Call:
    from ..metrics import MetricsRequest, write_metrics
    from ..requests.overview import overview_request

    validate_job(job)
    given = Given(job.table_job, "", values)
    request = MetricsRequest(overview_request(given), output="" if check else given.text("output"))
    return lambda _progress: write_metrics(request).to_dict()


def validate_job(job: JobFile) -> None:
    """Find out whether the options make sense together, without the secrets.

    :raises UsageError: they do not.
    """
    known = options_of(job.table_job)
    secrets = {name: "/nowhere" for name in job.secrets if name in known}
    given = Given(job.table_job, job.dbms, {**job.options, **secrets})
    if job.table_job in WAL_JOBS or job.table_job in (ARCHIVE, PRUNE_BINLOGS):
        given.exactly_one(*(name for name in ("archive_folder", "repository") if given.takes(name)))
        return
    _REQUESTS[job.table_job](given)


def _backup(given: Given) -> None:
    from ..requests.backup import backup_request

    if not given.world:
        raise UsageError("dbms is missing", hint="say which database system it is")
    backup_request(given, check=True)


def _verify(given: Given) -> None:
    from ..requests.verify import verify_request

    verify_request(given, check=True)


def _prune(given: Given) -> None:
    from ..requests.prune import prune_request

    prune_request(given, check=True)


def _copy(given: Given) -> None:
    from ..requests.copies import copy_request

    copy_request(given, check=True)


def _metrics(given: Given) -> None:
    from ..metrics import check_output
    from ..requests.overview import overview_request

    overview_request(given)
    if not given.texts("repositories") and not given.has("status_folder"):
        raise UsageError("there is nothing to look at", hint="give repositories, status_folder, or both")
    if not given.has("output"):
        raise UsageError("output is missing", hint="name the file that the node exporter is to read")
    check_output(given.text("output"))


_REQUESTS: dict[str, t.Callable[[Given], None]] = {
    "backup": _backup,
    "verify": _verify,
    "prune": _prune,
    "copy": _copy,
    METRICS: _metrics,
}
