# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How much room a file system has, before anything is written to it."""

from __future__ import annotations

import os
import shutil
import typing as t

from ..errors import OutOfSpaceError
from .file import storage_error


def free_bytes(folder: str) -> int:
    """How many bytes this user can still write below a folder, which need not be there yet.

    :raises StorageError: the system does not tell.
    """
    try:
        return shutil.disk_usage(_existing(folder)).free
    except OSError as error:
        raise storage_error("look at", folder, error) from error


def check_free_bytes(needed: t.Mapping[str, int], *, what: str, hint: str) -> None:
    """Compare what is needed with what is free; folders of one file system share what it has.

    :param needed: bytes of each folder.
    :param what: the subject of the error, singular: ``the restore``.
    :raises OutOfSpaceError: it does not fit.
    """
    by_device: dict[int, tuple[str, int]] = {}
    for folder, size in needed.items():
        there = _existing(folder)
        device = os.stat(there).st_dev
        first, before = by_device.get(device, (there, 0))
        by_device[device] = (first, before + size)
    for there, size in by_device.values():
        free = free_bytes(there)
        if size > free:
            raise OutOfSpaceError(
                f"{what} needs {size} bytes in {there}, where {free} are free",
                hint=hint,
                path=there,
                free_bytes=free,
                expected_bytes=size,
            )


def _existing(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder) or os.curdir
    return folder
