# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Walks a zstd stream block by block (RFC 8878), so that decompressing has a bound on memory.

A zstd block expands to at most 128 KiB, but a few bytes can hold thousands of blocks. Feeding the decompressor one
block at a time bounds what comes out of each call, and knowing the frames' structure finds every truncation.
"""

from __future__ import annotations

import typing as t

from ..errors import CorruptArtifactError
from .base import ByteSource, read_exactly

_FRAME_MAGIC = 0xFD2FB528
_SKIPPABLE_MAGIC = 0x184D2A50
_READ_SIZE = 1 << 17
_BLOCK_RLE = 1
_BLOCK_RESERVED = 3
_LARGEST_BLOCK = 1 << 17
_DICTIONARY_ID_SIZES = (0, 1, 2, 4)
_CONTENT_SIZE_SIZES = (0, 2, 4, 8)


class ZstdFrames:
    """The pieces of a zstd stream: a frame's header, each of its blocks, its checksum.

    :param name: the file's name, for error messages.
    """

    def __init__(self, inner: ByteSource, name: str) -> None:
        self._inner = inner
        self._name = name
        self._buffer = b""
        self._position = 0

    def pieces(self) -> t.Iterator[tuple[bytes, bool]]:
        """Each piece with whether it is the last one of its frame.

        :raises CorruptArtifactError: the stream ends inside a frame or is not zstd.
        """
        while True:
            start = self._take(4, at_start=True)
            if not start:
                return
            magic = int.from_bytes(start, "little")
            if magic == _FRAME_MAGIC:
                yield from self._frame(start)
            elif magic & 0xFFFFFFF0 == _SKIPPABLE_MAGIC:
                self._skip(int.from_bytes(self._take(4), "little"))
            else:
                raise self._damaged("a frame does not begin with the magic number")

    def _frame(self, start: bytes) -> t.Iterator[tuple[bytes, bool]]:
        descriptor = self._take(1)
        flags = descriptor[0]
        single_segment = bool(flags & 0x20)
        has_checksum = bool(flags & 0x04)
        content_size = _CONTENT_SIZE_SIZES[flags >> 6] or int(single_segment)
        header_size = (0 if single_segment else 1) + _DICTIONARY_ID_SIZES[flags & 3] + content_size
        yield start + descriptor + self._take(header_size), False
        last = False
        while not last:
            header = self._take(3)
            value = int.from_bytes(header, "little")
            last, block_type, size = bool(value & 1), value >> 1 & 3, value >> 3
            if block_type == _BLOCK_RESERVED or size > _LARGEST_BLOCK:
                raise self._damaged("a block has an impossible header")
            body = self._take(1 if block_type == _BLOCK_RLE else size)
            yield header + body, last and not has_checksum
        if has_checksum:
            yield self._take(4), True

    def _skip(self, size: int) -> None:
        while size:
            size -= len(self._take(min(size, _READ_SIZE)))

    def _take(self, size: int, *, at_start: bool = False) -> bytes:
        end = self._position + size
        if end > len(self._buffer):
            rest = self._buffer[self._position :]
            self._buffer = rest + read_exactly(self._inner, max(_READ_SIZE, size - len(rest)))
            self._position, end = 0, size
            if end > len(self._buffer):
                if at_start and not self._buffer:
                    return b""
                raise self._damaged("it is truncated")
        piece = self._buffer[self._position : end]
        self._position = end
        return piece

    def _damaged(self, cause: str) -> CorruptArtifactError:
        return CorruptArtifactError(f"cannot decompress {self._name} (zstd): {cause}", path=self._name)
