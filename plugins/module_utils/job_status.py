# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What became of the scheduled jobs of a host: a small file for each, that metrics and the report read.

The files are JSON, hold no secret, and are replaced as a whole after each run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

from .errors import CorruptArtifactError, UsageError
from .lazy_dataclass import dataclass
from .streams.file import storage_error
from .streams.replaced_file import replace_file

STATUS_FOLDER = "/var/lib/dbfleet/status"
STATUS_SUFFIX = ".json"
STATUS_MODE = 0o640
#: A skipped run (this host is not the primary, say) is neither a success nor a failure.
SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"
OUTCOMES = (SUCCESS, FAILURE, SKIPPED)
MOST_HISTORY = 100
_VERSION = 1
_LARGEST_STATUS = 1 << 20


@dataclass(frozen=True)
class PastRun:
    """One run of the past, in short.

    :param started_at: ISO 8601 in UTC.
    :param duration: in seconds.
    :param outcome: one of :data:`OUTCOMES`.
    :param error_kind: of a failure, else empty.
    """

    started_at: str
    duration: float
    outcome: str
    error_kind: str = ""


@dataclass(frozen=True)
class JobRun:
    """The last run of a job.

    :param error: ``kind``, ``message`` and ``hint`` of a failure, else ``None``.
    :param result: a few numbers and names out of what the job said of itself.
    """

    started_at: str
    finished_at: str
    duration: float
    outcome: str
    exit_code: int = 0
    error: t.Mapping[str, str] | None = None
    result: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    def in_short(self) -> PastRun:
        return PastRun(self.started_at, self.duration, self.outcome, (self.error or {}).get("kind", ""))


@dataclass(frozen=True)
class JobStatus:
    """A scheduled job and what became of it; times are ISO 8601 in UTC, empty for never.

    :param name: of the job, which is the file's name too.
    :param job: what it does: ``backup``, ``verify``, ``binlog archive`` ...
    :param cluster: what it is about, as ``database`` and ``repository``; empty where it is about several.
    :param objective: the seconds within which it has to succeed again, 0 for none.
    :param runs: how often it ran since the file began, of those ``failures``; skipped runs count as none of them.
    :param history: the latest runs, the newest last.
    """

    name: str
    job: str
    last_run: JobRun | None = None
    cluster: str = ""
    database: str = ""
    repository: str = ""
    objective: float = 0
    last_success_at: str = ""
    last_failure_at: str = ""
    next_due_at: str = ""
    runs: int = 0
    failures: int = 0
    consecutive_failures: int = 0
    history: tuple[PastRun, ...] = ()

    def after(self, run: JobRun, *, next_due_at: str = "") -> JobStatus:
        """The status when ``run`` has ended."""
        counts = run.outcome != SKIPPED
        failed, succeeded = run.outcome == FAILURE, run.outcome == SUCCESS
        return dataclasses.replace(
            self,
            last_run=run,
            last_success_at=run.finished_at if succeeded else self.last_success_at,
            last_failure_at=run.finished_at if failed else self.last_failure_at,
            next_due_at=next_due_at,
            runs=self.runs + counts,
            failures=self.failures + failed,
            consecutive_failures=self.consecutive_failures + 1
            if failed
            else 0
            if counts
            else self.consecutive_failures,
            history=(*self.history, run.in_short())[-MOST_HISTORY:],
        )

    def to_dict(self) -> dict[str, t.Any]:
        return {"version": _VERSION, **dataclasses.asdict(self), "history": [vars(run) for run in self.history]}


def status_path(folder: str, name: str) -> str:
    """The file of the job ``name``.

    :raises UsageError: no file can have that name.
    """
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise UsageError(f"{name!r} cannot be the name of a job", hint="use letters, digits, dots and dashes")
    return os.path.join(folder, name + STATUS_SUFFIX)


def write_status(folder: str, status: JobStatus) -> None:
    """Replace the file of the job.

    :raises StorageError: it could not be written.
    """
    data = json.dumps(status.to_dict(), indent=1, sort_keys=True).encode("ascii") + b"\n"
    replace_file(status_path(folder, status.name), data, mode=STATUS_MODE)


def read_status(folder: str, name: str) -> JobStatus | None:
    """The status of one job, ``None`` where it has not run yet.

    :raises CorruptArtifactError: the file is damaged.
    :raises StorageError: it cannot be read.
    """
    path = status_path(folder, name)
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_STATUS + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error("read", path, error) from error
    return parse_status(data, path)


def read_statuses(folder: str) -> tuple[JobStatus, ...]:
    """The statuses of all jobs, by name; none where there is no such folder.

    :raises CorruptArtifactError: a file is damaged.
    :raises StorageError: a file or the folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise storage_error("read", folder, error) from error
    jobs = [name[: -len(STATUS_SUFFIX)] for name in names if name.endswith(STATUS_SUFFIX) and name[0] != "."]
    found = [read_status(folder, name) for name in jobs]
    return tuple(status for status in found if status is not None)


def parse_status(data: bytes, path: str) -> JobStatus:
    """What :func:`write_status` wrote.

    :raises CorruptArtifactError: it is something else.
    """
    try:
        if len(data) > _LARGEST_STATUS:
            raise ValueError("too large")
        fields = json.loads(data)
        if fields.pop("version") != _VERSION:
            raise ValueError("another version")
        run = fields.pop("last_run")
        history = tuple(PastRun(**past) for past in fields.pop("history"))
        status = JobStatus(last_run=None if run is None else JobRun(**run), history=history, **fields)
        _check(status)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise CorruptArtifactError(
            f"{path} is not the status of a job", hint="remove it; the job's next run writes it again", path=path
        ) from error
    return status


def _check(status: JobStatus) -> None:
    """:raises ValueError: a field has not the type that its readers rely on."""
    runs: tuple[PastRun | JobRun, ...] = (*status.history, *filter(None, (status.last_run,)))
    numbers: tuple[t.Any, ...] = (
        *(status.objective, status.runs, status.failures, status.consecutive_failures),
        *(run.duration for run in runs),
    )
    texts: tuple[t.Any, ...] = (
        *(status.name, status.job, status.cluster, status.database, status.repository),
        *(status.last_success_at, status.last_failure_at, status.next_due_at),
        *(run.started_at for run in runs),
    )
    if not all(isinstance(number, (int, float)) and number >= 0 for number in numbers):
        raise ValueError("a number is none")
    if not all(isinstance(text, str) for text in texts) or any(run.outcome not in OUTCOMES for run in runs):
        raise ValueError("a text is none")
