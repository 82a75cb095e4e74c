# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A bundle: the wheels for hosts that reach no index, as a tar file or a folder, with their digests in a manifest.

The manifest is for people and other programs. What is installed is compared with what was chosen for this version.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import typing as t

from ..errors import CorruptArtifactError, NotFoundError
from ..streams.file import storage_error
from .wheels import Wheel, check_wheel

MANIFEST = "manifest.json"
FORMAT = 1


def bundle_manifest(
    version: str, wheels: t.Sequence[Wheel], pythons: t.Sequence[str], machines: t.Sequence[str]
) -> str:
    """The manifest of a bundle as JSON."""
    data = {
        "format": FORMAT,
        "version": version,
        "pythons": list(pythons),
        "machines": list(machines),
        "wheels": {wheel.file: wheel.sha256 for wheel in wheels},
    }
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def wheels_out_of(bundle: str, wheels: t.Sequence[Wheel], folder: str) -> list[str]:
    """Bring the wheels out of a bundle; each is compared with its digest.

    :param folder: for what is taken out of a tar file.
    :return: the path of each.
    :raises NotFoundError: there is no bundle, or it lacks wheels.
    :raises CorruptArtifactError: it or a wheel in it is not what it must be.
    """
    if os.path.isdir(bundle):
        paths = {wheel.file: os.path.join(bundle, wheel.file) for wheel in wheels}
        missing = [file for file, path in paths.items() if not os.path.isfile(path)]
    elif os.path.isfile(bundle):
        paths, missing = _taken_out(bundle, wheels, folder)
    else:
        raise NotFoundError(f"there is no bundle {bundle}", hint="make one: make bundle, in the collection's source")
    if missing:
        raise NotFoundError(
            f"the bundle {bundle} lacks {', '.join(missing)}",
            hint="make it with this version of the collection, for the host's Python and architecture",
            missing=missing,
        )
    for wheel in wheels:
        check_wheel(wheel, paths[wheel.file])
    return list(paths.values())


def _taken_out(bundle: str, wheels: t.Sequence[Wheel], folder: str) -> tuple[dict[str, str], list[str]]:
    """The paths of the wheels that a tar file holds, and the names of the others."""
    paths: dict[str, str] = {}
    wanted = {wheel.file for wheel in wheels}
    try:
        with tarfile.open(bundle) as archive:
            for member in archive:
                name = os.path.basename(member.name)
                source = archive.extractfile(member) if member.isfile() and name in wanted else None
                if source is not None:
                    paths[name] = os.path.join(folder, name)
                    with open(paths[name], "wb") as stream:
                        shutil.copyfileobj(source, stream)
    except (tarfile.TarError, EOFError) as error:
        raise CorruptArtifactError(
            f"{bundle} is not a bundle: {error}", hint="copy it again, or make it again"
        ) from error
    except OSError as error:
        raise storage_error("read", bundle, error) from error
    return paths, sorted(wanted - set(paths))
