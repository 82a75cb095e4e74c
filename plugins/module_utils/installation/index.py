# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Fetching the chosen wheels from an index of Python packages, by the pip of a Python."""

from __future__ import annotations

import os
import typing as t

from ..errors import InstallationError
from ..streams.file import storage_error
from .python_host import HostPython, Run
from .wheels import Wheel, check_wheel, platform_tags

_LENGTH_OF_ERROR = 500


def fetch_wheels(
    wheels: t.Sequence[Wheel], *, python: str, machine: str, folder: str, pip: t.Sequence[str], run: Run, index_url: str
) -> list[str]:
    """Fetch wheels into ``folder``, each compared with its digest, and return their paths.

    :param python: the version they are for, with its patch release; ``machine`` is the architecture.
    :param pip: the words that call pip.
    :param index_url: another index than pip's own settings say; it may hold a password and is never an argument.
    :raises InstallationError: pip could not fetch them.
    :raises CorruptArtifactError: a file is not the one that was chosen.
    """
    listing = os.path.join(folder, "requirements.txt")
    try:
        with open(listing, "w", encoding="ascii") as stream:
            stream.writelines(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels)
    except OSError as error:
        raise storage_error("write", listing, error) from error
    abi = "cp" + "".join(python.split(".")[:2])
    words = [*pip, "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    words += ["--dest", folder, "--python-version", python, "--implementation", "cp"]
    for tag in (abi, "abi3", "none"):
        words += ["--abi", tag]
    for tag in platform_tags(machine):
        words += ["--platform", tag]
    environment = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if index_url:
        environment["PIP_INDEX_URL"] = index_url
    code, output, errors = run([*words, "--requirement", listing], environment)
    if code:
        raise InstallationError(
            f"pip could not fetch the drivers: {_last_line(errors or output, index_url)}",
            hint="name an index that the host reaches, or install from a bundle",
        )
    paths = [os.path.join(folder, wheel.file) for wheel in wheels]
    for wheel, path in zip(wheels, paths):
        check_wheel(wheel, path)
    return paths


def find_pip(python: HostPython, scratch: str, run: Run) -> list[str]:
    """The words that call pip: that of the Python, else one made by its ``ensurepip`` in a folder of its own.

    :param scratch: a folder for that.
    :raises InstallationError: neither is there.
    """
    words = [python.executable, "-m", "pip"]
    if not run([*words, "--version"], {})[0]:
        return words
    place = os.path.join(scratch, "pip")
    code, output, errors = run([python.executable, "-m", "venv", place], {})
    if code:
        raise InstallationError(
            f"{python.executable} has no pip to fetch the drivers with: {_last_line(errors or output, '')}",
            hint="install python3-pip or python3-venv, or install from a bundle, which needs neither",
        )
    return [os.path.join(place, "bin", "python"), "-m", "pip"]


def _last_line(text: str, secret: str) -> str:
    """The last line, which says what failed; those before it list all that was looked at."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("WARNING")]
    shown = lines[-1] if lines else "it said nothing"
    return (shown.replace(secret, "(the index)") if secret else shown)[-_LENGTH_OF_ERROR:]
