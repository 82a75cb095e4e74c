# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The file that describes a scheduled job: JSON, without a secret, made by the role ``schedule`` or by hand.

``options`` are those of the job's module, by the module's names. A secret is named in ``secrets``: its value is the
absolute path of a private file, or the name of a credential of the systemd unit. An option that is a path (an
``identity_file``) may stand there too, and is then the path of the credential.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ..errors import NotFoundError, UsageError
from ..jobs.channels import check_webhook
from ..jobs.job import EVENTS, USUAL_EVENTS, NotifySettings, ScheduledJob
from ..jobs.turn import MAX_LAG, PRIMARY, REPLICA, STAND_IN_AFTER, Preference
from ..lazy_dataclass import dataclass
from ..streams.file import storage_error
from .given import seconds_of
from .option import (
    ARCHIVE,
    DBMS,
    METRICS,
    PRUNE_BINLOGS,
    WAL_ARCHIVE,
    WAL_BACKUP,
    WAL_CHECK,
    WAL_COMBINE,
    WAL_PRUNE,
    Option,
)
from .options import options_of

JOBS_FOLDER = "/etc/dbfleet/jobs"
JOB_SUFFIX = ".json"
#: What a file can ask for, each with its job in the table of options.
JOBS = {
    "backup": "backup",
    "verify": "verify",
    "prune": "prune",
    "copy": "copy",
    "binlog_archive": ARCHIVE,
    "binlog_prune": PRUNE_BINLOGS,
    "wal_archive": WAL_ARCHIVE,
    "wal_backup": WAL_BACKUP,
    "wal_check": WAL_CHECK,
    "wal_combine": WAL_COMBINE,
    "wal_prune": WAL_PRUNE,
    "metrics": METRICS,
}
ANY = "any"
ROLES = (ANY, PRIMARY, REPLICA)
#: Jobs that one of several hosts can do for all of them: each makes a backup that a repository keeps.
PREFERRING_JOBS = ("backup", "wal_backup")
#: Secrets that are not the job's but its notifications'.
NOTIFY_SECRETS = ("webhook_url", "webhook_token")
_VERSION = 1
_PREFERENCES = ("prefer", "stand_in_after", "max_lag")
_FIELDS = ("version", "job", "dbms", "options", "secrets", "only_on", *_PREFERENCES, "success_within", "notify")
_LARGEST = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")


@dataclass(frozen=True)
class JobFile:
    """A scheduled job as its file has it.

    :param job: one of :data:`JOBS`.
    :param options: by the modules' names; no secrets.
    :param secrets: where the secrets are: an absolute path, or the name of a credential.
    :param only_on: the server's role that the job is for.
    :param prefer: the role of the server that does it where hosts of a cluster share it; ``None`` where none do.
    :param success_within: seconds, 0 for no objective.
    :param notify: without what ``secrets`` has of it.
    """

    name: str
    job: str
    dbms: str
    options: t.Mapping[str, t.Any]
    secrets: t.Mapping[str, str]
    only_on: str
    success_within: float
    notify: NotifySettings
    prefer: Preference | None = None

    @property
    def table_job(self) -> str:
        """The job's name in the table of options."""
        return JOBS[self.job]

    def scheduled(self, notify: NotifySettings | None = None) -> ScheduledJob:
        """The job as its runner knows it.

        :param notify: with the secrets.
        """
        return ScheduledJob(
            name=self.name,
            job=self.job,
            cluster=str(self.options.get("cluster", "")),
            database=str(self.options.get("database", "")),
            repository=str(self.options.get("repository", "")).partition("?")[0],
            objective=self.success_within,
            follows=bool(self.options.get("follow")),
            notify=self.notify if notify is None else notify,
        )


def job_path(folder: str, name: str) -> str:
    """The file of the job ``name``.

    :raises UsageError: no job can have that name.
    """
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot be the name of a job", hint="use letters, digits, dots, underscores and dashes"
        )
    return os.path.join(folder, name + JOB_SUFFIX)


