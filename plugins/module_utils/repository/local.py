# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A local folder (or a mounted share) as storage: write beside, sync, one rename."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import typing as t
import uuid

from ..errors import NotFoundError, StorageError
from ..streams.file import FOLDER_MODE, FileSink, FileSource, storage_error, sync_folder
from .layout import PARTIAL_PREFIX


def make_private_folders(path: str) -> None:
    """Make a folder and its parents, each readable by its owner only, whatever the umask.

    :raises StorageError: one of them cannot be made.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        make_private_folders(parent)
    try:
        os.mkdir(path, FOLDER_MODE)
        os.chmod(path, FOLDER_MODE)
    except FileExistsError:
        if not os.path.isdir(path):
            raise StorageError(f"cannot make the folder {path}: a file of that name is there", path=path) from None
    except OSError as error:
        raise storage_error("make the folder", path, error) from error


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
        return os.path.join(self._root, *path.split("/")) if path else self._root

    def begin(self, folder: str) -> LocalStagedFolder:
        return LocalStagedFolder(self.url(folder))

    def open(self, path: str) -> FileSource:
        full = self.url(path)
        try:
            mode = os.lstat(full).st_mode
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no file {full}", path=full) from error
        except OSError as error:
            raise storage_error("open", full, error) from error
        if not stat.S_ISREG(mode):
            # A link could lead out of the repository.
            raise StorageError(f"{full} is not a regular file", path=full)
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

    def create_small(self, path: str, data: bytes) -> bool:
        temporary = self._write_beside(path, data)
        try:
            # A hard link is the one operation that creates a complete file only where there is none, also on NFS.
            os.link(temporary, self.url(path))
        except FileExistsError:
            return False
        except OSError as error:
            raise storage_error("create", self.url(path), error) from error
        finally:
            os.unlink(temporary)
        return True

    def replace_small(self, path: str, data: bytes) -> None:
        temporary = self._write_beside(path, data)
        try:
            os.replace(temporary, self.url(path))
        except OSError as error:
            os.unlink(temporary)
            raise storage_error("replace", self.url(path), error) from error

    def remove_small(self, path: str, expected: bytes) -> bool:
        full = self.url(path)
        taken = f"{full}.{uuid.uuid4().hex}"
        try:
            os.rename(full, taken)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error("remove", full, error) from error
        with open(taken, "rb") as file:
            found = file.read()
        if found != expected:
            # It was somebody else's: put it back, unless yet another one stands there by now.
            with contextlib.suppress(FileExistsError):
                os.link(taken, full)
        os.unlink(taken)
        return found == expected

    def folders(self, path: str) -> list[str]:
        full = self.url(path)
        try:
            with os.scandir(full) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error("list", full, error) from error

    def size(self, path: str) -> int | None:
        try:
            found = os.lstat(self.url(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error("look at", self.url(path), error) from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def remove(self, folder: str) -> None:
        remove_tree(self.url(folder))

    def free_bytes(self) -> int | None:
        folder = self._root
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        try:
            return shutil.disk_usage(folder).free
        except OSError as error:
            raise storage_error("look at", folder, error) from error

    def check_writable(self, folder: str) -> None:
        """Whether ``folder`` could be made and written, without doing so.

        :raises StorageError: it could not.
        """
        check_writable(self.url(folder))

    def _write_beside(self, path: str, data: bytes) -> str:
        full = self.url(path)
        make_private_folders(os.path.dirname(full))
        temporary = f"{full}.{uuid.uuid4().hex}"
        sink = FileSink(temporary)
        try:
            sink.write(data)
            sink.close()
        except StorageError:
            sink.abort()
            os.unlink(temporary)
            raise
        return temporary


class LocalStagedFolder:
    """A folder written under a hidden name beside its place, and renamed when it is whole."""

    can_patch = True

    def __init__(self, target: str) -> None:
        self._target = target
        parent, name = os.path.split(target)
        make_private_folders(parent)
        self.path = os.path.join(parent, f"{PARTIAL_PREFIX}{name}-{uuid.uuid4().hex[:8]}")
        self._folders = {self.path}
        try:
            os.mkdir(self.path, FOLDER_MODE)
            os.chmod(self.path, FOLDER_MODE)
        except OSError as error:
            raise storage_error("make the folder", self.path, error) from error

    def create(self, path: str) -> FileSink:
        full = os.path.join(self.path, *path.split("/"))
        folder = os.path.dirname(full)
        if folder not in self._folders:
            make_private_folders(folder)
            self._folders.add(folder)
        return FileSink(full)

    def open(self, path: str) -> FileSource:
        return FileSource(os.path.join(self.path, *path.split("/")))

    def publish(self) -> None:
        for folder in self._folders:
            sync_folder(folder)
        if os.path.lexists(self._target):
            raise StorageError(f"cannot publish {self._target}: it is there already", path=self._target)
        try:
            os.rename(self.path, self._target)
        except OSError as error:
            raise storage_error("publish", self._target, error) from error
        sync_folder(os.path.dirname(self._target))

    def abandon(self) -> None:
        remove_tree(self.path)


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


def matching_names(folder: str, prefix: str) -> t.Iterator[str]:
    """The names in a folder that begin with ``prefix``; none where the folder is not there."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                yield entry.name
