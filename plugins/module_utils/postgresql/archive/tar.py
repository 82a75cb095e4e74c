# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of a tar-format archive: plain ustar members, never compressed."""

from __future__ import annotations

import copy

from ...errors import CorruptArtifactError
from ...interfaces import ArtifactReader, SeekableSource
from ...streams.base import ByteSource, read_exactly
from .extent import Extent

BLOCK_SIZE = 512
_MOST_MEMBERS = 4_000_000
_LARGEST_FILE = 1 << 62
_REGULAR = (b"0", b"\x00")


def is_tar(head: bytes) -> bool:
    """Whether a file's first block is a tar header."""
    return head[257:262] == b"ustar"


class TarMembers:
    """Finds the members once and reads each where it stands.

    :param source: closed by :meth:`close`.
    :raises CorruptArtifactError: a member's header is damaged or the file is cut short.
    """

    def __init__(self, source: SeekableSource, name: str) -> None:
        self._source = source
        self._name = name
        self._members = self._index()
        self.extent: Extent | None = None

    def reopened(self, artifact: ArtifactReader) -> TarMembers:
        """The same, to be read beside this one."""
        other = copy.copy(self)
        other._source = artifact.open("")
        return other

    @property
    def file(self) -> SeekableSource:
        return self._source

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> ByteSource | None:
        found = self._members.get(name)
        if found is None:
            return None
        offset, size = self.extent = found
        self._source.seek(offset)
        return _MemberSource(self._source, size, f"{self._name}, {name}")

    def close(self) -> None:
        self._source.close()

    def _index(self) -> dict[str, Extent]:
        members: dict[str, Extent] = {}
        offset = 0
        while len(members) < _MOST_MEMBERS and offset <= _LARGEST_FILE:
            self._source.seek(offset)
            header = read_exactly(self._source, BLOCK_SIZE)
            if len(header) < BLOCK_SIZE:
                raise self._damaged("it is cut short", offset)
            if not header.strip(b"\x00"):
                return members
            name, size = self._parse(header, offset)
            if name in members:
                raise self._damaged(f"it holds {name!r} twice", offset)
            members[name] = Extent(offset + BLOCK_SIZE, size)
            offset += BLOCK_SIZE + (size + BLOCK_SIZE - 1) // BLOCK_SIZE * BLOCK_SIZE
        raise self._damaged("it is impossibly large", offset)

    def _parse(self, header: bytes, offset: int) -> tuple[str, int]:
        checksum = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        if not is_tar(header) or self._number(header[148:156], offset) != checksum:
            raise self._damaged("a file's header is damaged", offset)
        if header[156:157] not in _REGULAR:
            raise self._damaged("it holds something that is not a file", offset)
        return header[:100].rstrip(b"\x00").decode("utf-8", "replace"), self._number(header[124:136], offset)

    def _number(self, field: bytes, offset: int) -> int:
        if field[0] & 0x80:  # base 256, for what octal digits cannot hold
            return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
        digits = field.strip(b"\x00 ")
        if not digits or digits.strip(b"01234567"):
            raise self._damaged("a number in a file's header is damaged", offset)
        return int(digits, 8)

    def _damaged(self, cause: str, offset: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"{self._name} is not a whole archive: at offset {offset} {cause}", path=self._name, offset=offset
        )


class _MemberSource:
    """The bytes of one member, read from where the source stands."""

    def __init__(self, source: SeekableSource, size: int, name: str) -> None:
        self._source = source
        self._left = size
        self._name = name

    def read(self, size: int) -> bytes:
        if not self._left:
            return b""
        data = self._source.read(min(size, self._left))
        if not data:
            raise CorruptArtifactError(f"{self._name} is cut short", path=self._name)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """The archive stays open."""
