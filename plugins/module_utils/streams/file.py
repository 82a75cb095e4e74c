# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Local files as sinks and sources: private modes, durable when closed, errors that name the path."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import typing as t

from ..errors import NotFoundError, OutOfSpaceError, StorageError
from ..posix_only import begin_writing
from .base import Buffer
from .direct_writer import PIECE, DirectWriter, write_directly
from .file_state import FileState, file_state

FILE_MODE = 0o600
FOLDER_MODE = 0o700

#: How much may wait for the disk; what goes there while more is written need not be waited for at the end.
_SYNC_EVERY = 32 << 20
#: Smaller files can be synced together with others.
SMALL_FILE = 1 << 20


def storage_error(action: str, path: str, error: OSError) -> StorageError:
    """The engine's error for an ``OSError``: names the action, the path and the cause."""
    cause = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfSpaceError(
            f"cannot {action} {path}: {cause}", hint="free space there or choose another destination", path=path
        )
    hint = ""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "run as a user who may write there, or choose another destination"
    return StorageError(f"cannot {action} {path}: {cause}", hint=hint, path=path)


class FileSink:
    """A new file, readable by its owner only, synced to the disk when closed.

    :param path: must not exist yet.
    :param durable: false for a file that will be read and removed at once: it need not be synced.
    :param owner: the ids of the user and the group who shall own it; this process's by default.
    :param sync_from: a file smaller than this many bytes is not synced; the caller does it (:func:`sync_small_files`).
    :param large: it will be large, and nobody reads it soon: the system need not keep it in memory.
    :raises StorageError: the file exists, or its folder cannot be written.
    """

    _ahead: _SyncAhead | None = None
    _next_sync = _SYNC_EVERY
    _direct: DirectWriter | None = None

    _sync_from = 0

    def __init__(
        self,
        path: str,
        *,
        durable: bool = True,
        sync_from: int = 0,
        owner: tuple[int, int] | None = None,
        large: bool = False,
    ) -> None:
        self.path = path
        self.size = 0
        self._durable = durable
        self._sync_from = sync_from
        self._large = large and durable
        self._fd = -1
        try:
            # O_EXCL refuses a link of that name too, so nothing is ever written through one.
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            # The mode must not depend on the umask in either direction.
            os.fchmod(self._fd, FILE_MODE)
            if owner is not None:
                os.fchown(self._fd, *owner)
        except OSError as error:
            self.abort()
            raise storage_error("create", path, error) from error

    def write(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        try:
            if self._large:
                view = self._write_large(view)
            while view:
                written = os.write(self._fd, view)
                self.size += written
                view = view[written:]
        except OSError as error:
            raise storage_error("write", self.path, error) from error
        if self._direct is None and self.size >= self._next_sync and self._durable:
            self._next_sync = self.size + _SYNC_EVERY
            self._ahead = self._ahead or _SyncAhead(self._fd)
            self._ahead.begin()

    def _write_large(self, view: memoryview) -> memoryview:
        """Write what goes past the cache, and what comes before that; the rest is left to the caller."""
        if self._direct is None:
            # Small files are not worth a thread and its buffers.
            while view and self.size < PIECE:
                written = os.write(self._fd, view[: PIECE - self.size])
                self.size += written
                view = view[written:]
            if self.size < PIECE:
                return view
            if not write_directly(self._fd):
                self._large = False
                return view
            self._direct = DirectWriter(self._fd)
        self._direct.write(view)
        self.size += len(view)
        return view[len(view) :]

    def _end_direct(self) -> None:
        direct, self._direct = self._direct, None
        if direct is not None:
            self._large = False
            direct.finish()

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were written before (an archive's table of contents, once the offsets are known)."""
        view = memoryview(data).cast("B")
        if offset < 0 or offset + len(view) > self.size:
            raise StorageError(f"cannot patch {self.path}: the range lies outside what was written", path=self.path)
        try:
            self._end_direct()
            while view:
                written = os.pwrite(self._fd, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            raise storage_error("write", self.path, error) from error

    def close(self) -> None:
        if self._fd < 0:
            return
        try:
            if self._ahead is not None:
                self._ahead.stop()
            self._end_direct()
            if self._durable and self.size >= self._sync_from:
                os.fsync(self._fd)
        except OSError as error:
            raise storage_error("sync", self.path, error) from error
        finally:
            descriptor, self._fd = self._fd, -1
            try:
                os.close(descriptor)
            except OSError as error:
                raise storage_error("close", self.path, error) from error

    def abort(self) -> None:
        if self._fd >= 0:
            descriptor, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                if self._ahead is not None:
                    self._ahead.stop()
            if self._direct is not None:
                self._direct.stop()
            with contextlib.suppress(OSError):
                os.close(descriptor)


class _SyncAhead:
    """Syncs a file's data in a thread of its own, each time it is told to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wanted = threading.Event()
        self._stopped = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="dbfleet-sync", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        self._wanted.set()

    def stop(self) -> None:
        """End the thread, so that the file can be closed.

        :raises OSError: data could not be written. The system says so only once: a later sync would know nothing of it.
        """
        self._stopped = True
        self._wanted.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopped or self._error is not None:
                return
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self._error = error


class FileSource:
    """An existing regular file, read from the start.

    :param path: not a link: one in a backup could lead out of it. A caller that wants to follow one resolves it.
    :raises NotFoundError: there is no such file.
    :raises StorageError: it is not a regular file or cannot be read.
    """

    #: States of files whose bytes were found to be right.
    verified: t.Container[FileState] = ()

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            # O_NONBLOCK: opening a named pipe would wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no file {path}", path=path) from error
        except OSError as error:
            if os.path.islink(path):
                raise StorageError(f"{path} is a link, not a regular file", path=path) from error
            raise storage_error("open", path, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StorageError(f"{path} is not a regular file", path=path)
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - closed by close()

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size) or b""
        except OSError as error:
            raise storage_error("read", self.path, error) from error

    def seek(self, offset: int) -> None:
        try:
            self._file.seek(offset)
        except OSError as error:
            raise storage_error("read", self.path, error) from error

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        """The open file's descriptor."""
        return self._file.fileno()

    def is_verified(self) -> bool:
        """Whether its bytes were found to be right before, and none can have been changed since."""
        return self.verified_state() is not None

    def verified_state(self) -> FileState | None:
        """What it is now, if that is what it was when its bytes were found to be right."""
        state = self.state()
        return state if state in self.verified else None

    def state(self) -> FileState:
        """What it is now."""
        return file_state(self.fileno())

    def close(self) -> None:
        self._file.close()


def sync_small_files(paths: t.Sequence[str]) -> None:
    """Make files durable that are smaller than :data:`SMALL_FILE` and not open any more.

    The disk begins with all before the first is waited for: one after the other, very many would take hours.

    :raises StorageError: one of them could not be synced.
    """
    for action in (begin_writing, os.fsync):
        for path in paths:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    if os.fstat(descriptor).st_size < SMALL_FILE:
                        action(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise storage_error("sync", path, error) from error


def sync_folder(path: str) -> None:
    """Make the names inside a folder durable (a rename is only safe after this).

    :raises StorageError: the folder could not be synced.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync folders and say so with EINVAL; their renames are as durable as they get.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise storage_error("sync", path, error) from error
    finally:
        os.close(descriptor)
