# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a command, measured from outside: wall time, processor time and memory of all its processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbfleet.measured import Cost, MemorySampler


@dataclass(frozen=True)
class Command:
    """A program with its environment and, where it reads one, its standard input."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    input_path: Path | None = None


def run(command: Command) -> Cost:
    """Run a command to its end; a failed one ends the bench with what it printed."""
    with open(command.input_path or os.devnull, "rb") as stdin:
        began = time.monotonic()
        process = subprocess.Popen(
            command.argv, env=command.environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        sampler = MemorySampler(process.pid)
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
    return Cost(wall, usage.ru_utime + usage.ru_stime, sampler.peak)


def median(runs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(
        statistics.median(one.wall for one in runs),
        statistics.median(one.cpu for one in runs),
        int(statistics.median(one.memory for one in runs)),
    )
