# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup being written: its files are digested on the way, and published with the manifest as the last of them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ..errors import StorageError
from ..lazy_dataclass import dataclass
from ..streams.age_keys import Identity
from ..streams.base import Buffer, ByteSink
from ..streams.digest import digest_of
from ..streams.encryption import NOT_ENCRYPTED, DecryptSource, Encryption
from .manifest import render_manifest
from .records import EncryptionRecord, FileRecord, Manifest
from .signature import signature_of
from .storage import NewFile, StagedFolder, StoredFile

_PIECE = 1 << 20
_METHOD = "age"


class DigestedFile:
    """A file of a publication. Its record is known once it is closed.

    :param patched: it will be patched.
    """

    def __init__(self, staged: StagedFolder, path: str, *, patched: bool = False, large: bool = False) -> None:
        self._staged = staged
        self._path = path
        self._inner: NewFile = staged.create(path, large=large)
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

    def digest_so_far(self) -> str:
        """See :class:`..streams.digest.DigestingFile`.

        :raises StorageError: the file is one that is patched.
        """
        if self._patched:
            raise StorageError(f"{self._path} is patched, so what was written is not what is stored", path=self._path)
        return self._hash.hexdigest()

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


class EncryptedFile:
    """A file of a publication that is encrypted on the way; its digest is that of what is stored."""

    def __init__(self, file: DigestedFile, encryption: Encryption) -> None:
        self._file = file
        self._sink = encryption.sink(file)

    def write(self, data: Buffer) -> None:
        self._sink.write(data)

    def patch(self, offset: int, data: Buffer) -> None:
        raise StorageError("an encrypted file cannot be patched")

    def close(self) -> None:
        self._sink.close()

    def abort(self) -> None:
        self._sink.abort()


class _Cipher:
    """How the files of one publication are encrypted.

    Parts of files are stored for a while until they are joined: those are encrypted to a key that only this job has,
    and that it forgets.
    """

    def __init__(self, encryption: Encryption) -> None:
        self.encryption = encryption
        self._passing = Identity.generate() if encryption else None

    def file(self, file: DigestedFile) -> NewFile:
        return EncryptedFile(file, self.encryption) if self.encryption else file

    def part(self, file: NewFile) -> ByteSink:
        return file if self._passing is None else Encryption((self._passing.recipient,)).sink(file)

    def joined(self, part: StoredFile, name: str) -> StoredFile:
        return part if self._passing is None else DecryptSource(part, (self._passing,), name=name)


@dataclass(frozen=True)
class _Names:
    """Where the engine's files go.

    :param renamed: see :class:`Publication`.
    :param suffix: what every stored name ends with, but that of an artifact that the user named.
    """

    renamed: tuple[str, str] | None
    suffix: str

    def stored(self, path: str) -> str:
        """The path under which a file is stored.

        :raises StorageError: there is no place for it.
        """
        if self.renamed is not None and path == self.renamed[0]:
            return self.renamed[1]
        return self.folder(path) + self.suffix

    def folder(self, path: str) -> str:
        """The same of a folder."""
        if self.renamed is None:
            return path
        engine_name, stored_name = self.renamed
        head, slash, rest = path.partition("/")
        if head != engine_name:
            raise StorageError(f"{path} is not part of the artifact {engine_name}; only in a repository it has a place")
        return f"{stored_name}{slash}{rest}"


class WorkerFiles:
    """The :class:`~dbfleet.interfaces.WorkerFiles` that another process writes a publication's files with."""

    def __init__(self, staged: StagedFolder, names: _Names, cipher: _Cipher) -> None:
        self._staged = staged
        self._names = names
        self._cipher = cipher
        self._files: list[DigestedFile] = []

    def create(self, path: str) -> NewFile:
        file = DigestedFile(self._staged, self._names.stored(path))
        self._files.append(file)
        return self._cipher.file(file)

    def create_part(self, path: str) -> ByteSink:
        return self._cipher.part(self._staged.create_temporary(self._names.stored(path)))

    def join(self, path: str, parts: t.Sequence[str]) -> None:
        file = self.create(path)
        for part in parts:
            stored = self._names.stored(part)
            with contextlib.closing(self._cipher.joined(self._staged.open(stored), stored)) as source:
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
    :param encryption: to whom the files are encrypted.
    :param sign_key: a file with the private key that manifests are signed with; empty for none.
    """

    def __init__(
        self,
        staged: StagedFolder,
        *,
        manifest_path: str,
        renamed: tuple[str, str] | None = None,
        encryption: Encryption = NOT_ENCRYPTED,
        sign_key: str = "",
    ) -> None:
        self._sign_key = sign_key
        self._staged = staged
        self._manifest_path = manifest_path
        self._names = _Names(renamed, encryption.suffix)
        self._cipher = _Cipher(encryption)
        self._files: list[DigestedFile] = []
        self._adopted: list[FileRecord] = []

    @property
    def can_patch(self) -> bool:
        return self._staged.can_patch and not self._cipher.encryption

    @property
    def encryption(self) -> EncryptionRecord:
        """How the files are encrypted, for the manifest."""
        recipients = tuple(recipient.text for recipient in self._cipher.encryption.recipients)
        return EncryptionRecord(_METHOD if recipients else "", recipients)

    def create(self, path: str, *, patched: bool = False, large: bool = False) -> NewFile:
        file = DigestedFile(self._staged, self._names.stored(path), patched=patched, large=large)
        self._files.append(file)
        return self._cipher.file(file)

    def for_worker(self) -> WorkerFiles:
        return WorkerFiles(self._staged, self._names, self._cipher)

    def adopt(self, files: t.Iterable[FileRecord]) -> None:
        # One that came from another process by pickling takes twice the memory of a new one.
        self._adopted.extend(FileRecord(file.path, file.size, file.sha256) for file in files)

    def artifact_path(self, path: str) -> str:
        """The path under which the engine's artifact is stored, once all is written: that of a file or of a folder.

        :raises StorageError: there is no place for it.
        """
        stored = self._names.stored(path)
        return stored if any(record.path == stored for record in self.records()) else self._names.folder(path)

    def records(self) -> tuple[FileRecord, ...]:
        """All files, sorted by path.

        :raises StorageError: one was never closed, so it may be incomplete.
        """
        return tuple(sorted((*_records(self._files), *self._adopted), key=lambda record: record.path))

    def rendered(self, manifest: Manifest) -> tuple[Manifest, bytes]:
        """A manifest for :meth:`publish`, signed if there is a key."""
        data = render_manifest(manifest)
        if self._sign_key:
            manifest = dataclasses.replace(manifest, signature=signature_of(data, self._sign_key))
            data = render_manifest(manifest)
        return manifest, data

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


def _records(files: t.Iterable[DigestedFile]) -> tuple[FileRecord, ...]:
    records = []
    for file in files:
        if file.record is None:
            raise StorageError("a file of the backup was not finished; nothing is published")
        records.append(file.record)
    return tuple(records)
