# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The mark of a data folder that is being restored.

No server starts in a folder without the file PG_VERSION, which comes last. Until then the marker tells a later restore
that what is there is a leftover and may go, and which folders of tablespaces belong to it.
"""

from __future__ import annotations

import json
import os
import typing as t

from ...errors import CorruptArtifactError, LockedError
from ...lazy_dataclass import dataclass
from ...posix_only import fcntl
from ...streams.file import FILE_MODE, storage_error
from .owner import Owner

MARKER_NAME = "dbfleet-restore.unfinished"
VERSION_FILE = "PG_VERSION"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Marker:
    """What an unfinished restore has left.

    :param tablespaces: the folders outside that it writes to.
    """

    owner: Owner
    tablespaces: tuple[str, ...]


class MarkerLock:
    """The marker in a folder, written and held locked.

    :raises LockedError: another restore into the folder is running.
    """

    def __init__(self, folder: str, marker: Marker) -> None:
        self._path = os.path.join(folder, MARKER_NAME)
        values = {"owner": [marker.owner.uid, marker.owner.gid], "tablespaces": list(marker.tablespaces)}
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, FILE_MODE)
        except OSError as error:
            raise storage_error("create", self._path, error) from error
        try:
            _lock(self._descriptor, folder)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(values).encode("utf-8"))
            os.fsync(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise storage_error("write", self._path, error) from error
        except BaseException:
            os.close(self._descriptor)
            raise

    def remove(self) -> None:
        """The restore is complete."""
        try:
            os.unlink(self._path)
        except OSError as error:
            raise storage_error("remove", self._path, error) from error

    def close(self) -> None:
        """Give the folder free; the marker stays unless it was removed."""
        os.close(self._descriptor)


def read_marker(folder: str) -> Marker | None:
    """The marker of a restore that did not come to its end, ``None`` where there is none.

    :raises LockedError: that restore is running.
    :raises CorruptArtifactError: the marker is damaged.
    """
    path = os.path.join(folder, MARKER_NAME)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        _lock(descriptor, folder)
        data = os.read(descriptor, _LARGEST)
    except OSError as error:
        raise storage_error("read", path, error) from error
    finally:
        os.close(descriptor)
    if os.path.lexists(os.path.join(folder, VERSION_FILE)):
        # It was killed in its very last step: the folder is whole.
        return None
    if not data:
        # It was killed in its very first step, before it wrote anything else.
        return Marker(Owner(0, 0), ())
    return _parsed(data, path)


def _lock(descriptor: int, folder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"another restore into {folder} is running", hint="wait until it ended, or stop it", path=folder
        ) from error


def _parsed(data: bytes, path: str) -> Marker:
    try:
        values: dict[str, t.Any] = json.loads(data)
        uid, gid = (int(number) for number in values["owner"])
        folders = tuple(str(folder) for folder in values["tablespaces"])
        if not all(os.path.isabs(folder) for folder in folders):
            raise ValueError("a tablespace without a place")
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise CorruptArtifactError(
            f"{path} is damaged", hint="remove the folder's content yourself, and restore again", path=path
        ) from error
    return Marker(Owner(uid, gid), folders)
