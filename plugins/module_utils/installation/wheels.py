# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The chosen wheels: which of them an installation needs, and how one is unpacked.

A wheel is a zip file whose content is laid out as it is installed. None of the chosen ones has anything to build or to
run, so that no installer is needed on the host.
"""

from __future__ import annotations

import hashlib
import os
import typing as t
import zipfile

from ..errors import CorruptArtifactError, UsageError
from ..lazy_dataclass import dataclass
from ..streams.file import storage_error
from .locked import COMPONENTS, GLIBC_TAGS, LEAST_GLIBC, WHEELS

_FIELDS = 5
_CHUNK = 1 << 20
#: What a wheel may install elsewhere than beside the packages; only the first two belong there.
_PACKAGES = ("purelib", "platlib")


@dataclass(frozen=True)
class Wheel:
    """One chosen wheel.

    :param file: its name.
    :param sha256: of its content, in hexadecimal.
    :param components: what needs it.
    :param pythons: the versions for which it was chosen, as are ``machines``.
    """

    file: str
    sha256: str
    components: tuple[str, ...]
    pythons: tuple[str, ...]
    machines: tuple[str, ...]

    @property
    def name(self) -> str:
        """The package's name, as the file's name has it."""
        return self.file.split("-")[0]

    @property
    def version(self) -> str:
        """The package's version."""
        return self.file.split("-")[1]


def all_wheels() -> tuple[Wheel, ...]:
    """Every wheel that was chosen, in the order of their names."""
    words = WHEELS.split()
    return tuple(
        Wheel(file, sha256, *(tuple(word.split(",")) for word in lists))
        for file, sha256, *lists in (words[start : start + _FIELDS] for start in range(0, len(words), _FIELDS))
    )


def wheels_for(components: t.Iterable[str], python: str, machine: str) -> tuple[Wheel, ...]:
    """The wheels that ``components`` need on one Python and architecture.

    :param python: without its patch release, ``3.11``.
    :raises UsageError: there is no such component.
    """
    wanted = check_components(components)
    return tuple(
        wheel
        for wheel in all_wheels()
        if python in wheel.pythons and machine in wheel.machines and wanted & set(wheel.components)
    )


def check_components(components: t.Iterable[str]) -> set[str]:
    """The components.

    :raises UsageError: there is no such component.
    """
    wanted = set(components)
    unknown = sorted(wanted - set(COMPONENTS))
    if unknown:
        raise UsageError(f"there is no component {unknown[0]!r}", hint=f"choose from {', '.join(COMPONENTS)}")
    return wanted


def platform_tags(machine: str) -> tuple[str, ...]:
    """The platforms of wheels that run wherever the chosen ones do, the newest first."""
    tags = []
    for minor in range(LEAST_GLIBC, 4, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        tags += [f"manylinux{tag}_{machine}" for tag, standard in GLIBC_TAGS.items() if standard == minor]
    return tuple(tags)


def check_wheel(wheel: Wheel, path: str) -> None:
    """Compare a file with what was chosen.

    :raises CorruptArtifactError: it is another one.
    :raises StorageError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(chunk)
    except OSError as error:
        raise storage_error("read", path, error) from error
    if digest.hexdigest() != wheel.sha256:
        raise CorruptArtifactError(
            f"{path} is not the {wheel.file} that was chosen for this version: its SHA-256 is {digest.hexdigest()}",
            hint="fetch it again, or make the bundle again with this version of the collection",
        )


def wheel_members(path: str) -> t.Iterator[tuple[str, bytes]]:
    """The files of a wheel as they lie among the packages, each with its content; programs are left out.

    :raises CorruptArtifactError: it is no wheel, or a name in it leads elsewhere.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                target = "" if member.is_dir() else _place(member.filename, path)
                if target:
                    yield target, archive.read(member)
    except zipfile.BadZipFile as error:
        raise CorruptArtifactError(f"{path} is not a wheel: {error}", hint="fetch it again") from error
    except OSError as error:
        raise storage_error("read", path, error) from error


def _place(name: str, path: str) -> str:
    """Where a member goes below the folder of the packages; empty for one that is not installed."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise CorruptArtifactError(f"{path} holds a file with the name {name!r}", hint="fetch the wheel again")
    if parts[0].endswith(".data"):
        return os.path.join(*parts[2:]) if parts[1] in _PACKAGES else ""
    return os.path.join(*parts)
