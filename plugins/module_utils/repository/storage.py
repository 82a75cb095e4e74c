# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The small interface behind which backups are stored.

Paths are relative to the storage's root, with ``/`` between their parts. The interface asks nothing that an object
store cannot do: no rename, no append, no folder that exists by itself.
"""

from __future__ import annotations

import typing as t

from ..streams.base import Buffer

UNFINISHED_SUFFIX = ".new"


class StoredFile(t.Protocol):
    """A stored file being read; positioned at its start."""

    def read(self, size: int) -> bytes: ...

    def seek(self, offset: int) -> None: ...

    def tell(self) -> int: ...

    def close(self) -> None: ...


class NewFile(t.Protocol):
    """A file being stored; durable when closed, invisible before its folder is published."""

    def write(self, data: Buffer) -> None: ...

    def patch(self, offset: int, data: Buffer) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class StagedFolder(t.Protocol):
    """A backup's folder being written: invisible until published, gone when abandoned.

    It can be pickled, so that other processes write files into it; publishing is for the one that began it.
    """

    @property
    def can_patch(self) -> bool: ...

    def create(self, path: str, *, large: bool = False) -> NewFile:
        """A new file in the folder.

        :param large: it will be large, and nobody reads it soon: the system need not keep it in memory.
        """

    def create_temporary(self, path: str) -> NewFile:
        """A new file in the folder that is to be removed before the folder is published."""

    def open(self, path: str) -> StoredFile:
        """A file of the folder that was closed before."""

    def remove(self, path: str) -> None:
        """Remove a file of the folder that was closed before."""

    def publish(self) -> None:
        """Make the folder visible under its name, whole or not at all."""

    def abandon(self) -> None:
        """Remove everything that was written; called in any state, also after a failed ``publish``."""


class Storage(t.Protocol):
    """Where backups live."""

    @property
    def location(self) -> str:
        """The path or URL of the root, as users write it."""

    def url(self, path: str) -> str:
        """A path inside as users can name it."""

    def begin(self, folder: str) -> StagedFolder:
        """Start to write ``folder``, which must not exist."""

    def open(self, path: str) -> StoredFile:
        """An existing file.

        :raises NotFoundError: there is none.
        """

    def create(self, path: str) -> NewFile:
        """A new file, which appears whole when it is closed, also instead of one that is there."""

    def read_small(self, path: str, limit: int) -> bytes | None:
        """The whole content of a file of at most ``limit`` bytes, ``None`` where there is none.

        :raises StorageError: it cannot be read or is larger.
        """

    def write_small(self, path: str, data: bytes) -> None:
        """Store a small file, atomically, also instead of one that is there.

        A process that dies in the middle may leave a file whose name begins with ``path`` and ends with
        :data:`UNFINISHED_SUFFIX`.
        """

    def touch(self, path: str) -> bool:
        """Give a small file the present time; whether there is such a file. Never makes one."""

    def modified(self, path: str) -> float | None:
        """When a file was stored or touched, in seconds of the storage's own clock; ``None`` where there is none.

        Only differences between two of these mean something: the clock need not be the one of this host.
        """

    def remove_small(self, path: str) -> None:
        """Remove a small file; one that is not there is no error."""

    def files(self, path: str, prefix: str) -> list[str]:
        """The names of the files right below ``path`` that begin with ``prefix``, sorted.

        A file that was there before the call and still is after it is always among them.
        """

    def folders(self, path: str) -> list[str]:
        """The names of the folders right below ``path``, sorted; empty where ``path`` is not there."""

    def stamps(self, path: str, names: t.Collection[str]) -> dict[str, dict[str, str]]:
        """Of every folder right below ``path`` the files with these names, each with what tells its version.

        A file that is replaced gets another stamp. Folders without any of them may be left out.
        """

    def size(self, path: str) -> int | None:
        """A file's size in bytes, ``None`` where there is none."""

    def sizes(self, folder: str) -> dict[str, int]:
        """The sizes of all files below a folder, by their paths relative to it; none where it is not there."""

    def abandon_uploads(self, folder: str, *, repeated: bool = False) -> None:
        """End what dead jobs were storing below a folder and what cannot be seen as files; the caller has its lock.

        :param repeated: only of files that were stored since, so that it can be done without the lock of those who
            store such a file until it is there.
        """

    def remove(self, folder: str) -> None:
        """Remove a folder with everything in it, its manifest first; one that is not there is no error."""

    def free_bytes(self) -> int | None:
        """The room that is left, ``None`` where that is not known."""

    def check_writable(self, folder: str) -> None:
        """Whether ``folder`` could be made and written, found out without doing so where that is possible.

        :raises StorageError: it could not.
        """
