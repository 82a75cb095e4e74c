# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One run of a job at a time: a lock of the operating system, which ends with its owner, whatever happens to that."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..errors import LockedError
from ..posix_only import fcntl
from ..streams.file import storage_error

LOCK_SUFFIX = ".lock"
# The folder belongs to a group whose members run jobs as different users; none of the locks holds anything.
_FOLDER_MODE = 0o770
_LOCK_MODE = 0o660


class JobRunningError(LockedError):
    """The job is running already; nothing was done. Its exit code is its own, EX_TEMPFAIL of sysexits.h."""

    exit_code = 75
    kind = "running"


@contextlib.contextmanager
def job_lock(folder: str, name: str) -> t.Iterator[None]:
    """Hold the lock of the job ``name``.

    :raises JobRunningError: somebody else holds it.
    :raises StorageError: the folder cannot be written.
    """
    descriptor = _open(folder, name + LOCK_SUFFIX)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobRunningError(
                f"the job {name} is running already", hint="wait until it has ended", job=name
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder_lock(folder: str, name: str) -> t.Iterator[None]:
    """Wait for a lock of the whole folder that others hold for moments.

    :raises StorageError: the folder cannot be written.
    """
    descriptor = _open(folder, f".{name}{LOCK_SUFFIX}")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_running(folder: str, name: str) -> bool:
    """Whether the job runs at this moment.

    :raises StorageError: that cannot be found out.
    """
    path = os.path.join(folder, name + LOCK_SUFFIX)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        # Shared: two who ask at the same moment are not taken for a run.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(folder: str, name: str) -> int:
    path = os.path.join(folder, name)
    try:
        os.makedirs(folder, mode=_FOLDER_MODE, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _LOCK_MODE)
    except OSError as error:
        raise storage_error("open", path, error) from error
    # The umask took the group's right away. Only the file's owner can, and need, give it.
    with contextlib.suppress(PermissionError):
        os.fchmod(descriptor, _LOCK_MODE)
    return descriptor
