# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A private folder for one job: passwords for programs, and what these write until it was checked."""

from __future__ import annotations

import os
import tempfile

from ..local_server.process import own, remove_folder, sweep
from ..streams.file import FileSink, storage_error
from ..streams.free_space import check_free_bytes

FOLDER_PREFIX = "dbfleet-tools-"


class ScratchFolder:
    """A folder that only this user can enter, removed with everything in it.

    Jobs that were killed cannot remove theirs; the next one does.

    :param base: where to make it; empty for ``/var/tmp`` or the system's own.
    :raises StorageError: it cannot be made.
    """

    def __init__(self, base: str = "") -> None:
        base = base or ("/var/tmp" if os.path.isdir("/var/tmp") else tempfile.gettempdir())
        sweep(base, FOLDER_PREFIX)
        try:
            self.path = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base)
            own(self.path)
        except OSError as error:
            raise storage_error("make a folder in", base, error) from error
        self._numbers = 0

    def join(self, name: str) -> str:
        """The path of a file in it."""
        return os.path.join(self.path, name)

    def new_name(self, what: str) -> str:
        """The path of a file that is not there yet."""
        self._numbers += 1
        return self.join(f"{what}-{self._numbers}")

    def secret(self, what: str, content: bytes) -> str:
        """A new file that only this user can read; its path."""
        path = self.new_name(what)
        file = FileSink(path, durable=False)
        try:
            file.write(content)
        except BaseException:
            file.abort()
            raise
        file.close()
        return path

    def check_space(self, size: int) -> None:
        """:raises OutOfSpaceError: there is less room than ``size`` bytes."""
        check_free_bytes(
            {os.path.dirname(self.path): size},
            what="the program's output, before it is checked and stored,",
            hint="name a folder with more room (scratch_folder), or use the native engine, which needs none",
        )

    def remove(self) -> None:
        """:raises StorageError: something could not be removed."""
        remove_folder(self.path)
