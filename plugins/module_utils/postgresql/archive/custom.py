# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the custom format: header, table of contents, then one block for every entry that has data.

The genuine pg_restore reads it. Offsets are written into the table of contents at the end, where the file allows it:
without them pg_restore still works, but has to scan for the blocks.
"""

from __future__ import annotations

import typing as t

from ...errors import DbfleetError
from ...interfaces import ArtifactFile
from ...streams.base import Buffer, ByteSink
from ...streams.compression import Compression, CompressSink
from ..toc import TocEntry
from .copy_text import data_sink
from .header import FORMAT_CUSTOM, ArchiveHeader, encode_header
from .primitives import INT_SIZE, POSITION_NO_DATA, POSITION_NOT_SET, POSITION_SET, encode_int, encode_offset
from .toc import encode_entry

BLOCK_DATA = 1
BLOCK_LARGE_OBJECTS = 3

_CHUNK_SIZE = 1 << 16
_LARGEST_CHUNK = 1 << 20


class CustomWriter:
    """One custom-format archive being written.

    :param file: empty; it is closed by :meth:`finish`.
    :param entries: the whole table of contents, in restore order; it is written at once.
    :param compression: ``none`` or ``gzip``; ``lz4`` and ``zstd`` need version 1.15 (:func:`header.version_for`).
    :param can_patch: whether ``file.patch`` may be used.
    :raises UsageError: the version cannot be written, or not with this compression.

    The data of the entries with ``had_dumper`` must be written one after the other, in their order.
    """

    def __init__(
        self,
        file: ArtifactFile,
        *,
        header: ArchiveHeader,
        entries: t.Sequence[TocEntry],
        compression: Compression,
        can_patch: bool,
    ) -> None:
        self._file = file
        self._compression = compression
        self._can_patch = can_patch
        # Where an entry's offset stands in the table of contents, and where its data begins.
        self._offsets: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._waiting = [entry for entry in reversed(entries) if entry.had_dumper]
        self._block_open = False
        self.size = 0
        self.write_raw(encode_header(header, archive_format=FORMAT_CUSTOM, compression=compression))
        self._write_toc(entries, header.version)

    def begin_data(self, entry: TocEntry) -> ByteSink:
        """A sink for the rows of one table: COPY text, whose end marker is added when it is closed, or statements.

        It may be written from another thread, but everything of the writer from one thread at a time.
        """
        self._begin_block(entry, BLOCK_DATA)
        return data_sink(entry, self.compressed(_ChunkSink(self, self._end_block)))

    def begin_large_objects(self, entry: TocEntry) -> LargeObjectsWriter:
        """The large objects of one ``BLOBS`` entry, written one after the other."""
        self._begin_block(entry, BLOCK_LARGE_OBJECTS)
        return LargeObjectsWriter(self, self._end_block)

    def finish(self) -> None:
        """Complete and close the file.

        :raises StorageError: it could not be made durable.
        """
        if self._block_open or self._waiting:
            missing = ", ".join(f"{entry.desc} {entry.tag}" for entry in reversed(self._waiting))
            raise DbfleetError(f"the archive is not complete: the data is missing of {missing or 'an open block'}")
        if self._can_patch:
            for dump_id, position in self._positions.items():
                self._file.patch(self._offsets[dump_id], encode_offset(POSITION_SET, position))
        self._file.close()

    def abort(self) -> None:
        """Release the file unfinished."""
        self._file.abort()

    def write_raw(self, data: Buffer) -> None:
        """Bytes of the format itself; for the sinks of this file only."""
        self._file.write(data)
        self.size += len(data)

    def compressed(self, inner: ByteSink) -> ByteSink:
        """``inner`` with this archive's compression in front of it."""
        if self._compression.method == "none":
            return inner
        return CompressSink(inner, self._compression, container="zlib")

    def _begin_block(self, entry: TocEntry, block_type: int) -> None:
        if self._block_open or not self._waiting or self._waiting[-1].dump_id != entry.dump_id:
            raise DbfleetError(f"the data of {entry.desc} {entry.tag} is written out of turn")
        self._waiting.pop()
        self._block_open = True
        self._positions[entry.dump_id] = self.size
        self.write_raw(bytes((block_type,)) + encode_int(entry.dump_id))

    def _end_block(self) -> None:
        self._block_open = False

    def _write_toc(self, entries: t.Sequence[TocEntry], version: tuple[int, int]) -> None:
        no_data, not_set = encode_offset(POSITION_NO_DATA), encode_offset(POSITION_NOT_SET)
        parts, gathered = [encode_int(len(entries))], INT_SIZE + 1
        for entry in entries:
            encoded = encode_entry(entry, version)
            gathered += len(encoded)
            if entry.had_dumper:
                self._offsets[entry.dump_id] = self.size + gathered
            parts += (encoded, not_set if entry.had_dumper else no_data)
            gathered += len(no_data)
            if gathered >= _LARGEST_CHUNK:
                self.write_raw(b"".join(parts))
                parts, gathered = [], 0
        self.write_raw(b"".join(parts))


class LargeObjectsWriter:
    """One block of large objects being written."""

    def __init__(self, writer: CustomWriter, ended: t.Callable[[], None]) -> None:
        self._writer = writer
        self._ended = ended

    def begin(self, oid: int) -> ByteSink:
        """A sink for one large object's bytes; close it before the next is begun."""
        self._writer.write_raw(encode_int(oid))
        return self._writer.compressed(_ChunkSink(self._writer, lambda: None))

    def close(self) -> None:
        self._writer.write_raw(encode_int(0))
        self._ended()


class _ChunkSink:
    """Cuts a stream into the chunks of a block and ends it with an empty one."""

    def __init__(self, writer: CustomWriter, ended: t.Callable[[], None]) -> None:
        self._writer = writer
        self._ended = ended
        self._parts: list[bytes] = []
        self._gathered = 0

    def write(self, data: Buffer) -> None:
        # Whoever writes here may reuse the buffer, what is gathered must be a copy.
        self._parts.append(data if isinstance(data, bytes) else bytes(data))
        self._gathered += len(data)
        if self._gathered >= _CHUNK_SIZE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.write_raw(encode_int(0))
        self._ended()

    def abort(self) -> None:
        self._parts.clear()

    def _flush(self) -> None:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._gathered = [], 0
        for start in range(0, len(data), _LARGEST_CHUNK):
            piece = data[start : start + _LARGEST_CHUNK]
            self._writer.write_raw(encode_int(len(piece)) + piece)
