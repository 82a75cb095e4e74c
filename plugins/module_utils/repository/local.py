# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A local folder (or a mounted share) as storage: write beside, sync, one rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import typing as t

from ..errors import NotFoundError, StorageError
from ..streams.base import Buffer
from ..streams.file import FileSink, FileSource, storage_error, sync_folder
from ..streams.free_space import free_bytes
from .folders import Owner, check_writable, make_folders, remove_tree, rename
from .layout import is_safe_path, staging_name
from .staging import StagingFolder, claim
from .storage import UNFINISHED_SUFFIX

_REMOVED = "removed"
_SMALL_BLOCK = 1 << 14
_LARGE_BLOCK = 1 << 20


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
        staged = LocalStagedFolder(self.url(folder), self._owner())
        staged.make()
        return staged

    def _owner(self) -> Owner | None:
        """Who shall own what root makes here: whoever owns the storage, and could not read it otherwise."""
        if os.geteuid() != 0:
            return None
        try:
            status = os.stat(self._root)
        except OSError:
            # It is not there yet, and will be root's own.
            return None
        return (status.st_uid, status.st_gid) if status.st_uid != 0 else None

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
            size, block = 0, _SMALL_BLOCK
            while True:
                # Most are a few kilobytes, and a buffer has to be had for as much as is asked for.
                data = source.read(block)
                block = _LARGE_BLOCK
                if not data:
                    return b"".join(parts)
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise StorageError(f"{source.path} is larger than the {limit} bytes that it may have")

    def create(self, path: str) -> NewLocalFile:
        full = self.url(path)
        owner = self._owner()
        make_folders(os.path.dirname(full), owner)
        return NewLocalFile(full, owner)

    def write_small(self, path: str, data: bytes) -> None:
        file = self.create(path)
        try:
            file.write(data)
            file.close()
        except BaseException:
            file.abort()
            raise

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

    def stamps(self, path: str, names: t.Collection[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for folder in self.folders(path):
            there = found[folder] = {}
            for name in names:
                status = self._stat(f"{path}/{folder}/{name}")
                if status is not None and stat.S_ISREG(status.st_mode):
                    there[name] = f"{status.st_size}-{status.st_mtime_ns}"
        return found

    def size(self, path: str) -> int | None:
        found = self._stat(path)
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def sizes(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        waiting = [folder]
        while waiting:
            inside = waiting.pop()
            for name, is_folder in self._names(inside):
                path = f"{inside}/{name}" if inside else name
                size = None if is_folder else self.size(path)
                if is_folder:
                    waiting.append(path)
                elif size is not None:
                    found[path[len(folder) + 1 :] if folder else path] = size
        return found

    def abandon_uploads(self, folder: str, *, repeated: bool = False) -> None:
        """Everything here can be seen as files."""

    def remove(self, folder: str) -> None:
        # Gone at once for everybody, and if this process dies here, the rest is seen as a leftover.
        claimed = claim(self.url(folder), _REMOVED)
        if claimed is not None:
            remove_tree(claimed)

    def free_bytes(self) -> int | None:
        return free_bytes(self._root)

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


class NewLocalFile:
    """A file that takes its name when it is closed.

    :param path: its path; the folder is there.
    :param owner: who shall own it; this process's user by default.
    """

    def __init__(self, path: str, owner: Owner | None = None) -> None:
        self._path = path
        self._sink = FileSink(f"{path}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}", owner=owner)

    def write(self, data: Buffer) -> None:
        self._sink.write(data)

    def patch(self, offset: int, data: Buffer) -> None:
        self._sink.patch(offset, data)

    def close(self) -> None:
        self._sink.close()
        rename(self._sink.path, self._path)
        sync_folder(os.path.dirname(self._path))

    def abort(self) -> None:
        self._sink.abort()
        remove_tree(self._sink.path)


class LocalStagedFolder(StagingFolder):
    """A folder of the storage being written; one rename publishes it.

    :param target: the path that it will have.
    :param owner: see :class:`StagingFolder`.
    """

    def __init__(self, target: str, owner: Owner | None = None) -> None:
        folder, name = os.path.split(target)
        super().__init__(os.path.join(folder, staging_name(name)), owner)
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
