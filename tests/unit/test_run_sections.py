# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``make test`` makes, and what it says when something fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MAKEFILE = """\
.RECIPEPREFIX := >
good better:
> @echo $@ speaks
> @touch $@.done
bad:
> @echo $@ speaks >&2; exit 3
long:
> @touch $@.begun; sleep 600; touch $@.done
after:
> @until test -e long.begun; do sleep 0.05; done; exit 1
lacking:
> @echo 'no hosts here' > "$$SECTION_SKIPPED"
"""


def begin(folder: Path, *groups: str) -> subprocess.Popen[str]:
    (folder / "Makefile").write_text(MAKEFILE)
    return subprocess.Popen(
        [sys.executable, "-m", "tools.run_sections", *groups],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def summary(output: str) -> list[str]:
    lines = output.partition("\n=== summary\n")[2].splitlines()
    return [" ".join(word for word in line.split() if not word.isdigit()) for line in lines]


def test_all_are_made_and_told(tmp_path: Path) -> None:
    process = begin(tmp_path, "good lacking", "good, better")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert output.count("good speaks") == 2
    assert output.index("=== make better") < output.index("better speaks")
    told = summary(output)
    assert told[:2] == ["good s passed", "lacking s skipped: no hosts here"]
    assert sorted(told[2:4]) == ["better s passed", "good s passed"]
    assert told[4] == "passed after s"


@pytest.mark.parametrize("group", ["bad good", "bad good, better"])
def test_a_failure_is_the_last_of_its_lane(tmp_path: Path, group: str) -> None:
    process = begin(tmp_path, group, "good")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "bad speaks" in output
    assert not (tmp_path / "good.done").exists()
    told = summary(output)
    assert "bad s FAILED" in told
    assert told[-1] == "FAILED in make bad after s"


@pytest.mark.parametrize("group", ["long, after", "after, long"])
def test_a_failure_ends_what_runs_beside(tmp_path: Path, group: str) -> None:
    process = begin(tmp_path, group)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert sorted(summary(output)[:2]) == ["after s FAILED", "long s ended, since another failed"]


def test_an_interrupt_ends_all(tmp_path: Path) -> None:
    process = begin(tmp_path, "long, good", "better")
    deadline = time.monotonic() + 60
    while not (tmp_path / "long.begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "better.done").exists()
