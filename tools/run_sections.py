# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make targets under headings, some beside each other, stop at the first that fails, and say how long each took.

Usage: ``python -m tools.run_sections GROUP…``, one group after the other. The targets of a group are made one after the
other, too, but where a comma divides them: what stands behind it is made meanwhile, and shown when it has ended
(``"unit build, sanity"``). Few of them use more than one core.

A target that cannot do its work on this machine succeeds and writes why into the file that ``SECTION_SKIPPED`` names.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO

PASSED, FAILED, ENDED = "passed", "FAILED", "ended, since another failed"


class Sections:
    """Makes targets in groups; the first failure ends all that runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._failed = ""
        self._report: list[str] = []

    def run(self, groups: list[str]) -> str:
        """:return: the target that failed first, or nothing."""
        for group in groups:
            first, *beside = [lane.split() for lane in group.split(",")]
            threads = [threading.Thread(target=self._lane, args=(lane, True)) for lane in beside]
            for thread in threads:
                thread.start()
            self._lane(first, False)
            for thread in threads:
                thread.join()
            if self._failed:
                break
        return self._failed

    def report(self) -> str:
        """A line for each target that was begun."""
        return "\n".join(self._report)

    def end(self) -> None:
        """End everything that runs, with all its children."""
        with self._lock:
            self._failed = self._failed or "nothing: it was interrupted"
            for process in self._running:
                os.killpg(process.pid, signal.SIGINT)

    def _lane(self, targets: list[str], aside: bool) -> None:
        for target in targets:
            if not self._make(target, aside):
                return

    def _make(self, target: str, aside: bool) -> bool:
        skipped = self._folder / f"{target}.skipped"
        log = self._folder / f"{target}.log"
        started = time.monotonic()
        if not aside:
            print(_heading(target), flush=True)
        with log.open("wb") as output:
            process = self._start(target, skipped, output if aside else None)
            code = process.wait() if process else 1
        if process is None:
            return False
        outcome = self._done(process, target, code)
        if outcome == PASSED and skipped.exists():
            outcome = f"skipped: {skipped.read_text().strip()}"
        with self._lock:
            if aside:
                print(_heading(target), log.read_text(errors="replace"), sep="\n", flush=True)
            self._report.append(f"  {target:16} {time.monotonic() - started:5.0f} s  {outcome}")
        return code == 0

    def _start(self, target: str, skipped: Path, output: IO[bytes] | None) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._failed:
                return None
            process = subprocess.Popen(
                [os.environ.get("MAKE", "make"), "--no-print-directory", target],
                env={**os.environ, "SECTION_SKIPPED": str(skipped)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _done(self, process: subprocess.Popen[bytes], target: str, code: int) -> str:
        with self._lock:
            self._running.discard(process)
            if code == 0:
                return PASSED
            if self._failed:
                return ENDED
            self._failed = target
            for other in self._running:
                os.killpg(other.pid, signal.SIGINT)
            return FAILED


def _heading(target: str) -> str:
    return f"\n=== make {target} {'=' * 60}"


def main(groups: list[str]) -> int:
    """Make the groups' targets; 1 if one failed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dbf-sections-") as folder:
        sections = Sections(Path(folder))

        def interrupted(number: int, _frame: FrameType | None) -> None:
            sections.end()
            sys.exit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupted)
        failed = sections.run(groups)
    print("\n=== summary", sections.report(), sep="\n")
    print(f"{f'FAILED in make {failed}' if failed else PASSED} after {time.monotonic() - started:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
