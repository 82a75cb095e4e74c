# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A small local file that is replaced as a whole: who reads it sees the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets

from .file import FILE_MODE, storage_error


def replace_file(path: str, data: bytes, *, mode: int = FILE_MODE, durable: bool = True) -> None:
    """Write ``data`` beside ``path`` and put it in its place.

    :param mode: of the new file, whatever the umask says.
    :param durable: false for what means nothing after the machine went down.
    :raises StorageError: it could not be written; the old content is still there.
    """
    # The name ends differently, so that nobody who reads all files of one kind in the folder reads this one.
    beside = f"{path}.{secrets.token_hex(4)}.tmp"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                if durable:
                    os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        if durable:
            _sync_folder(os.path.dirname(path) or ".")
    except OSError as error:
        raise storage_error("write", path, error) from error


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
