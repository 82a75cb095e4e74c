# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of each process of a command, for the programs that measure at scale."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dbfleet.measured import family_of


def peaks(command: list[str], environment: dict[str, str]) -> tuple[dict[int, int], bytes]:
    """Run a command: the most resident memory of each of its processes in bytes, and what it printed."""
    found: dict[int, int] = {}
    with tempfile.TemporaryFile() as output, subprocess.Popen(command, env=environment, stdout=output) as process:
        while process.poll() is None:
            for pid in family_of(process.pid):
                found[pid] = max(found.get(pid, 0), _highest(pid))
            time.sleep(0.05)
        output.seek(0)
        if process.returncode:
            sys.exit(f"error: {command} ended with {process.returncode}")
        return found, output.read()


def _highest(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0  # It ended between two looks.
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def say(found: dict[int, int], limit: int) -> None:
    """Print what :func:`peaks` found; end with an error where one process took as much as ``limit``."""
    for pid, size in found.items():
        sys.stdout.write(f"process {pid}: {size / 1e6:.0f} MB\n")
    if max(found.values()) >= limit:
        sys.exit("error: a process took too much memory")
