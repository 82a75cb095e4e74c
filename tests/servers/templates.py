# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data folders that are initialised once per build and copied for every fresh server."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from . import folders, paths
from .dbms import dbms_of
from .errors import CommandFailed, ServerUnavailable
from .install import program_environment
from .process import run
from .registry import ServerSpec


def template_of(spec: ServerSpec, build: Path) -> Path:
    """The initialised data folder of a build, made on the first call.

    :raises ServerUnavailable: the build cannot initialise one on this machine.
    """
    dbms = dbms_of(spec)
    digest = hashlib.sha256(dbms.settings_digest_text().encode()).hexdigest()[:6]
    name = f"{spec.build.folder}-{digest}-{paths.server_user().name}"
    final = paths.templates_dir() / name
    if final.exists():
        return final
    with paths.locked(f"template-{name}"):
        if final.exists():
            return final
        # Not in the cache: socket paths in there can be too long.
        scratch = folders.create()
        try:
            data = folders.own_subfolder(scratch, "data")
            environment = program_environment(spec.build, build)
            try:
                dbms.initialise(spec, build, environment, data, scratch)
            except CommandFailed as error:
                raise ServerUnavailable(spec.name, f"it cannot be initialised here: {error}") from error
            work = Path(tempfile.mkdtemp(prefix=f".{spec.name}-", dir=paths.templates_dir()))
            try:
                copy(data, work / "data")
                (work / "data").rename(final)
            finally:
                shutil.rmtree(work)
        finally:
            folders.remove(scratch)
    return final


def copy(source: Path, target: Path) -> None:
    """Copy a data folder with its owners and modes, sharing or leaving out blocks where the file system can."""
    run(["cp", "-a", "--reflink=auto", "--sparse=always", source, target])
