# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a bundle: the drivers' wheels for hosts that reach no index, as one tar file with a manifest.

It holds exactly the wheels that were chosen for this version, and the same choice gives the same bytes.

Usage: ``python -m tools.make_bundle [--python 3.11]… [--arch x86_64|aarch64]… [--component NAME]… [--output FILE]``
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dbfleet.errors import DbfleetError
from dbfleet.installation.bundle import MANIFEST, bundle_manifest
from dbfleet.installation.index import fetch_wheels
from dbfleet.installation.locked import COMPONENTS, MACHINES, PYTHONS
from dbfleet.installation.wheels import Wheel, check_wheel, wheels_for
from dbfleet.release import VERSION
from tests.servers.paths import cache_dir
from tools.collection_tree import CHECKOUT
from tools.lock_drivers import PYTHONS as FULL_PYTHONS


def run_program(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a program for the engine."""
    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def fetched(components: Iterable[str], pythons: Iterable[str], machines: Iterable[str]) -> dict[Wheel, Path]:
    """The wheels for all of these, each with its file; what was fetched before is taken from the cache."""
    cache = cache_dir() / "wheels"
    cache.mkdir(parents=True, exist_ok=True)
    full = {".".join(version.split(".")[:2]): version for version in FULL_PYTHONS}
    found: dict[Wheel, Path] = {}
    for python in pythons:
        for machine in machines:
            wheels = wheels_for(components, python, machine)
            missing = [wheel for wheel in wheels if not is_there(wheel, cache / wheel.file)]
            if missing:
                print(f"fetching {len(missing)} wheels for Python {python} on {machine}", flush=True)
                fetch_into(cache, missing, full[python], machine)
            found.update((wheel, cache / wheel.file) for wheel in wheels)
    return found


def fetch_into(cache: Path, wheels: Sequence[Wheel], python: str, machine: str) -> None:
    """Fetch wheels into the cache, each whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
        pip = [sys.executable, "-m", "pip"]
        paths = fetch_wheels(
            wheels, python=python, machine=machine, folder=folder, pip=pip, run=run_program, index_url=""
        )
        for path in map(Path, paths):
            path.replace(cache / path.name)


def is_there(wheel: Wheel, path: Path) -> bool:
    """Whether the cache has this wheel."""
    try:
        check_wheel(wheel, str(path))
    except DbfleetError:
        return False
    return True


def write_bundle(output: Path, wheels: Mapping[Wheel, Path], pythons: Sequence[str], machines: Sequence[str]) -> None:
    """Write the tar file, which gets its name when it is whole."""
    ordered = sorted(wheels, key=lambda wheel: wheel.file)
    manifest = bundle_manifest(VERSION, ordered, pythons, machines).encode()
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.partial")
    try:
        with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as archive:
            add(archive, MANIFEST, manifest)
            for wheel in ordered:
                add(archive, wheel.file, wheels[wheel].read_bytes())
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file; owner, mode and time are always the same."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(content))


def main(arguments: Sequence[str]) -> int:
    """Make the bundle that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="make_bundle", description="Make a bundle of the drivers' wheels.")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="for this Python (default: each)")
    parser.add_argument("--arch", action="append", choices=MACHINES, help="for this architecture (default: each)")
    parser.add_argument("--component", action="append", choices=COMPONENTS, help="only these (default: each)")
    parser.add_argument("--output", type=Path, help="the file to write (default: in dist/)")
    given = parser.parse_args(arguments)
    pythons = [one for one in PYTHONS if one in (given.python or PYTHONS)]
    machines = [one for one in MACHINES if one in (given.arch or MACHINES)]
    components = given.component or COMPONENTS
    chosen = [*(pythons if given.python else ()), *(machines if given.arch else ())]
    name = "-".join(["dbfleet-bundle", VERSION, *chosen])
    output = given.output or CHECKOUT / "dist" / f"{name}.tar"
    try:
        wheels = fetched(components, pythons, machines)
    except DbfleetError as error:
        sys.exit(f"error: {error}")
    write_bundle(output, wheels, pythons, machines)
    print(f"{output}: {len(wheels)} wheels, {output.stat().st_size / (1 << 20):.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
