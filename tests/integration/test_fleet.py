# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of tests/fleet: they boot, find each other, come back, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import image, machine
from tests.fleet.errors import FleetError, FleetUnavailable
from tests.fleet.fleet import OWNER_VARIABLE, Fleet
from tests.servers.process import start_time

# The first run on a machine makes the image.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    try:
        made = Fleet(f"t{os.getpid()}")
        image.ensure("base")
    except FleetUnavailable as reason:
        pytest.skip(f"no hosts here: {reason}")
    yield made
    made.down()


def output(fleet: Fleet, host: str, command: str) -> str:
    words = ["ssh", *fleet.ssh_options(), f"root@{fleet.host(host).alias}", command]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.strip()


def traces(fleet: Fleet) -> list[str]:
    """What anybody can see of the fleet from outside."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(fleet.folder) in line]
    links = [name for name in os.listdir("/sys/class/net") if name.startswith(("veth", "br0"))]
    groups = [str(path) for root in machine.cgroup_roots() for path in root.glob(f"dbfleet-*-{fleet.name}-*")]
    return [*mounts, *links, *groups, *([str(fleet.folder)] if fleet.folder.exists() else [])]


def test_hosts_boot_and_find_each_other_and_leave_no_trace(fleet: Fleet) -> None:
    one, two = fleet.up({"one": "base", "two": "base"})
    assert output(fleet, "one", "hostname; cat /proc/1/comm").split() == ["one", "systemd"]
    assert output(fleet, "one", "systemctl is-system-running --wait") == "running"
    assert "0% packet loss" in output(fleet, "one", "ping -c1 two")
    # Nothing of anybody else can be reached, and that is said at once.
    assert "Unreachable" in output(fleet, "two", "ping -c1 -W5 192.0.2.1 || :")
    assert not [line for line in traces(fleet) if "/proc" in line or "veth" in line or "overlay" in line]
    assert fleet.up({"one": "base"}) == [one]

    before = output(fleet, "one", "touch /root/kept; cut -d. -f1 /proc/1/stat")
    fleet.reboot("one")
    assert output(fleet, "one", "ls /root") == "kept"
    assert before

    fleet.down(["two"])
    assert fleet.hosts == [one]
    assert not two.folder.exists()
    fleet.down()
    assert traces(fleet) == []


def test_killing_the_holder_ends_everything(fleet: Fleet) -> None:
    (host,) = fleet.up({"one": "base"})
    holder = json.loads((fleet.folder / "holder.json").read_text())["pid"]
    os.kill(holder, signal.SIGKILL)
    fleet.down()
    assert start_time(holder) is None
    assert not host.running
    assert traces(fleet) == []


def test_a_fleet_ends_with_an_owner_who_is_killed(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "owner"
    lock.touch()
    script = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"
    owner = subprocess.Popen(
        [sys.executable, "-c", script, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert owner.stdout is not None
        owner.stdout.readline()
        monkeypatch.setenv(OWNER_VARIABLE, str(lock))
        (host,) = fleet.up({"one": "base"})
        assert host.running
    finally:
        owner.kill()
        owner.communicate()
    # It is the fleet's own keeper that clears up.
    deadline = time.monotonic() + 240
    while traces(fleet) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert traces(fleet) == []
    assert not host.running


def test_a_host_that_cannot_be_is_refused(fleet: Fleet) -> None:
    with pytest.raises(FleetError, match="no image 'windows'"):
        fleet.up({"one": "windows"})
    with pytest.raises(FleetError, match="cannot name a fleet or a host"):
        fleet.up({"../one": "base"})
    assert traces(fleet) == []