def job_names(folder: str) -> list[str]:
    """The names of all jobs of a folder.

    :raises NotFoundError: there is no such folder.
    :raises StorageError: it cannot be read.
    """
    try:
        found = sorted(os.listdir(folder))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no folder {folder} of jobs", hint="name the folder with --jobs-folder"
        ) from error
    except OSError as error:
        raise storage_error("read", folder, error) from error
    return [name[: -len(JOB_SUFFIX)] for name in found if name.endswith(JOB_SUFFIX) and not name.startswith(".")]


def read_job(path: str, name: str = "") -> JobFile:
    """The job in a file.

    :param name: the job's; the file's own by default.
    :raises NotFoundError: there is no such file.
    :raises StorageError: it cannot be read.
    :raises UsageError: it does not describe a job.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no job {path}", hint="list the jobs: dbfleet job check", path=path) from error
    except OSError as error:
        raise storage_error("read", path, error) from error
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or len(data) > _LARGEST:
        raise UsageError(f"{path} is not a JSON object", hint="describe the job as docs/fleet.md says", path=path)
    try:
        return parse_job(fields, name or os.path.basename(path)[: -len(JOB_SUFFIX)])
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint, path=path) from error


def parse_job(fields: t.Mapping[str, t.Any], name: str) -> JobFile:
    """The job that the fields of its file describe.

    :raises UsageError: they do not describe one.
    """
    _only(fields, "", *_FIELDS)
    if fields.get("version") != _VERSION:
        raise UsageError(f"version is {fields.get('version')!r}", hint=f"this program reads version {_VERSION}")
    job = _text(fields, "job")
    if job not in JOBS:
        raise UsageError(f"there is no job {job!r}", hint=f"use one of {', '.join(JOBS)}")
    dbms = _text(fields, "dbms")
    if dbms and dbms not in DBMS:
        raise UsageError(f"unknown database system {dbms!r}", hint=f"use one of {', '.join(DBMS)}")
    only_on = _text(fields, "only_on") or ANY
    if only_on not in ROLES:
        raise UsageError(f"only_on is {only_on!r}", hint=f"use one of {', '.join(ROLES)}")
    known = options_of(JOBS[job])
    if only_on != ANY and "login_user" not in known:
        raise UsageError(f"only_on means nothing to {job}, which talks to no server")
    options = _options(_mapping(fields, "options"), known, job)
    secrets = _secrets(_mapping(fields, "secrets"), known, job)
    both = sorted(set(options) & set(secrets))
    if both:
        raise UsageError(f"{both[0]} stands in options and in secrets")
    return JobFile(
        name=name,
        job=job,
        dbms=dbms,
        options=options,
        secrets=secrets,
        only_on=only_on,
        success_within=_seconds(fields, "success_within", 0.0),
        notify=_notify(_mapping(fields, "notify"), secrets),
        prefer=_preference(fields, job, only_on, options),
    )


def _preference(
    fields: t.Mapping[str, t.Any], job: str, only_on: str, options: t.Mapping[str, t.Any]
) -> Preference | None:
    role = _text(fields, "prefer") or ANY
    if role not in ROLES:
        raise UsageError(f"prefer is {role!r}", hint=f"use one of {', '.join(ROLES)}")
    if role == ANY:
        return None
    if only_on != ANY:
        raise UsageError("only_on and prefer contradict each other", hint="give one of them")
    if job not in PREFERRING_JOBS:
        raise UsageError(f"prefer means nothing to {job}", hint=f"it is for {', '.join(PREFERRING_JOBS)}")
    for name in ("repository", "cluster"):
        if not options.get(name):
            raise UsageError(
                f"prefer needs the option {name}", hint="the hosts of a cluster know of each other by nothing else"
            )
    return Preference(
        role,
        _seconds(fields, "stand_in_after", STAND_IN_AFTER),
        _seconds(fields, "max_lag", MAX_LAG),
    )


def _options(given: t.Mapping[str, t.Any], known: t.Mapping[str, Option], job: str) -> dict[str, t.Any]:
    found = {}
    for name, value in given.items():
        option = known.get(name)
        if option is None or name == "python_environment":
            raise UsageError(f"{job} has no option {name}")
        if option.secret:
            raise UsageError(
                f"{name} stands in the file itself", hint="put it into a private file, and name that file in secrets"
            )
        if value is not None:
            found[name] = _value(option, value)
    return found


def _value(option: Option, value: t.Any) -> t.Any:
    """A value as the modules have it after Ansible's conversions, of which the harmless ones are made here."""
    if option.type == "bool" and isinstance(value, bool):
        return value
    if option.type == "list" and isinstance(value, list):
        return [_scalar(option, one) for one in value]
    if option.type == "int":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            return int(value)
    if option.type == "path":
        path = os.path.expanduser(_scalar(option, value))
        if "://" not in path and not os.path.isabs(path):
            raise UsageError(f"{option.name} is not an absolute path", hint="a timer has no folder that it starts in")
        return path
    if option.type == "str":
        return _scalar(option, value)
    raise UsageError(f"{option.name} must be of the type {option.type}")


