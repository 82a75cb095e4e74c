# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The binlog that is being archived into a repository: pieces that are stored whole, and a record of those that count.

A small piece is replaced by a larger one with the same beginning as more comes, so that a quiet server does not make a
file a second. The record is written after the piece and says how much of it counts; a job that dies between the two
leaves a piece that is longer than its record says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ...errors import CorruptArtifactError
from ...repository.storage import StagedFolder, Storage
from ...streams.base import Buffer
from ...streams.compression import SUFFIXES, Compression, compressor
from ...streams.encryption import SUFFIX as _AGE
from ...streams.encryption import Encryption
from . import codes
from .archive_record import StoredFile, TailRecord, render
from .binlog_file import StoredBinlog
from .file_facts import FileFacts

TAIL_NAME = "tail.json"
#: A piece that has so many bytes stays as it is.
_LARGE_PIECE = 1 << 20
#: As many may wait in memory.
_MOST_WAITING = 8 << 20
_BLOCK = 1 << 20


class _Pieces(t.NamedTuple):
    """What there is of the file. One value, because an interrupt may come between any two assignments.

    :param stored: the pieces that are stored.
    :param last: the content of the last of them, where it can still grow.
    :param waiting: what comes behind them.
    """

    stored: tuple[StoredFile, ...]
    last: bytes
    waiting: list[bytes]


