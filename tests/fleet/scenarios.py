# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run molecule's scenarios on real hosts: ``python -m tests.fleet.scenarios [SCENARIO…]``, by default all of them.

Each scenario has a fleet of its own, which is gone afterwards however the scenario has ended. With
``DBFLEET_INVENTORY=FILE`` the scenarios run on somebody's own hosts of that inventory instead.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from tests.servers.errors import ServerUnavailable
from tools.collection_tree import CHECKOUT, exported_collection, tool_environment

from . import image, machine
from .errors import FleetUnavailable
from .fleet import OWNER_VARIABLE, Fleet, sweep

#: Names a file for the reason why nothing was run; see tools/run_sections.py.
SKIPPED_VARIABLE = "SECTION_SKIPPED"
_SCENARIOS = CHECKOUT / "extensions" / "molecule"
# Of these the scenarios install some; every host gets a copy of them all.
_COMPONENTS = ("postgresql", "mysql", "encryption", "zstd", "s3")
_TARGET_PYTHON = "3.11"  # of the hosts of tests/fleet
_GRACE_SECONDS = 60


def names() -> list[str]:
    """Every scenario."""
    return sorted(path.parent.name for path in _SCENARIOS.glob("*/molecule.yml"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; 1 if one failed, 3 if this machine cannot run hosts."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet.scenarios", description=__doc__)
    parser.add_argument("--where-possible", action="store_true", help="a machine that cannot run hosts is no failure")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(names())}")
    options = parser.parse_args(arguments)
    chosen = options.scenarios or names()
    strangers = sorted(set(chosen) - set(names()))
    if strangers:
        parser.error(f"there is no scenario {', '.join(strangers)}; there are {', '.join(names())}")
    # What is to be cleared up is cleared up by "finally".
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    own_hosts = os.environ.get("DBFLEET_INVENTORY", "")
    try:
        return _run_all(chosen, own_hosts)
    except (FleetUnavailable, ServerUnavailable) as error:
        print(f"no hosts here: {error}", file=sys.stderr)
        if not options.where_possible:
            return 3
        if os.environ.get(SKIPPED_VARIABLE):
            Path(os.environ[SKIPPED_VARIABLE]).write_text(f"no hosts here: {' '.join(str(error).split())[:300]}\n")
        return 0


def _run_all(chosen: Sequence[str], own_hosts: str) -> int:
    report = []
    with tempfile.TemporaryDirectory(prefix="dbf-bundle-") as folder, ThreadPoolExecutor() as threads:
        bundle = Path(folder, "dbfleet-bundle.tar")
        if not own_hosts:
            machine.probe()
            sweep()
        bundled = threads.submit(_make_bundle, bundle)
        if not own_hosts:
            _make_images(chosen)
        if bundled.result():
            return 1
        for scenario in chosen:
            print(f"--- scenario {scenario}", flush=True)
            started = time.monotonic()
            code = run(scenario, bundle=bundle, own_hosts=own_hosts)
            report.append((scenario, "passed" if code == 0 else "FAILED", time.monotonic() - started))
    for scenario, outcome, seconds in report:
        print(f"{scenario:20} {outcome}  {seconds:.0f} s")
    return 0 if all(outcome == "passed" for _scenario, outcome, _seconds in report) else 1


def _make_images(chosen: Sequence[str]) -> None:
    """Make the images of the scenarios' hosts, those upon the same one side by side."""
    wanted = set()
    for scenario in chosen:
        hosts = yaml.safe_load((_SCENARIOS / scenario / "vars" / "hosts.yml").read_text())["fleet_hosts"]
        wanted |= {word.partition("=")[2] for word in hosts}
    image.ensure(image.BASE.name)
    with ThreadPoolExecutor() as threads:
        list(threads.map(image.ensure, sorted(wanted)))


def run(scenario: str, *, bundle: Path, own_hosts: str) -> int:
    """Run one scenario by ``molecule test``; molecule's exit code."""
    # Two runs at once have nothing in common.
    fleet = "" if own_hosts else f"m{os.getpid()}"
    with exported_collection() as root, tempfile.TemporaryDirectory(prefix="dbf-molecule-") as folder:
        inventory = Path(own_hosts).absolute() if own_hosts else Path(folder, "inventory.json")
        if not own_hosts:
            inventory.write_text("{}")
        owner = Path(folder, "owner")
        environment = {
            **tool_environment(root),
            "DBFLEET_BUNDLE": str(bundle),
            "DBFLEET_FLEET": fleet,
            "DBFLEET_INVENTORY": str(inventory),
            "DBFLEET_PYTHON": sys.executable,
            OWNER_VARIABLE: str(owner),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(Path(folder, "molecule")),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }
        command = [str(Path(sys.executable).with_name("molecule")), "test", "--scenario-name", scenario]
        with _owned(owner):
            try:
                return _run_group(command, cwd=root, environment=environment)
            finally:
                if fleet:
                    Fleet(fleet).down()


@contextlib.contextmanager
def _owned(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which ends with this process even where it is killed."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run_group(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> int:
    """Run a program to its end; where this process is to end before, so does all that the program has started."""
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait()
    except BaseException:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        raise


def _make_bundle(output: Path) -> int:
    """Put the drivers for the hosts, which have no network, into one file; the exit code."""
    words = ["--python", _TARGET_PYTHON, "--arch", platform.machine(), "--output", str(output)]
    parts = [word for name in _COMPONENTS for word in ("--component", name)]
    command = [sys.executable, "-m", "tools.make_bundle", *words, *parts]
    return subprocess.run(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