def _scalar(option: Option, value: t.Any) -> str:
    if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return str(value)
    raise UsageError(f"{option.name} must be a text" + (" in each place" if option.type == "list" else ""))


def _secrets(given: t.Mapping[str, t.Any], known: t.Mapping[str, Option], job: str) -> dict[str, str]:
    for name, value in given.items():
        option = known.get(name)
        if name not in NOTIFY_SECRETS and (option is None or not (option.secret or option.type == "path")):
            raise UsageError(f"{job} has no secret {name}")
        # Whatever it is, it may be the secret itself, and is not shown.
        if not isinstance(value, str) or not (os.path.isabs(value) or _CREDENTIAL.match(value)):
            raise UsageError(
                f"the secret {name} is neither the absolute path of a file nor the name of a credential",
                hint="keep the secret in a private file of its own",
            )
    return dict(given)


def _notify(given: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> NotifySettings:
    _only(given, "notify.", "webhook", "mail", "events", "remind_after")
    webhook, mail = _mapping(given, "webhook", "notify."), _mapping(given, "mail", "notify.")
    _only(webhook, "notify.webhook.", "url", "timeout")
    _only(mail, "notify.mail.", "command", "to", "from")
    url = _text(webhook, "url")
    if url:
        check_webhook(url)
    if url and "webhook_url" in secrets:
        raise UsageError("the webhook's URL stands in notify and in secrets")
    if "webhook_token" in secrets and not url and "webhook_url" not in secrets:
        raise UsageError("webhook_token has no webhook", hint="give notify.webhook.url, or the secret webhook_url")
    command, to = _texts(mail, "command", "notify.mail."), _texts(mail, "to", "notify.mail.")
    if bool(command) != bool(to):
        raise UsageError("a mail needs both notify.mail.command and notify.mail.to")
    if command and not os.path.isabs(command[0]):
        raise UsageError("notify.mail.command must begin with an absolute path")
    if any(character in address for address in (*to, _text(mail, "from")) for character in "\r\n"):
        raise UsageError("an address holds the end of a line")
    events = _texts(given, "events", "notify.") if "events" in given else USUAL_EVENTS
    wrong = [event for event in events if event not in EVENTS]
    if wrong:
        raise UsageError(f"there is no event {wrong[0]!r}", hint=f"use {', '.join(EVENTS)}")
    usual = NotifySettings()
    return NotifySettings(
        webhook_url=url,
        webhook_timeout=_seconds(webhook, "timeout", usual.webhook_timeout),
        mail_command=command,
        mail_to=to,
        mail_from=_text(mail, "from"),
        events=events,
        remind_after=_seconds(given, "remind_after", usual.remind_after),
    )


def _only(given: t.Mapping[str, t.Any], where: str, *names: str) -> None:
    for name in given:
        if name not in names:
            raise UsageError(f"there is no field {where}{name}", hint=f"use {', '.join(names)}")


def _mapping(given: t.Mapping[str, t.Any], name: str, where: str = "") -> dict[str, t.Any]:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"{where}{name} must be an object")
    return value


def _text(given: t.Mapping[str, t.Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text")
    return value


def _texts(given: t.Mapping[str, t.Any], name: str, where: str) -> tuple[str, ...]:
    value = given.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"{where}{name} must be a list of texts")
    return tuple(value)


def _seconds(given: t.Mapping[str, t.Any], name: str, default: float) -> float:
    text = _text(given, name)
    return seconds_of(text, name) if text else default
