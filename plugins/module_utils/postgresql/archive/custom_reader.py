# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reading the custom format, from pg_dump or from us, whole or damaged or hostile."""

from __future__ import annotations

import copy
import typing as t

from ...errors import CorruptArtifactError
from ...interfaces import ArtifactReader, SeekableSource
from ...streams.base import ByteSource, read_exactly
from ...streams.compression import DecompressSource
from ..toc import TocEntry
from .custom import BLOCK_DATA, BLOCK_LARGE_OBJECTS
from .entries import LARGE_OBJECTS, entry_name
from .extent import Extent
from .header import FORMAT_CUSTOM, ArchiveHeader, Layout, read_header
from .primitives import POSITION_NO_DATA, POSITION_SET, ArchiveInput
from .toc import StoredEntry, read_toc

_LARGEST_OID = (1 << 32) - 1
_LARGEST_ID = (1 << 31) - 1
_LARGEST_CHUNK = (1 << 31) - 1
_LARGEST_POSITION = 1 << 62
_READ_SIZE = 1 << 17
# A read need not give more at once where more would have to be copied together.
_ENOUGH = 1 << 15
# To read smaller chunks one by one takes longer than to read everything.
_SMALLEST_EXTENT = 1 << 14


class CustomReader:
    """One custom-format archive; an ``ArchiveReader``.

    :param source: positioned at its start; closed by :meth:`close`.
    :raises CorruptArtifactError: header or table of contents are damaged.
    """

    format = "custom"

    def __init__(self, source: SeekableSource, name: str) -> None:
        self.name = name
        self._source = source
        self._input = ArchiveInput(source, name)
        self.header: ArchiveHeader
        self.layout: Layout
        self.header, self.layout = read_header(self._input)
        if self.layout.format != FORMAT_CUSTOM:
            raise self._input.corrupt("it says that it is not of the custom format", offset=0)
        entries: list[TocEntry] = []
        self._positions: dict[int, int] = {}
        for stored in read_toc(self._input, version=self.header.version, read_extra=self._read_extra):
            entries.append(stored.entry)
            if stored.flag == POSITION_SET:
                self._positions[stored.entry.dump_id] = stored.position
        self.entries: tuple[TocEntry, ...] = tuple(entries)
        #: The numbers of all entries; made when they are needed.
        self._numbers: frozenset[int] = frozenset()
        self._data_start = self._input.offset
        self._scanned_to = self._data_start
        self._blocks: dict[int, int] = {}

    def reopened(self, artifact: ArtifactReader) -> CustomReader:
        """Another reader of the same archive for a forked process, which shares what was found out of it."""
        other = copy.copy(self)
        other._source = artifact.open("")
        other._input = ArchiveInput(other._source, self.name)
        other._input.int_size, other._input.offset_size = self._input.int_size, self._input.offset_size
        # Copying the positions would touch, and so copy, memory that the processes share.
        other._blocks = {}
        return other

    def data(self, entry: TocEntry) -> ByteSource:
        start = self._locate(entry, BLOCK_DATA)
        return self._stream(entry_name(entry), lambda: self._block_ended(start))

    @property
    def file(self) -> SeekableSource:
        return self._source

    def extents(self, entry: TocEntry) -> t.Iterator[Extent] | None:
        self._locate(entry, BLOCK_DATA)
        offset = self._input.offset
        first = self._input.read_count(f"the length of a chunk of {entry_name(entry)}", _LARGEST_CHUNK)
        if self.layout.compression.method != "none" or first < _SMALLEST_EXTENT:
            return None
        return self._extents(entry, offset)

    def _extents(self, entry: TocEntry, offset: int) -> t.Iterator[Extent]:
        head_size = 1 + self._input.int_size
        while True:
            self._source.seek(offset)
            head = read_exactly(self._source, head_size)
            if len(head) < head_size or head[0]:
                raise self._input.corrupt(f"there is no chunk of {entry_name(entry)}", offset=offset)
            extent = Extent(offset + head_size, int.from_bytes(head[1:], "little"))
            if not extent.size:
                return
            yield extent
            offset = extent.offset + extent.size

    def large_objects(self, entry: TocEntry) -> t.Iterator[tuple[int, ByteSource]]:
        start = self._locate(entry, BLOCK_LARGE_OBJECTS)
        while True:
            oid = self._read_oid(f"the OID of a large object of {entry_name(entry)}")
            if oid == 0:
                self._block_ended(start)
                return
            source = self._stream(f"large object {oid}", lambda: None)
            yield oid, source
            while source.read(_READ_SIZE):
                pass

    def check_extent(self) -> None:
        with_data = [entry for entry in self.entries if entry.had_dumper]
        for entry in with_data:
            if entry.dump_id not in self._positions:
                self._scan_for(entry)
        if with_data:
            last = max(with_data, key=lambda entry: self._positions[entry.dump_id])
            block_type = BLOCK_LARGE_OBJECTS if last.desc == LARGE_OBJECTS else BLOCK_DATA
            self._locate(last, block_type)
            self._skip_block(block_type)
        else:
            self._seek(self._data_start)
        self._check_end(self._input.offset)

    def check_complete(self) -> None:
        offset = self._data_start
        blocks = dict(self._blocks)
        while offset in blocks:
            offset = blocks.pop(offset)
        self._check_end(offset)

    def _check_end(self, offset: int) -> None:
        """Behind the data is nothing, or the table of contents once more.

        pg_dump writes it again when it knows where everything is, and where its standard output is a file
        (``pg_dump -Fc > file``) that can only be added to.
        """
        self._seek(offset)
        if not self._input.read(1):
            return
        self._seek(offset)
        try:
            again = [
                one.entry for one in read_toc(self._input, version=self.header.version, read_extra=self._read_extra)
            ]
        except CorruptArtifactError:
            again = []
        if tuple(again) != self.entries or self._input.read(1):
            raise self._input.corrupt("there are bytes that belong to no entry", offset=offset)

    def close(self) -> None:
        self._source.close()

    def _read_extra(self, entry: TocEntry) -> StoredEntry:
        start = self._input.offset
        flag, position = self._input.read_offset(f"the data offset of {entry_name(entry)}")
        if entry.had_dumper == (flag == POSITION_NO_DATA):
            raise self._input.corrupt(f"{entry_name(entry)} contradicts itself about having data", offset=start)
        return StoredEntry(entry, flag=flag, position=position)

    def _seek(self, offset: int) -> None:
        self._source.seek(offset)
        self._input.restart(offset)

    def _locate(self, entry: TocEntry, block_type: int) -> int:
        """Stand right after the block header of ``entry``; where the block begins."""
        position = self._positions.get(entry.dump_id)
        if position is None:
            position = self._scan_for(entry)
        elif not self._data_start <= position <= _LARGEST_POSITION:
            raise self._input.corrupt(f"the data offset of {entry_name(entry)} is {position}, which cannot be")
        self._seek(position)
        found_type, found_id = self._read_block_header(f"the data of {entry_name(entry)}")
        if found_id != entry.dump_id or found_type != block_type:
            raise self._input.corrupt(f"the data of {entry_name(entry)} is not where it must be", offset=position)
        return position

    def _read_block_header(self, what: str) -> tuple[int, int]:
        start = self._input.offset
        block_type = self._input.read_byte(what)
        if block_type not in (BLOCK_DATA, BLOCK_LARGE_OBJECTS):
            raise self._input.corrupt(f"{what} begins with an unknown block type {block_type}", offset=start)
        dump_id = self._input.read_count(f"the entry number at {what}", _LARGEST_ID)
        return block_type, dump_id

    def _scan_for(self, entry: TocEntry) -> int:
        """Go on from block to block; archives written into a pipe have no offsets."""
        while True:
            start = self._scanned_to
            self._seek(start)
            if not self._input.read(1):
                raise self._input.corrupt(f"it ends before the data of {entry_name(entry)}", offset=start)
            self._seek(start)
            block_type, dump_id = self._read_block_header("a data block")
            # The block may be one that was found before and not read to its end.
            self._numbers = self._numbers or frozenset(one.dump_id for one in self.entries)
            if dump_id not in self._numbers or self._positions.get(dump_id, start) != start:
                raise self._input.corrupt(f"a data block is of entry {dump_id}, which cannot be", offset=start)
            self._positions[dump_id] = start
            if dump_id == entry.dump_id:
                return start
            self._skip_block(block_type)
            self._scanned_to = self._input.offset

    def _skip_block(self, block_type: int) -> None:
        if block_type == BLOCK_DATA:
            self._skip_chunks()
            return
        while self._read_oid("the OID of a large object"):
            self._skip_chunks()

    def _read_oid(self, what: str) -> int:
        start = self._input.offset
        oid = self._input.read_int(what)
        if oid < 0:
            # pg_dump writes OIDs as signed integers: those of the upper half come out negative.
            oid += _LARGEST_OID + 1
        if not 0 <= oid <= _LARGEST_OID:
            raise self._input.corrupt(f"{what} is {oid}, which cannot be", offset=start)
        return oid

    def _skip_chunks(self) -> None:
        while True:
            length = self._input.read_count("the length of a data chunk", _LARGEST_CHUNK)
            if length == 0:
                return
            if length <= self._input.buffered():
                self._input.take(length, "a data chunk")
            else:
                self._seek(self._input.offset + length)

    def _block_ended(self, start: int) -> None:
        self._blocks[start] = self._input.offset
        if start == self._scanned_to:
            self._scanned_to = self._input.offset

    def _stream(self, what: str, ended: t.Callable[[], None]) -> ByteSource:
        chunks = ChunkSource(self._input, f"the data of {what}", ended)
        method = self.layout.compression.method
        # What is empty holds not even a compressed stream of nothing when lz4 or zstd wrote it.
        if method == "none" or chunks.ended:
            return chunks
        return DecompressSource(chunks, method, container="zlib", name=f"{self.name}, {what}")


