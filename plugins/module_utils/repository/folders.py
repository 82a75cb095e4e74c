# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Folders of the local file system: private, durable, removed whole."""

from __future__ import annotations

import os
import shutil

from ..errors import StorageError
from ..streams.file import FOLDER_MODE, storage_error, sync_folder, sync_small_files

#: The ids of a user and of a group.
Owner = tuple[int, int]


def make_folder(path: str, owner: Owner | None = None) -> None:
    """Make one folder, readable by its owner only whatever the umask, and make its name durable.

    :param owner: who shall own it; this process's user by default.
    :raises StorageError: it exists or cannot be made.
    """
    try:
        os.mkdir(path, FOLDER_MODE)
        os.chmod(path, FOLDER_MODE)
        if owner is not None:
            # The owner of the folder above could have put a link in its place.
            os.chown(path, *owner, follow_symlinks=False)
    except OSError as error:
        raise storage_error("make the folder", path, error) from error
    sync_folder(os.path.dirname(path))


def make_folders(path: str, owner: Owner | None = None) -> None:
    """Make a folder and its parents as far as they are missing; see :func:`make_folder`.

    :raises StorageError: one of them cannot be made.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        make_folders(parent, owner)
    try:
        make_folder(path, owner)
    except StorageError as error:
        # Another process may make the same folders.
        if not os.path.isdir(path):
            if os.path.lexists(path):
                raise StorageError(f"cannot make the folder {path}: a file of that name is there", path=path) from error
            raise


def sync_tree(path: str) -> None:
    """Make the small files in a folder and in all folders below it durable, and all names there.

    :raises StorageError: one of them cannot be synced.
    """

    def fail(error: OSError) -> None:
        raise storage_error("list", error.filename or path, error) from error

    for folder, _folders, files in os.walk(path, onerror=fail):
        sync_small_files([os.path.join(folder, name) for name in files])
        sync_folder(folder)


def rename(source: str, target: str) -> None:
    """Rename within one file system.

    :raises StorageError: it failed.
    """
    try:
        os.rename(source, target)
    except OSError as error:
        raise storage_error("rename", f"{source} to {target}", error) from error


def remove_tree(path: str) -> None:
    """Remove a folder with everything in it, or a file; nothing there is no error.

    :raises StorageError: something could not be removed.
    """
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("remove", path, error) from error


def check_writable(folder: str) -> None:
    """Whether files could be made in ``folder`` (or the folder itself), found out by looking only.

    :raises StorageError: they could not.
    """
    existing = folder
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise StorageError(f"cannot write to {folder}: {existing} is not a folder", path=folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise StorageError(
            f"cannot write to {folder}: permission denied on {existing}",
            hint="run as a user who may write there, or choose another destination",
            path=folder,
        )
