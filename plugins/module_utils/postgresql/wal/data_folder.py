# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The data folder of the server that runs ``archive_command`` or ``restore_command``: whose it is, and what it does."""

from __future__ import annotations

import os
import re
import time

from ...errors import CorruptArtifactError, UsageError
from ...streams.file import storage_error
from ..replication.control_file import PATH, SIZE, parse_control_file

_STANDBY = re.compile(r"^\s*standby_mode\s*=?\s*'?(on|true|yes|1|t|y)'?\s*(#.*)?$", re.IGNORECASE | re.MULTILINE)
_LARGEST_SETTINGS = 1 << 20
_TRIES = 5
_PAUSE = 0.05


def data_folder_of(path: str) -> str:
    """The data folder of the server that asks for the file at ``path``; empty where that cannot be told.

    A server runs its commands in its data folder and names files relative to that.
    """
    for folder in (".", os.path.dirname(os.path.dirname(os.path.abspath(path)))):
        if os.path.isfile(os.path.join(folder, PATH)):
            return os.path.abspath(folder)
    return ""


def system_identifier_of(folder: str) -> int:
    """The system identifier of a data folder.

    :raises CorruptArtifactError: its control file is damaged.
    :raises StorageError: it cannot be read.
    """
    path = os.path.join(folder, PATH)
    for attempt in range(_TRIES):
        try:
            with open(path, "rb") as file:
                data = file.read(SIZE)
        except OSError as error:
            raise storage_error("read", path, error) from error
        try:
            return parse_control_file(data, name=path).system_identifier
        except CorruptArtifactError:
            # The server may be writing it.
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE)
    raise CorruptArtifactError(f"{path} is damaged", path=path)


def require_system_identifier(path: str, given: int) -> int:
    """The system identifier that was given, or that of the server that asks for ``path``.

    :raises UsageError: there is neither.
    """
    if given:
        return given
    folder = data_folder_of(path)
    if not folder:
        raise UsageError(
            f"it cannot be told which server {path} belongs to: there is no {PATH}",
            hint="run this as the server does, in its data folder, or give --system-identifier",
        )
    return system_identifier_of(folder)


def is_standby(folder: str) -> bool:
    """Whether the server of a data folder that is being recovered follows another one, and tries again by itself."""
    if os.path.exists(os.path.join(folder, "standby.signal")):
        return True
    try:
        with open(os.path.join(folder, "recovery.conf"), encoding="utf-8", errors="replace") as file:
            return bool(_STANDBY.search(file.read(_LARGEST_SETTINGS)))
    except OSError:
        return False
