# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A binlog wherever it lies: a file of this host, or one of a repository, which may be in parts and compressed."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing as t

from ...errors import CorruptArtifactError, NotFoundError
from ...lazy_dataclass import dataclass
from ...repository.access import NO_ACCESS, Access
from ...repository.storage import Storage, StoredFile
from ...streams.base import ByteSource, read_exactly
from ...streams.compression import decompress_source, detect_method
from ...streams.encryption import DecryptSource, SeekableBytes, is_encrypted
from ...streams.file import FileSource

PART_SUFFIX = ".part"
_SUFFIXES = (".gz", ".zst", ".lz4", PART_SUFFIX)
_DETECTED_BY = 8
_ENCRYPTION_DETECTED_BY = 32


@dataclass(frozen=True)
class StoredPart:
    """A piece of a binlog in a storage.

    :param path: in the storage.
    :param size: of the piece in the binlog, in bytes. What is stored may hold more: it grows while a file is archived.
    :param sha256: of these bytes; empty where it is not known.
    :param stored_size: of the file in the storage.
    :param stored_sha256: of that file.
    """

    path: str
    size: int
    sha256: str
    stored_size: int
    stored_sha256: str


@dataclass(frozen=True)
class StoredBinlog:
    """A binlog of a repository.

    :param name: as its server calls it.
    :param parts: in their order.
    :param held: the GTIDs that files of another server before it hold already; it may hold some of them again.
    :param is_first_of_server: it does not follow the file before it by its name.
    :param access: what opens it where it is encrypted.
    """

    name: str
    storage: Storage = dataclasses.field(compare=False, repr=False)
    parts: tuple[StoredPart, ...] = ()
    held: str = ""
    is_first_of_server: bool = False
    access: Access = NO_ACCESS

    @property
    def size(self) -> int:
        """Bytes of the binlog itself."""
        return sum(part.size for part in self.parts)

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return self.storage.url(self.parts[0].path) if self.parts else self.name

    def open(self) -> ByteSource:
        """Its bytes; every part is compared with its checksum when its end is read."""
        return _PartsSource(self)


BinlogFile = t.Union[str, StoredBinlog]


def open_binlog(file: BinlogFile) -> ByteSource:
    """The bytes of a binlog, decompressed.

    :raises NotFoundError, StorageError: it cannot be read.
    """
    return file.open() if isinstance(file, StoredBinlog) else _decompressed(FileSource(file), file)


def log_name(file: BinlogFile) -> str:
    """What the server calls a file, whatever its copy is called."""
    if isinstance(file, StoredBinlog):
        return file.name
    name = os.path.basename(file)
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            name = name[: -len(suffix)]
    return name


def location_of(file: BinlogFile) -> str:
    """Where a binlog is, for people."""
    return file.location if isinstance(file, StoredBinlog) else file


def _decompressed(source: SeekableBytes, name: str) -> ByteSource:
    try:
        method = detect_method(read_exactly(source, _DETECTED_BY))
        source.seek(0)
        return source if method == "none" else decompress_source(source, method, name=name)
    except BaseException:
        source.close()
        raise


class _PartsSource:
    def __init__(self, file: StoredBinlog) -> None:
        self._file = file
        self._parts = iter(file.parts)
        self._part: StoredPart | None = None
        self._source: ByteSource | None = None
        self._left = 0
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        while not self._left:
            self._end_part()
            self._part = next(self._parts, None)
            if self._part is None:
                return b""
            self._left = self._part.size
            self._digest = hashlib.sha256()
            if self._left:
                self._source = self._opened(self._part)
        data = self._source.read(min(size, self._left)) if self._source is not None else b""
        if not data:
            raise self._damaged("it is shorter than its record says")
        self._digest.update(data)
        self._left -= len(data)
        return data

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _opened(self, part: StoredPart) -> ByteSource:
        storage = self._file.storage
        try:
            return _decompressed(self._decrypted(storage.open(part.path), part.path), storage.url(part.path))
        except NotFoundError as error:
            raise self._damaged("it is missing") from error

    def _decrypted(self, source: StoredFile, path: str) -> SeekableBytes:
        try:
            encrypted = is_encrypted(read_exactly(source, _ENCRYPTION_DETECTED_BY))
            source.seek(0)
            if not encrypted:
                return source
            return DecryptSource(source, self._file.access.identities(), name=self._file.storage.url(path))
        except BaseException:
            source.close()
            raise

    def _end_part(self) -> None:
        self.close()
        part = self._part
        if part is not None and part.sha256 and self._digest.hexdigest() != part.sha256:
            raise self._damaged("it is not what was archived")

    def _damaged(self, cause: str) -> CorruptArtifactError:
        path = self._part.path if self._part is not None else ""
        return CorruptArtifactError(
            f"{self._file.storage.url(path)} of the binlog {self._file.name} is damaged: {cause}",
            hint="get the file from another copy of the repository, or go on from a newer full backup",
            path=path,
        )
