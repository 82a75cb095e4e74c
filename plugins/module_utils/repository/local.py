# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A local folder (or a mounted share) as storage: write beside, sync, one rename."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid

from ..errors import NotFoundError, StorageError
from ..streams.file import FileSink, FileSource, storage_error, sync_folder
from .folders import check_writable, make_folders, remove_tree, rename
from .layout import is_safe_path, staging_name
from .staging import StagingFolder, claim
from .storage import UNFINISHED_SUFFIX

_REMOVED = "removed"


class LocalStorage:
    """Storage in a folder of this host.

    :param root: its path; made on the first write.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)

    @property
    def location(self) -> str:
        return self._root

    def url(self, path: str) -> str:
        if not path:
            return self._root
        if not is_safe_path(path):
            raise StorageError(f"{path!r} is not a path inside {self._root}")
        return os.path.join(self._root, *path.split("/"))

    def begin(self, folder: str) -> LocalStagedFolder:
        staged = LocalStagedFolder(self.url(folder))
        staged.make()
        return staged

    def open(self, path: str) -> FileSource:
        full = self.url(path)
        folder = os.path.dirname(full)
        while len(folder) > len(self._root):
            if os.path.islink(folder):
                raise StorageError(f"{folder} is a link, which could lead out of {self._root}", path=full)
            folder = os.path.dirname(folder)
        return FileSource(full)

    def read_small(self, path: str, limit: int) -> bytes | None:
        try:
            source = self.open(path)
        except NotFoundError:
            return None
        with contextlib.closing(source):
            parts: list[bytes] = []
            size = 0
            while True:
                data = source.read(1 << 20)
                if not data:
                    return b"".join(parts)
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise StorageError(f"{source.path} is larger than the {limit} bytes that it may have")

    def write_small(self, path: str, data: bytes) -> None:
        full = self.url(path)
        make_folders(os.path.dirname(full))
        temporary = f"{full}.{uuid.uuid4().hex[:8]}{UNFINISHED_SUFFIX}"
        sink = FileSink(temporary)
        try:
            sink.write(data)
            sink.close()
            rename(temporary, full)
        except BaseException:
            sink.abort()
            remove_tree(temporary)
            raise
        sync_folder(os.path.dirname(full))

    def touch(self, path: str) -> bool:
        full = self.url(path)
        try:
            # Without times, a mounted share's server takes its own clock.
            os.utime(full)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error("touch", full, error) from error
        return True

    def modified(self, path: str) -> float | None:
        found = self._stat(path)
        return None if found is None else found.st_mtime

    def remove_small(self, path: str) -> None:
        remove_tree(self.url(path))

    def files(self, path: str, prefix: str) -> list[str]:
        return [name for name, is_folder in self._names(path) if not is_folder and name.startswith(prefix)]

    def folders(self, path: str) -> list[str]:
        return [name for name, is_folder in self._names(path) if is_folder]

    def size(self, path: str) -> int | None:
        found = self._stat(path)
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def remove(self, folder: str) -> None:
        # Gone at once for everybody, and if this process dies here, the rest is seen as a leftover.
        claimed = claim(self.url(folder), _REMOVED)
        if claimed is not None:
            remove_tree(claimed)

    def free_bytes(self) -> int | None:
        folder = self._root
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        try:
            return shutil.disk_usage(folder).free
        except OSError as error:
            raise storage_error("look at", folder, error) from error

    def check_writable(self, folder: str) -> None:
        check_writable(self.url(folder))

    def _names(self, path: str) -> list[tuple[str, bool]]:
        full = self.url(path)
        try:
            with os.scandir(full) as entries:
                return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error("list", full, error) from error

    def _stat(self, path: str) -> os.stat_result | None:
        full = self.url(path)
        try:
            return os.lstat(full)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error("look at", full, error) from error


class LocalStagedFolder(StagingFolder):
    """A folder of the storage being written; one rename publishes it.

    :param target: the path that it will have.
    """

    def __init__(self, target: str) -> None:
        folder, name = os.path.split(target)
        super().__init__(os.path.join(folder, staging_name(name)))
        self._target = target
        self._renamed = False

    def publish(self) -> None:
        self.sync()
        if os.path.lexists(self._target):
            raise StorageError(f"cannot publish {self._target}: it is there already", path=self._target)
        rename(self.path, self._target)
        self._renamed = True
        sync_folder(os.path.dirname(self._target))
        self._renamed = False

    def abandon(self) -> None:
        if self._renamed:
            # Nobody knows whether the rename reached the disk, and the job reports a failure.
            rename(self._target, self.path)
            self._renamed = False
        super().abandon()
