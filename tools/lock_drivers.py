# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the wheel of every driver for each Python and architecture of a managed host, and write them down.

The list, with the SHA-256 of each wheel, is a file of the engine: what is installed on a host is what was chosen here,
whether it comes from an index or from a bundle.

Usage: ``python -m tools.lock_drivers``
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.collection_tree import CHECKOUT

OUTPUT = CHECKOUT / "plugins" / "module_utils" / "installation" / "locked.py"
# Some packages refuse the first patch releases of 3.9; Debian 11, the oldest system that has it, has 3.9.2.
PYTHONS = ("3.9.2", "3.10.2", "3.11.2", "3.12.1", "3.13.1", "3.14.0")
MACHINES = ("x86_64", "aarch64")
# The C library of RHEL 8; Debian 11 and Ubuntu 20.04 have a newer one.
GLIBC = 28
ALIASES = {"2014": 17, "2010": 12, "1": 5}
# What each component of an installation needs, by the names of the extras in pyproject.toml; of boto3, botocore.
COMPONENTS = {
    "postgresql": ("psycopg[binary]>=3.2",),
    "mysql": ("PyMySQL>=1.1", "cryptography>=41"),
    "encryption": ("cryptography>=41",),
    "zstd": ("zstandard>=0.21",),
    "lz4": ("lz4>=4.3",),
    "isal": ("isal>=1.6",),
    "numpy": ("numpy>=1.24",),
    "s3": ("botocore>=1.21",),
    "rich": ("rich>=13",),
}
HEADER = '''# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The wheels of the drivers, chosen for every Python and architecture; written by ``tools/lock_drivers.py``.

Of each wheel: its file name, its SHA-256, the components that need it, and the Pythons and architectures for which it
was chosen.
"""

from __future__ import annotations

COMPONENTS = {components}
PYTHONS = {pythons}
MACHINES = {machines}
#: The least glibc 2.x that the wheels were chosen for.
LEAST_GLIBC = {glibc}
#: The platform tags from before PEP 600, each with the glibc 2.x that it stands for.
GLIBC_TAGS = {tags}

WHEELS = """\\
{wheels}
"""
'''


@dataclasses.dataclass
class Wheel:
    """One file, and what it was chosen for."""

    sha256: str
    components: set[str] = dataclasses.field(default_factory=set)
    pythons: set[str] = dataclasses.field(default_factory=set)
    machines: set[str] = dataclasses.field(default_factory=set)


def platforms(machine: str) -> Iterator[str]:
    """The platform tags of wheels that run on ``machine`` with the least C library, the newest first."""
    for minor in range(GLIBC, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
        yield from (f"manylinux{alias}_{machine}" for alias, standard in ALIASES.items() if standard == minor)


def resolved(python: str, machine: str, folder: Path) -> list[dict[str, Any]]:
    """What pip would install there of all components."""
    report = folder / f"{python}-{machine}.json"
    short = "".join(python.split(".")[:2])
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--quiet", "--ignore-installed"]
    words += ["--report", str(report), "--target", str(folder / "unused"), "--only-binary", ":all:"]
    words += ["--python-version", python, "--implementation", "cp", "--abi", f"cp{short}", "--abi", "abi3"]
    words += ["--abi", "none"]
    for platform in platforms(machine):
        words += ["--platform", platform]
    words += sorted({requirement for needed in COMPONENTS.values() for requirement in needed})
    subprocess.run(words, check=True)
    return list(json.loads(report.read_text(encoding="utf-8"))["install"])


def closure(component: str, items: dict[str, dict[str, Any]], environment: dict[str, str]) -> set[str]:
    """The names of the packages that ``component`` needs."""
    found: set[tuple[str, str]] = set()
    ahead = [Requirement(text) for text in COMPONENTS[component]]
    while ahead:
        requirement = ahead.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key in found:
                continue
            found.add(key)
            for text in items[key[0]]["metadata"].get("requires_dist", []):
                below = Requirement(text)
                if below.marker is None or below.marker.evaluate({**environment, "extra": extra}):
                    ahead.append(below)
    return {name for name, _extra in found}


def lines(wheels: dict[str, Wheel], pythons: Iterable[str]) -> Iterator[str]:
    """The list as it is written."""
    for file, wheel in sorted(wheels.items(), key=lambda item: item[0].lower()):
        components = ",".join(name for name in COMPONENTS if name in wheel.components)
        chosen_for = ",".join(python for python in pythons if python in wheel.pythons)
        machines = ",".join(machine for machine in MACHINES if machine in wheel.machines)
        yield f"{file}\n  {wheel.sha256}\n  {components} {chosen_for} {machines}"


def literal(words: Iterable[str]) -> str:
    """A tuple of texts, as the formatter writes it."""
    return "(" + ", ".join(f'"{word}"' for word in words) + ")"


def main() -> None:
    """Resolve every environment and write the list."""
    wheels: dict[str, Wheel] = {}
    shorts = [".".join(python.split(".")[:2]) for python in PYTHONS]
    with tempfile.TemporaryDirectory(prefix="dbfleet-lock-") as folder:
        for python, short in zip(PYTHONS, shorts, strict=True):
            for machine in MACHINES:
                items = {
                    canonicalize_name(item["metadata"]["name"]): item
                    for item in resolved(python, machine, Path(folder))
                }
                environment = {
                    "python_version": short,
                    "python_full_version": python,
                    "implementation_name": "cpython",
                    "platform_python_implementation": "CPython",
                    "sys_platform": "linux",
                    "platform_system": "Linux",
                    "platform_machine": machine,
                    "os_name": "posix",
                }
                for component in COMPONENTS:
                    for name in closure(component, items, environment):
                        source = items[name]["download_info"]
                        file = source["url"].rsplit("/", 1)[1]
                        wheel = wheels.setdefault(file, Wheel(source["archive_info"]["hashes"]["sha256"]))
                        wheel.components.add(component)
                        wheel.pythons.add(short)
                        wheel.machines.add(machine)
                print(f"Python {short} on {machine}: {len(items)} packages")
    text = HEADER.format(
        components=literal(COMPONENTS),
        pythons=literal(shorts),
        machines=literal(MACHINES),
        glibc=GLIBC,
        tags="{" + ", ".join(f'"{tag}": {minor}' for tag, minor in ALIASES.items()) + "}",
        wheels="\n".join(lines(wheels, shorts)),
    )
    OUTPUT.write_text(text, encoding="utf-8")
    print(f"{len(wheels)} wheels are in {OUTPUT.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
