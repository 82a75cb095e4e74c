# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup being written: its files are digested on the way, and published with the manifest as the last of them."""

from __future__ import annotations

import contextlib
import hashlib
import typing as t

from ..errors import StorageError
from ..streams.base import Buffer
from ..streams.digest import digest_of
from .records import FileRecord
from .storage import NewFile, StagedFolder

_PIECE = 1 << 20


class DigestedFile:
    """A file of a publication. Its record is known once it is closed.

    :param patched: it will be patched.
    """

    def __init__(self, staged: StagedFolder, path: str, *, patched: bool = False) -> None:
        self._staged = staged
        self._path = path
        self._inner: NewFile = staged.create(path)
        self._hash = hashlib.sha256()
        self._size = 0
        self._patched = patched
        self.record: FileRecord | None = None

    def write(self, data: Buffer) -> None:
        view = memoryview(data)
        if not self._patched:
            self._hash.update(view)
        self._size += view.nbytes
        self._inner.write(view)

    def patch(self, offset: int, data: Buffer) -> None:
        self._inner.patch(offset, data)
        self._patched = True

    def close(self) -> None:
        self._inner.close()
        digest = self._hash.hexdigest()
        if self._patched:
            # What was digested is not what is stored, so the digest is taken from the stored file.
            with contextlib.closing(self._staged.open(self._path)) as stored:
                digest, size = digest_of(stored)
            if size != self._size:
                raise StorageError(f"{self._path} has {size} bytes where {self._size} were written", path=self._path)
        self.record = FileRecord(path=self._path, size=self._size, sha256=digest)

    def abort(self) -> None:
        self._inner.abort()


class WorkerFiles:
    """The :class:`~dbfleet.interfaces.WorkerFiles` that another process writes a publication's files with."""

    def __init__(self, staged: StagedFolder, renamed: tuple[str, str] | None) -> None:
        self._staged = staged
        self._renamed = renamed
        self._files: list[DigestedFile] = []

    def create(self, path: str) -> DigestedFile:
        file = DigestedFile(self._staged, _stored_path(path, self._renamed))
        self._files.append(file)
        return file

    def create_part(self, path: str) -> NewFile:
        return self._staged.create_temporary(_stored_path(path, self._renamed))

    def join(self, path: str, parts: t.Sequence[str]) -> None:
        file = self.create(path)
        for part in parts:
            stored = _stored_path(part, self._renamed)
            with contextlib.closing(self._staged.open(stored)) as source:
                while True:
                    data = source.read(_PIECE)
                    if not data:
                        break
                    file.write(data)
            self._staged.remove(stored)
        file.close()

    def take(self) -> tuple[FileRecord, ...]:
        records = _records(self._files)
        self._files = []
        return records


class Publication:
    """The :class:`~dbfleet.interfaces.ArtifactWriter` that a backup job gives to an engine.

    :param manifest_path: where the manifest goes among the files.
    :param renamed: the engine's name for the artifact and the one that is stored instead (a plain destination has the
        name that the user chose); there is no place for any other file then.
    """

    def __init__(self, staged: StagedFolder, *, manifest_path: str, renamed: tuple[str, str] | None = None) -> None:
        self._staged = staged
        self._manifest_path = manifest_path
        self._renamed = renamed
        self._files: list[DigestedFile] = []
        self._adopted: list[FileRecord] = []

    @property
    def can_patch(self) -> bool:
        return self._staged.can_patch

    def create(self, path: str, *, patched: bool = False) -> DigestedFile:
        file = DigestedFile(self._staged, self.stored_path(path), patched=patched)
        self._files.append(file)
        return file

    def for_worker(self) -> WorkerFiles:
        return WorkerFiles(self._staged, self._renamed)

    def adopt(self, files: t.Iterable[FileRecord]) -> None:
        self._adopted.extend(files)

    def stored_path(self, path: str) -> str:
        """The path under which the engine's ``path`` is stored.

        :raises StorageError: there is no place for it.
        """
        return _stored_path(path, self._renamed)

    def records(self) -> tuple[FileRecord, ...]:
        """All files, sorted by path.

        :raises StorageError: one was never closed, so it may be incomplete.
        """
        return tuple(sorted((*_records(self._files), *self._adopted), key=lambda record: record.path))

    def publish(self, manifest: bytes) -> None:
        """Store the manifest and make everything visible at once.

        :raises StorageError: it failed; after :meth:`abandon` nothing of it is visible.
        """
        file = self._staged.create(self._manifest_path)
        file.write(manifest)
        file.close()
        self._staged.publish()

    def abandon(self) -> None:
        """Close and remove everything that was written, unless it was published."""
        for file in self._files:
            if file.record is None:
                file.abort()
        self._staged.abandon()


def _stored_path(path: str, renamed: tuple[str, str] | None) -> str:
    if renamed is None:
        return path
    engine_name, stored_name = renamed
    head, slash, rest = path.partition("/")
    if head != engine_name:
        raise StorageError(f"{path} is not part of the artifact {engine_name}; only in a repository it has a place")
    return f"{stored_name}{slash}{rest}"


def _records(files: t.Iterable[DigestedFile]) -> tuple[FileRecord, ...]:
    records = []
    for file in files:
        if file.record is None:
            raise StorageError("a file of the backup was not finished; nothing is published")
        records.append(file.record)
    return tuple(records)
