# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sinks for what a user asked to be written somewhere: a file that appears when it is whole, or standard output."""

from __future__ import annotations

import contextlib
import os
import secrets

from ..errors import StorageError
from .base import Buffer, ByteSink
from .file import FileSink, storage_error, sync_folder

_STANDARD_OUTPUT = 1


def output_sink(path: str) -> ByteSink:
    """A sink for a file, or for standard output where the path is ``-``.

    :raises StorageError: the file cannot be created.
    """
    return StandardOutput() if path == "-" else WholeFile(path)


class WholeFile:
    """A file that takes its place, and that of a file before it, when it is closed; readable by its owner only.

    :raises StorageError: it cannot be created, or something is there that is no file.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        if os.path.lexists(self._path) and not os.path.isfile(self._path):
            raise StorageError(f"{path} is not a file, so no file can take its place", path=path)
        # A link's file is replaced, not the link.
        self._path = os.path.realpath(self._path)
        folder, name = os.path.split(self._path)
        self._file = FileSink(os.path.join(folder, f".{name}.{secrets.token_hex(4)}.partial"))

    def write(self, data: Buffer) -> None:
        self._file.write(data)

    def close(self) -> None:
        try:
            self._file.close()
            os.replace(self._file.path, self._path)
        except OSError as error:
            self.abort()
            raise storage_error("replace", self._path, error) from error
        except BaseException:
            self.abort()
            raise
        sync_folder(os.path.dirname(self._path))

    def abort(self) -> None:
        self._file.abort()
        with contextlib.suppress(OSError):
            os.unlink(self._file.path)


class StandardOutput:
    """Standard output, which stays open."""

    def write(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        try:
            while view:
                view = view[os.write(_STANDARD_OUTPUT, view) :]
        except OSError as error:
            raise storage_error("write", "standard output", error) from error

    def close(self) -> None:
        """What was written is out."""

    def abort(self) -> None:
        """What was written is out."""
