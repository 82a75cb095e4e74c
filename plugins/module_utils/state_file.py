# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A small file of JSON lines in which a job that may be resumed records what is done.

Every line is durable before the job goes on. Whatever was killed at whatever moment, the file holds what was recorded
until then: a last line without its end says nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from .errors import CorruptArtifactError, LockedError
from .posix_only import fcntl
from .streams.file import FILE_MODE, FOLDER_MODE, storage_error

_VERSION = 1
_LARGEST_LINE = 64 << 20
_NO_SPACE = 28


class StateFile:
    """The file of one job, locked while this exists.

    :param path: made with its folder where it is missing.
    :param key: of everything that must be the same for the job to be the same one.
    :raises LockedError: the same job is running.
    :raises StorageError: the file cannot be read or written.
    :raises CorruptArtifactError: it is damaged.

    :attr:`lines` are those that an earlier run recorded; :attr:`resumable` tells whether there was one, and
    :attr:`header` is what it began with.
    """

    def __init__(self, path: str, key: str) -> None:
        self.path = path
        self._key = key
        self._removed = False
        self._descriptor = _open_locked(path)
        try:
            self.lines = _read(path)
        except BaseException:
            os.close(self._descriptor)
            raise
        self.header: dict[str, t.Any] = self.lines.pop(0) if self.lines else {}
        self.resumable = self.header.get("version") == _VERSION and self.header.get("key") == key
        if not self.resumable:
            self.forget()

    def forget(self) -> None:
        """Take nothing of an earlier run for granted; the file stays as it is until :meth:`begin`."""
        self.header, self.lines, self.resumable = {}, [], False

    def begin(self, **fields: t.Any) -> None:
        """Start over: nothing is done.

        :param fields: what else :attr:`header` shall hold.
        """
        self.lines = []
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError as error:
            raise storage_error("write", self.path, error) from error
        self.header = {"version": _VERSION, "key": self._key, **fields}
        self.add(self.header)
        self.resumable = True

    def add(self, line: t.Mapping[str, t.Any]) -> None:
        """Record something, durably."""
        _append(self._descriptor, self.path, line)

    def remove(self) -> None:
        """The job is complete."""
        self.resumable = False
        self._removed = True
        try:
            os.unlink(self.path)
        except OSError as error:
            raise storage_error("remove", self.path, error) from error

    def close(self) -> None:
        """Give the file free; that of a job that was never begun goes away."""
        if not self.resumable and not self._removed:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        os.close(self._descriptor)


def append_line(path: str, line: t.Mapping[str, t.Any]) -> None:
    """Record something, durably, in the file of a job that another process has begun.

    :raises StorageError: it could not be written; then nothing of it is.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        _append(descriptor, path, line)
    finally:
        os.close(descriptor)


def _append(descriptor: int, path: str, line: t.Mapping[str, t.Any]) -> None:
    data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    try:
        # One process at a time: half a line, where the disk is full, must be gone before another one writes.
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        try:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, data) != len(data):
                os.ftruncate(descriptor, size)
                raise OSError(_NO_SPACE, os.strerror(_NO_SPACE))
            os.fdatasync(descriptor)
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        raise storage_error("write", path, error) from error


def _open_locked(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), mode=FOLDER_MODE, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, FILE_MODE)
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LockedError("the same restore is running", hint="wait until it ended", path=path) from error
    return descriptor


def _read(path: str) -> list[dict[str, t.Any]]:
    lines: list[dict[str, t.Any]] = []
    try:
        with open(path, "rb+") as file:
            for number, raw in enumerate(iter(lambda: file.readline(_LARGEST_LINE), b""), 1):
                if not raw.endswith(b"\n"):
                    # It was being written when the host failed; what is added from now on must not continue it.
                    file.truncate(file.tell() - len(raw))
                    break
                lines.append(_parsed(raw, f"{path}, line {number}"))
    except OSError as error:
        raise storage_error("read", path, error) from error
    return lines


def _parsed(raw: bytes, where: str) -> dict[str, t.Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    if not isinstance(line, dict):
        raise CorruptArtifactError(f"{where} is damaged", hint="remove the file; the restore then starts over")
    return line
