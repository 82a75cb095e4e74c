# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory a process can take, as its host and its control groups say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.host_memory import available_memory

GIB = 1 << 30


class Host:
    """A host's files, with a process 7 of a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("proc/7/comm", "postgres\n")
        self.write("proc/7/cgroup", "0::/\n")
        self.write("proc/meminfo", f"MemTotal: 1 kB\nMemFree: 2 kB\nMemAvailable: {8 << 20} kB\n")

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def available(self) -> int:
        return available_memory(7, name="postgres", proc=str(self.folder / "proc"), cgroups=str(self.folder / "cgroup"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_the_host_has(host: Host) -> None:
    assert host.available() == 8 * GIB


def test_what_a_group_above_leaves(host: Host) -> None:
    host.write("proc/7/cgroup", "0::/system.slice/postgresql.service\n")
    host.write("cgroup/system.slice/postgresql.service/memory.max", "max\n")
    host.write("cgroup/system.slice/postgresql.service/memory.high", "max\n")
    assert host.available() == 8 * GIB
    host.write("cgroup/system.slice/memory.max", f"{3 * GIB}\n")
    host.write("cgroup/system.slice/memory.current", f"{GIB}\n")
    assert host.available() == 2 * GIB
    host.write("cgroup/system.slice/memory.current", f"{4 * GIB}\n")
    assert host.available() == 0


def test_what_a_container_leaves(host: Host) -> None:
    """Its own group is the top of what is seen inside."""
    host.write("cgroup/memory.max", f"{3 * GIB}\n")
    host.write("cgroup/memory.current", f"{GIB}\n")
    assert host.available() == 2 * GIB


def test_what_a_group_of_the_first_version_leaves(host: Host) -> None:
    host.write("proc/7/cgroup", "5:devices:/a\n4:cpu,memory:/a\n0::/\n")
    host.write("cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n")
    host.write("cgroup/memory/a/memory.usage_in_bytes", f"{GIB}\n")
    assert host.available() == 8 * GIB
    host.write("cgroup/memory/a/memory.limit_in_bytes", f"{2 * GIB}\n")
    assert host.available() == GIB


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("proc/7/comm", "sh\n"),
        ("proc/7/cgroup", "unheard of\n"),
        ("proc/meminfo", "MemTotal: 1 kB\n"),
        ("proc/meminfo", "MemAvailable: lots kB\n"),
    ],
)
def test_nothing_where_that_is_not_known(host: Host, path: str, text: str) -> None:
    host.write(path, text)
    assert host.available() == 0


def test_nothing_of_another_host(host: Host) -> None:
    (host.folder / "proc/7/comm").unlink()
    assert host.available() == 0