class ChunkSource:
    """The concatenated chunks of one stream in a block, up to the empty chunk that ends it.

    :param ended: called once, when the end was reached.
    """

    def __init__(self, data: ArchiveInput, what: str, ended: t.Callable[[], None]) -> None:
        self._input = data
        self._what = what
        self._on_end = ended
        self._left = 0
        self.ended = False
        self._next_chunk()

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing > 0 and not self.ended:
            data = self._input.read(min(self._left, missing))
            if not data:
                raise self._input.corrupt(f"it ends inside {self._what}")
            parts.append(data)
            missing -= len(data)
            self._left -= len(data)
            if not self._left:
                missing -= self._gather_whole_chunks(parts, missing)
            if size - missing >= _ENOUGH:
                # Joining it with more would copy all data.
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """The archive stays open."""

    def _next_chunk(self) -> None:
        self._left = self._input.read_count(f"the length of a chunk of {self._what}", _LARGEST_CHUNK)
        if not self._left:
            self.ended = True
            self._on_end()

    def _gather_whole_chunks(self, parts: list[bytes], missing: int) -> int:
        """Take chunks that lie whole in the input's buffer and fit, then begin the next one; the bytes taken.

        pg_dump up to 15 writes a chunk for every row when nothing is compressed, so this is a hot loop.
        """
        gathered = self._input.take_chunks(parts, missing, f"the length of a chunk of {self._what}")
        self._next_chunk()
        return gathered
