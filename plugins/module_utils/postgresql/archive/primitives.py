# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The three encodings that every archive is made of: integers, strings and file offsets.

An integer is a sign byte and its magnitude, little-endian; a string is its length and its bytes, NULL has the length
-1; an offset is a flag and a position.
"""

from __future__ import annotations

import struct
import typing as t

from ...errors import CorruptArtifactError
from ...streams.base import ByteSource
from ..text import to_bytes, to_text

INT_SIZE = 4
OFFSET_SIZE = 8

POSITION_NOT_SET = 1
POSITION_SET = 2
POSITION_NO_DATA = 3

READ_SIZE = 1 << 17
# As much is not copied through the buffer.
_UNBUFFERED = 1 << 15


_INT = struct.Struct("<BI")
_NULL = _INT.pack(1, 1)


def encode_int(value: int) -> bytes:
    return _INT.pack(value < 0, abs(value))


def encode_string(text: str | None) -> bytes:
    if text is None:
        return _NULL
    data = to_bytes(text)
    return _INT.pack(0, len(data)) + data


def encode_offset(flag: int, position: int = 0) -> bytes:
    return bytes((flag,)) + position.to_bytes(OFFSET_SIZE, "little")


class ArchiveInput:
    """Bytes of an archive with their offset, from a source that may be hostile.

    Lengths found in the archive are never trusted: memory is taken as bytes arrive, so that a lying length costs no
    more than the file itself holds.

    :param source: read from where it stands.
    :param name: the file's name, for messages.
    """

    def __init__(self, source: ByteSource, name: str) -> None:
        self.name = name
        self.int_size = INT_SIZE
        self.offset_size = OFFSET_SIZE
        self._source = source
        self._buffer = b""
        self._position = 0
        self._buffer_offset = 0

    @property
    def offset(self) -> int:
        """Where the next byte comes from."""
        return self._buffer_offset + self._position

    @property
    def window(self) -> tuple[bytes, int]:
        """What was read already, and where in it the next byte is."""
        return self._buffer, self._position

    def skip_to(self, position: int) -> None:
        """Go on at a place of the :attr:`window`."""
        self._position = position

    def restart(self, offset: int) -> None:
        """The source was positioned at ``offset``."""
        self._buffer, self._position, self._buffer_offset = b"", 0, offset

    def buffered(self) -> int:
        """How many bytes can be skipped without reading."""
        return len(self._buffer) - self._position

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end."""
        if self._position >= len(self._buffer):
            if size >= _UNBUFFERED:
                data = self._source.read(size)
                self.restart(self.offset + len(data))
                return data
            if not self._fill():
                return b""
        data = self._buffer[self._position : self._position + size]
        self._position += len(data)
        return data

    def take(self, size: int, what: str) -> bytes:
        """Exactly ``size`` bytes.

        :raises CorruptArtifactError: the archive ends before them.
        """
        end = self._position + size
        if end <= len(self._buffer):
            data = self._buffer[self._position : end]
            self._position = end
            return data
        start = self.offset
        parts: list[bytes] = []
        while size:
            data = self.read(size)
            if not data:
                raise self.corrupt(f"it ends inside {what}", offset=start)
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def read_byte(self, what: str) -> int:
        return self.take(1, what)[0]

    def read_int(self, what: str) -> int:
        start = self.offset
        data = self.take(1 + self.int_size, what)
        if data[0] > 1:
            raise self.corrupt(f"{what} is not a number", offset=start)
        magnitude = int.from_bytes(data[1:], "little")
        return -magnitude if data[0] else magnitude

    def read_count(self, what: str, limit: int) -> int:
        """An integer from 0 to ``limit``."""
        start = self.offset
        value = self.read_int(what)
        if not 0 <= value <= limit:
            raise self.corrupt(f"{what} is {value}, which cannot be", offset=start)
        return value

    def read_string(self, what: str, limit: int) -> str | None:
        """A string of at most ``limit`` bytes, ``None`` for NULL."""
        start = self.offset
        length = self.read_int(what)
        if length == -1:
            return None
        if not 0 <= length <= limit:
            raise self.corrupt(f"{what} would be {length} bytes long, which cannot be", offset=start)
        data = self.take(length, what)
        if b"\x00" in data:
            raise self.corrupt(f"{what} holds a zero byte", offset=start)
        return to_text(data)

    def read_offset(self, what: str) -> tuple[int, int]:
        """A flag (one of the ``POSITION_*``) and a position."""
        start = self.offset
        data = self.take(1 + self.offset_size, what)
        if data[0] not in (POSITION_NOT_SET, POSITION_SET, POSITION_NO_DATA):
            raise self.corrupt(f"{what} has an unknown flag {data[0]}", offset=start)
        return data[0], int.from_bytes(data[1:], "little")

    def take_chunks(self, parts: list[bytes], room: int, what: str) -> int:
        """Append chunks (a length, then that many bytes) that lie whole in the buffer and fit into ``room``.

        Stops before a chunk of length 0; the number of bytes appended. One call handles thousands of small chunks
        without a Python call for each.
        """
        buffer, position, head_size = self._buffer, self._position, 1 + self.int_size
        available = len(buffer)
        from_bytes = int.from_bytes
        taken = 0
        while position + head_size <= available:
            start = position + head_size
            if buffer[position]:
                raise self.corrupt(f"{what} is not a length", offset=self._buffer_offset + position)
            length = from_bytes(buffer[position + 1 : start], "little")
            if not length or length > room - taken or start + length > available:
                break
            position = start + length
            parts.append(buffer[start:position])
            taken += length
        self._position = position
        return taken

    def corrupt(self, cause: str, *, offset: int | None = None, **context: t.Any) -> CorruptArtifactError:
        """The error for what was found at ``offset`` (by default here)."""
        where = self.offset if offset is None else offset
        return CorruptArtifactError(
            f"{self.name} is not a whole archive: at offset {where} {cause}", path=self.name, offset=where, **context
        )

    def _fill(self) -> bool:
        self._buffer_offset += len(self._buffer)
        self._position = 0
        self._buffer = self._source.read(READ_SIZE)
        return bool(self._buffer)