class StoredTail:
    """The unfinished file (a :class:`.archive_place.Tail`).

    :param folder: of the pieces, in the storage.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str,
        server: t.Mapping[str, str],
        compression: Compression,
        encryption: Encryption,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._server = server
        self._compression = compression
        self._encryption = encryption
        self._pieces = _Pieces((), b"", [])
        self._waiting_size = 0
        self._digest: t.Any = hashlib.sha256()
        self._recorded = -1
        self.size = 0

    def begin(self) -> None:
        """A new file, which begins as all do."""
        self.write([codes.MAGIC], len(codes.MAGIC))

    def take_over(self, record: TailRecord, content: StoredBinlog) -> None:
        """Go on with a file after what its record says of it, which is at least one piece.

        :param content: to be read again, for the checksum of the whole.
        :raises CorruptArtifactError: a piece is not what it was.
        """
        *before, newest = record.stored
        if self._encryption or any(piece.name.endswith(_AGE) for piece in record.stored):
            # Who archives cannot read what is encrypted, so what comes next begins a piece of its own.
            self._digest, self.size, self._recorded = None, record.size, record.size
            # It may hold more than its record knows of, see below; what is counted of it stays the same.
            newest = dataclasses.replace(newest, size=self._storage.size(self._path(newest.name)) or 0)
            self._pieces = _Pieces((*before, newest), bytes(_LARGE_PIECE), [])
            return
        last: list[bytes] = []
        begins = record.size - newest.content_size
        if newest.name != self._name_at(begins):
            # Streams of one method may follow each other, those of several not.
            self._compression = _compression_of(newest.name)
        with contextlib.closing(content.open()) as source:
            while True:
                data = source.read(_BLOCK)
                if not data:
                    break
                self._digest.update(data)
                if self.size + len(data) > begins:
                    last.append(data[max(0, begins - self.size) :])
                self.size += len(data)
        self._pieces = _Pieces(record.stored, b"".join(last), [])
        self._recorded = self.size
        # A job that died may have stored more of it than its record knows of.
        if self._storage.size(self._path(newest.name)) != newest.size:
            self._store(self._pieces.last, tuple(before))

    @property
    def suffix(self) -> str:
        """What the names of the pieces end with, as that of the whole file will."""
        return self._compression.suffix + self._encryption.suffix

    @property
    def is_full(self) -> bool:
        return self._waiting_size >= _MOST_WAITING

    def write(self, pieces: t.Sequence[Buffer], size: int) -> None:
        data = b"".join(pieces)
        self._pieces.waiting.append(data)
        self._waiting_size += size
        if self._digest is not None:
            self._digest.update(data)
        self.size += size

    def sync(self, facts: FileFacts) -> None:
        if self._pieces.waiting:
            self._store_waiting()
        elif self._recorded == self.size and not facts.ended_by:
            return
        record = TailRecord(self._server, facts.record(), self._pieces.stored)
        self._storage.write_small(self._path(TAIL_NAME), render(record))
        self._recorded = self.size

    def hexdigest(self) -> str:
        return str(self._digest.hexdigest()) if self._digest is not None else ""

    def close(self) -> None:
        """What was synced is stored."""
        self._pieces, self._waiting_size = self._pieces._replace(last=b"", waiting=[]), 0

    def join(self, staged: StagedFolder, name: str) -> tuple[StoredFile, ...]:
        """Write the pieces, one after the other, as one file: streams of all methods may follow each other.

        Encrypted ones may not; each of them stays a file of its own, with its number behind the name.
        """
        stored = self._pieces.stored
        if any(piece.name.endswith(_AGE) for piece in stored):
            named = [(f"{name.split('.age', 1)[0]}.{number:06}{_AGE}", piece) for number, piece in enumerate(stored)]
            return tuple(
                dataclasses.replace(piece, name=each, size=size, sha256=digest)
                for each, piece in named
                for size, digest in [self._copy(staged, each, [piece])]
            )
        size, digest = self._copy(staged, name, stored)
        return (StoredFile(name, size, digest, self.size, self.hexdigest()),)

    def _copy(self, staged: StagedFolder, name: str, pieces: t.Iterable[StoredFile]) -> tuple[int, str]:
        """Write pieces as one file; its size and SHA-256."""
        file = staged.create(name)
        digest, size = hashlib.sha256(), 0
        try:
            for piece in pieces:
                with contextlib.closing(self._storage.open(self._path(piece.name))) as source:
                    left = piece.size
                    while left:
                        data = source.read(min(left, _BLOCK))
                        if not data:
                            raise CorruptArtifactError(f"{self._storage.url(self._path(piece.name))} became shorter")
                        digest.update(data)
                        file.write(data)
                        left -= len(data)
                    size += piece.size
            file.close()
        except BaseException:
            file.abort()
            raise
        return size, digest.hexdigest()

    def _store_waiting(self) -> None:
        stored, last, waiting = self._pieces
        data = b"".join(waiting)
        if stored and len(last) < _LARGE_PIECE:
            self._store(last + data, stored[:-1])
        else:
            self._store(data, stored)
        self._waiting_size = 0

    def _store(self, last: bytes, before: tuple[StoredFile, ...]) -> None:
        """Store the last piece, which nothing waits behind. Interrupted, it is as if nothing had been done.

        :param before: the pieces before it.
        """
        name = self._name_at(self.size - len(last))
        content = self._compressed(last)
        self._storage.write_small(self._path(name), content)
        piece = StoredFile(
            name, len(content), hashlib.sha256(content).hexdigest(), len(last), hashlib.sha256(last).hexdigest()
        )
        self._pieces = _Pieces((*before, piece), last, [])

    def _compressed(self, data: bytes) -> bytes:
        if self._compression.method != "none":
            stream = compressor(self._compression)
            data = stream.compress(data) + stream.flush()
        if not self._encryption:
            return data
        gathered = _Gathered()
        sink = self._encryption.sink(gathered)
        sink.write(data)
        sink.close()
        return bytes(gathered.data)

    def _name_at(self, offset: int) -> str:
        return f"{offset:020}{self.suffix}"

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"


class _Gathered:
    """A sink into memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: Buffer) -> None:
        self.data += data

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""


def _compression_of(name: str) -> Compression:
    """The compression of a piece by its name."""
    method = next((method for method, suffix in SUFFIXES.items() if suffix and name.endswith(suffix)), "none")
    return Compression.parse(method)
