# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Pythons can run the command, and for which there are wheels."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dbfleet.errors import UsageError
from dbfleet.installation.python_host import HostPython, probe_python

GOOD = HostPython("/usr/bin/python3", (3, 11, 2), "cpython", "linux", "x86_64", 64, (2, 36))


def run(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(environment) or None)
    return done.returncode, done.stdout, done.stderr


def test_this_python_is_known() -> None:
    found = probe_python(sys.executable, run)
    assert found.version == sys.version_info[:3]
    assert found.release == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert found.implementation == sys.implementation.name


def test_what_does_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="does not run"):
        probe_python("/bin/false", run)


def test_an_old_python_is_refused() -> None:
    probe = '{"version": [3, 6, 8], "implementation": "cpython", "system": "linux", "machine": "x86_64", "bits": 64, '
    answer = probe + '"libc": ["glibc", "2.28"]}'
    with pytest.raises(UsageError, match=r"3\.6\.8; 3\.9 or later"):
        probe_python("/usr/bin/python3", lambda _words, _environment: (0, answer, ""))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"implementation": "pypy"}, "not CPython"),
        ({"version": (3, 8, 1)}, "version 3.8"),
        ({"version": (3, 99, 0)}, "version 3.99"),
        ({"machine": "ppc64le"}, "ppc64le"),
        ({"bits": 32}, "32 bits"),
        ({"system": "darwin"}, "darwin"),
        ({"glibc": ()}, "another C library"),
        ({"glibc": (2, 17)}, "2.17"),
    ],
)
def test_for_whom_there_are_wheels(changes: dict[str, Any], reason: str) -> None:
    found = dataclasses.replace(GOOD, **changes).without_wheels()
    assert reason in found if reason else found == ""
