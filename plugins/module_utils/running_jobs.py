# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How far the jobs of this host are: a small file for each while it runs, that others look at.

Whoever shows running jobs finds them by their locks, and their progress here by the process id. A process that was
killed leaves its file behind; the lock, not the file, tells whether it lives.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import time
import typing as t

from .errors import DbfleetError
from .lazy_dataclass import dataclass
from .progress import ProgressState
from .streams.replaced_file import replace_file

#: Names a file into which a job writes its progress too, for one who waits for just this job.
PROGRESS_FILE_VARIABLE = "DBFLEET_PROGRESS_FILE"
_INTERVAL = 1.0
_LARGEST = 1 << 16
_LONGEST_ITEM = 1000


def running_folder() -> str:
    """The folder of this user's files: on a memory file system where there is one."""
    if os.geteuid() == 0:
        return "/run/dbfleet/running"
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(base, "dbfleet", "running")


@dataclass(frozen=True)
class RunningProgress:
    """How far a job is.

    :param job: ``backup``, ``restore`` ...
    :param phase: what is being done; see :class:`.progress.ProgressState` for this and what follows.
    :param seconds: since the phase began.
    :param started_at: when the job began, ISO 8601 in UTC; ``updated_at`` when this was written.
    """

    pid: int
    job: str
    phase: str
    item: str
    done_bytes: int
    total_bytes: int
    done_rows: int
    seconds: float
    started_at: str
    updated_at: str

    @property
    def state(self) -> ProgressState:
        """The same as of a phase that began at the moment 0."""
        return ProgressState(self.phase, self.item, self.done_bytes, self.total_bytes, self.done_rows, 0.0)

    @property
    def percent(self) -> float | None:
        """How much of the phase is done, ``None`` where nobody knows. An estimate never says that all is done."""
        if not self.total_bytes or self.done_bytes > self.total_bytes:
            return None
        return min(99.9, 100.0 * self.done_bytes / self.total_bytes)

    @property
    def rate(self) -> float | None:
        """Bytes a second in this phase."""
        return self.done_bytes / self.seconds if self.seconds > 0 and self.done_bytes else None

    @property
    def seconds_left(self) -> float | None:
        """How long the phase goes on at this rate."""
        if self.percent is None or not self.rate:
            return None
        return (self.total_bytes - self.done_bytes) / self.rate

    def to_dict(self) -> dict[str, t.Any]:
        return {
            **dataclasses.asdict(self),
            "percent": self.percent if self.percent is None else round(self.percent, 1),
            "bytes_per_second": self.rate if self.rate is None else round(self.rate),
            "seconds_left": self.seconds_left if self.seconds_left is None else round(self.seconds_left),
        }


class RunningJobSink:
    """Keeps the file of this process up to date; what cannot be written is done without."""

    def __init__(self, job: str, *, interval: float = _INTERVAL) -> None:
        self._job = job
        self._interval = interval
        self._started_at = _now_text()
        self._pid = os.getpid()
        self._written = 0.0
        self._phase = ""
        self._paths = [os.path.join(running_folder(), f"{self._pid}.json")]
        chosen = os.environ.get(PROGRESS_FILE_VARIABLE, "")
        if chosen:
            self._paths.append(os.path.expanduser(chosen))
        self._made: list[str] = []

    def update(self, state: ProgressState) -> None:
        now = time.monotonic()
        if (now - self._written < self._interval and state.phase == self._phase) or os.getpid() != self._pid:
            return
        self._written, self._phase = now, state.phase
        data = json.dumps(dataclasses.asdict(self._progress(state, now))).encode("ascii")
        for path in self._paths:
            with contextlib.suppress(DbfleetError, OSError):
                if path not in self._made:
                    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                    self._made.append(path)
                replace_file(path, data, durable=False)

    def message(self, text: str) -> None:
        pass

    def finish(self) -> None:
        if os.getpid() == self._pid:
            for path in self._made:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _progress(self, state: ProgressState, now: float) -> RunningProgress:
        return RunningProgress(
            pid=self._pid,
            job=self._job,
            phase=state.phase,
            item=state.item[:_LONGEST_ITEM],
            done_bytes=state.done_bytes,
            total_bytes=state.total_bytes,
            done_rows=state.done_rows,
            seconds=round(now - state.started, 3),
            started_at=self._started_at,
            updated_at=_now_text(),
        )


def read_running(pid: int) -> RunningProgress | None:
    """How far the process is, ``None`` where that cannot be told: it is another user's, or has said nothing yet."""
    try:
        with open(os.path.join(running_folder(), f"{pid}.json"), "rb") as file:
            return parse_running(file.read(_LARGEST))
    except OSError:
        return None


def parse_running(data: bytes | str) -> RunningProgress | None:
    """What a :class:`RunningJobSink` or :meth:`RunningProgress.to_dict` wrote; ``None`` for anything else."""
    try:
        fields = json.loads(data)
        found = RunningProgress(**{field.name: fields[field.name] for field in dataclasses.fields(RunningProgress)})
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    numbers: tuple[t.Any, ...] = (found.pid, found.done_bytes, found.total_bytes, found.done_rows, found.seconds)
    texts: tuple[t.Any, ...] = (found.job, found.phase, found.item, found.started_at, found.updated_at)
    is_sound = all(isinstance(number, (int, float)) and number >= 0 for number in numbers)
    return found if is_sound and all(isinstance(text, str) for text in texts) else None


def _now_text() -> str:
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
