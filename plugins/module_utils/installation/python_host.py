# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The Python of a host that is to run the command: its version, and for which machine it was built."""

from __future__ import annotations

import json
import typing as t

from ..errors import UsageError
from ..lazy_dataclass import dataclass
from .locked import LEAST_GLIBC, MACHINES, PYTHONS

LEAST_PYTHON = (3, 9)
_PROBE = """
import json, platform, struct, sys
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "system": sys.platform,
    "machine": platform.machine().lower(),
    "bits": struct.calcsize("P") * 8,
    "libc": list(platform.libc_ver()),
}))
"""
_SAME_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


class Run(t.Protocol):
    """Runs a program: its words, and what to add to its environment; gives its exit code, output and errors."""

    def __call__(self, words: t.Sequence[str], environment: t.Mapping[str, str]) -> tuple[int, str, str]: ...


@dataclass(frozen=True)
class HostPython:
    """A Python on a host.

    :param executable: its path.
    :param version: with its patch release.
    :param machine: ``x86_64`` or ``aarch64``, or another name for one for which no wheels were chosen.
    :param glibc: the C library's version, empty where it is another one.
    """

    executable: str
    version: tuple[int, ...]
    implementation: str
    system: str
    machine: str
    bits: int
    glibc: tuple[int, ...]

    @property
    def release(self) -> str:
        """Its version without the patch release, for example ``3.11``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full_version(self) -> str:
        """Its version with the patch release, for example ``3.11.2``."""
        return ".".join(map(str, self.version))

    def without_wheels(self) -> str:
        """Why there are no wheels for it; empty where there are."""
        if self.implementation != "cpython":
            return f"it is {self.implementation}, not CPython"
        if self.release not in PYTHONS:
            return f"it is version {self.release}, and drivers were chosen for {PYTHONS[0]} to {PYTHONS[-1]}"
        if self.system != "linux" or self.machine not in MACHINES or self.bits != 64:
            return f"it was built for {self.system} on {self.machine} ({self.bits} bits)"
        if self.glibc < (2, LEAST_GLIBC):
            found = ".".join(map(str, self.glibc)) or "another C library"
            return f"its system has {found}, and glibc 2.{LEAST_GLIBC} or later is needed"
        return ""


def probe_python(executable: str, run: Run) -> HostPython:
    """Find out about a Python by running it.

    :raises UsageError: it does not run, or is older than 3.9.
    """
    code, output, errors = run([executable, "-I", "-c", _PROBE], {})
    if code:
        raise UsageError(
            f"the Python {executable} does not run: {(errors or output).strip()[-500:]}",
            hint="install Python 3.9 or later, or name another one",
        )
    found = json.loads(output.strip().splitlines()[-1])
    version = tuple(found["version"])
    if version < LEAST_PYTHON:
        raise UsageError(
            f"the Python {executable} is version {'.'.join(map(str, version))}; 3.9 or later is needed",
            hint="install a newer one beside it and name it",
        )
    kind, number = found["libc"]
    glibc = tuple(int(part) for part in number.split(".")[:2]) if kind == "glibc" else ()
    machine = _SAME_MACHINE.get(found["machine"], found["machine"])
    return HostPython(executable, version, found["implementation"], found["system"], machine, int(found["bits"]), glibc)
