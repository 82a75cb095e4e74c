# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a command, measured from outside: wall time, processor time and memory of all its processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 0.03


@dataclass(frozen=True)
class Command:
    """A program with its environment and, where it reads one, its standard input."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    input_path: Path | None = None


@dataclass(frozen=True)
class Run:
    """What one run cost.

    :param wall: seconds from start to end.
    :param cpu: processor seconds, user and system, of the process and all it started and waited for.
    :param memory: the most that all its processes took at one moment, in bytes; what several share counts once.
    """

    wall: float
    cpu: float
    memory: int


def run(command: Command) -> Run:
    """Run a command to its end; a failed one ends the bench with what it printed."""
    with open(command.input_path or os.devnull, "rb") as stdin:
        began = time.monotonic()
        process = subprocess.Popen(
            command.argv, env=command.environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        sampler = _MemorySampler(process.pid)
        sampler.start()
        assert process.stdout is not None
        output = process.stdout.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    sampler.stop()
    if process.returncode:
        sys.exit(f"error: {command.argv} ended with {process.returncode}:\n{output.decode(errors='replace')[-4000:]}")
    # The system's own figure for the peak would be that of this program, from which the other was forked.
    return Run(wall, usage.ru_utime + usage.ru_stime, sampler.peak)


def median(runs: Sequence[Run]) -> Run:
    """The median of each figure by itself."""
    return Run(
        statistics.median(one.wall for one in runs),
        statistics.median(one.cpu for one in runs),
        int(statistics.median(one.memory for one in runs)),
    )


class _MemorySampler(threading.Thread):
    """Looks at the memory of a process and its descendants every few milliseconds."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_proportional, _family(self._pid))))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                children = Path(f"/proc/{member}/task/{task}/children").read_text(encoding="ascii")
                family.extend(int(child) for child in children.split())
        except OSError:
            continue  # It ended between two looks.
    return family


def _proportional(pid: int) -> int:
    """The resident memory of a process, of shared pages only its part (Linux: "Pss")."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # It ended between two looks.
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
