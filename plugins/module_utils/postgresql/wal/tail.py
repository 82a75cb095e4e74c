# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The segment that is being streamed into the archive: ``<segment>.part/`` beside the timelines.

Pieces are stored whole, and a record, written after them, says which count. A small piece is replaced by a larger one
with the same beginning as more comes, so that a quiet server does not make a file a second.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...repository.sealed import decode, load_sealed, seal
from ...repository.storage import Storage
from ...streams.base import ByteSink
from ...streams.compression import compress_sink
from .archive import WalArchive
from .archived_file import ArchivedFile, copy_blocks, open_archived, parse_archived
from .segment import SegmentName, parse_segment

PART_SUFFIX = ".part"
TAIL_NAME = "tail.json"
#: A piece that has so many bytes stays as it is.
_LARGE_PIECE = 1 << 20
_LARGEST_RECORD = 1 << 22
_MOST_PIECES = 1 << 12
_VERSION_KEY = "wal_tail_version"
_VERSION = 1


@dataclass(frozen=True)
class TailPiece:
    """Some bytes of a segment.

    :param stored: the file's name.
    :param size: of what is in it.
    """

    stored: str
    size: int


@dataclass(frozen=True)
class TailRecord:
    """What counts of an unfinished segment.

    :param segment: its name.
    :param pieces: in their order.
    :param server_time: when the server sent the last of it, in seconds since 1970.
    """

    segment: str
    segment_size: int
    pieces: tuple[TailPiece, ...]
    server_time: float = 0.0

    @property
    def size(self) -> int:
        """How many bytes of the segment are archived."""
        return sum(piece.size for piece in self.pieces)

    @property
    def place(self) -> SegmentName:
        place = parse_segment(self.segment)
        if place is None:
            raise CorruptArtifactError(f"{self.segment} is not the name of a segment")
        return place

    @property
    def end(self) -> int:
        """The LSN behind what is archived."""
        return self.place.start(self.segment_size) + self.size


class TailWriter:
    """The pieces of one segment."""

    def __init__(self, archive: WalArchive, place: SegmentName, segment_size: int) -> None:
        self._archive = archive
        self._place = place
        self._segment_size = segment_size
        self._folder = tail_folder(archive, place)
        self._pieces: list[TailPiece] = []
        self._last = b""
        #: How many bytes are durable.
        self.size = 0

    def adopt(self, known: TailRecord, last: bytes) -> None:
        """Go on behind what an earlier run has stored.

        :param last: the content of its last piece.
        """
        self._pieces, self._last, self.size = list(known.pieces), last, known.size

    def append(self, data: bytes, server_time: float) -> None:
        """Store what follows; it is durable when this returns.

        :raises StorageError: it cannot be stored.
        """
        storage = self._archive.storage
        replaced = None
        if self._pieces and len(self._last) < _LARGE_PIECE:
            replaced = self._pieces.pop()
            self._last += data
        else:
            self._last = data
        self._pieces.append(TailPiece(self._store(self._last), len(self._last)))
        record = TailRecord(str(self._place), self._segment_size, tuple(self._pieces), server_time)
        fields = {**dataclasses.asdict(record), _VERSION_KEY: _VERSION}
        storage.write_small(f"{self._folder}/{TAIL_NAME}", seal(fields))
        self.size += len(data)
        if replaced is not None and replaced.stored != self._pieces[-1].stored:
            storage.remove_small(f"{self._folder}/{replaced.stored}")

    def remove(self) -> None:
        """The segment is archived as a whole."""
        self._archive.storage.remove(self._folder)

    def _store(self, data: bytes) -> str:
        archive = self._archive
        suffix = archive.compression.suffix + archive.encryption.suffix
        stored = f"{self._place}-{hashlib.sha256(data).hexdigest()}{suffix}"
        sink: ByteSink = archive.storage.create(f"{self._folder}/{stored}")
        try:
            sink = compress_sink(archive.encryption.sink(sink), archive.compression)
            sink.write(data)
            sink.close()
        except BaseException:
            sink.abort()
            raise
        return stored


def tail_folder(archive: WalArchive, place: SegmentName) -> str:
    """The folder of an unfinished segment, in the storage."""
    return f"{archive.folder}/{place}{PART_SUFFIX}"


def tails(archive: WalArchive) -> list[SegmentName]:
    """The segments that have pieces in the archive, whether they are whole there too or not."""
    names = (
        name[: -len(PART_SUFFIX)] for name in archive.storage.folders(archive.folder) if name.endswith(PART_SUFFIX)
    )
    return sorted(place for place in map(parse_segment, names) if place is not None)


def read_tail(archive: WalArchive, place: SegmentName) -> TailRecord | None:
    """What there is of an unfinished segment; ``None`` for nothing.

    :raises CorruptArtifactError: its record is damaged.
    """
    storage = archive.storage
    path = f"{tail_folder(archive, place)}/{TAIL_NAME}"
    data = storage.read_small(path, _LARGEST_RECORD)
    if data is None:
        return None
    what = f"the record of the unfinished segment {storage.url(path)}"
    record = decode(TailRecord, load_sealed(data, what=what, version_key=_VERSION_KEY, version=_VERSION), what=what)
    if record.segment != str(place) or not 0 < record.size <= record.segment_size or len(record.pieces) > _MOST_PIECES:
        raise CorruptArtifactError(f"{what} does not fit the segment {place}", path=path)
    return record


class TailSource:
    """An unfinished segment as a source; what is missing of it can be filled with zeros.

    :param fill: up to the size of a segment.
    """

    def __init__(self, archive: WalArchive, record: TailRecord, *, fill: bool) -> None:
        self._chunks = _chunks(archive.storage, archive, record, fill)
        self._rest = b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Nothing is held between two pieces."""
        self._chunks.close()


def _chunks(storage: Storage, archive: WalArchive, record: TailRecord, fill: bool) -> t.Generator[bytes, None, None]:
    folder = tail_folder(archive, record.place)
    for piece in record.pieces:
        file = parse_archived(piece.stored, folder)
        if file is None or file.name != record.segment:
            raise CorruptArtifactError(f"{storage.url(folder)} tells of a piece {piece.stored!r}")
        yield _read_piece(storage, archive, file, piece.size)
    missing = record.segment_size - record.size if fill else 0
    while missing:
        zeros = bytes(min(missing, _LARGE_PIECE))
        yield zeros
        missing -= len(zeros)


def _read_piece(storage: Storage, archive: WalArchive, file: ArchivedFile, size: int) -> bytes:
    parts: list[bytes] = []
    with contextlib.closing(open_archived(storage, file, archive.access)) as source:
        found = copy_blocks(source, lambda data: parts.append(bytes(data)))
    if found != size:
        raise CorruptArtifactError(f"{storage.url(file.path)} holds {found} bytes, its record says {size}")
    return b"".join(parts)
