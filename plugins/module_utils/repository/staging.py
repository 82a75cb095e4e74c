# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup being written on the local file system, in a hidden folder beside its place.

The folder is also what fences off a job that lost its lock without knowing: whoever takes the lock over renames the
folder before doing anything else (:func:`claim`), and from then on no path of the former owner leads anywhere.
"""

from __future__ import annotations

import os

from ..errors import StorageError
from ..streams.file import SMALL_FILE, FileSink, FileSource
from .folders import Owner, make_folder, make_folders, remove_tree, rename, sync_tree
from .layout import is_safe_path, staging_name


class StagingFolder:
    """The hidden folder itself; what publishing it means is up to the subclasses.

    :param owner: who shall own what is made; this process's user by default.
    """

    can_patch = True

    def __init__(self, path: str, owner: Owner | None = None) -> None:
        self.path = path
        self._owner = owner

    def make(self) -> None:
        """Make the folder, whose parent may be missing as well.

        :raises StorageError: it cannot be made.
        """
        make_folders(os.path.dirname(self.path), self._owner)
        make_folder(self.path, self._owner)

    def create(self, path: str, *, large: bool = False) -> FileSink:
        return FileSink(self._place(path), sync_from=SMALL_FILE, owner=self._owner, large=large)

    def create_temporary(self, path: str) -> FileSink:
        return FileSink(self._place(path), durable=False)

    def open(self, path: str) -> FileSource:
        return FileSource(self._full(path))

    def remove(self, path: str) -> None:
        remove_tree(self._full(path))

    def sync(self) -> None:
        """Make everything below durable: the names, and those files that were not when they were closed."""
        sync_tree(self.path)

    def abandon(self) -> None:
        remove_tree(self.path)

    def _place(self, path: str) -> str:
        """Where a new file goes; its folders are made."""
        full = self._full(path)
        # The staging folder itself is not made again: if it is gone, another job has swept it away.
        if "/" in path and os.path.isdir(self.path):
            make_folders(os.path.dirname(full), self._owner)
        return full

    def _full(self, path: str) -> str:
        if not is_safe_path(path):
            raise StorageError(f"{path!r} is not a path inside a backup")
        return os.path.join(self.path, *path.split("/"))


def claim(path: str, name: str) -> str | None:
    """Take over the staging folder that a dead job left at ``path``, under a new hidden name for ``name``.

    :returns: the new path, or ``None`` where there is nothing any more.
    :raises StorageError: it cannot be renamed.
    """
    claimed = os.path.join(os.path.dirname(path), staging_name(name))
    try:
        rename(path, claimed)
    except StorageError:
        if os.path.lexists(path):
            raise
        return None
    return claimed
