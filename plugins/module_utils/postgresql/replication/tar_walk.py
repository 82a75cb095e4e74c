# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Walking through a tar archive while it streams by: what a walsender sends, member by member.

The form is POSIX ustar with the larger numbers of GNU tar (``src/port/tar.c``); other kinds of members than files,
folders and links do not occur.
"""

from __future__ import annotations

import struct
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...streams.base import Buffer

BLOCK = 512
#: What a tar archive ends with; servers before 15 leave it to the receiver.
END = bytes(2 * BLOCK)
_ZEROS = bytes(BLOCK)
_CHECKSUM_FIELD = slice(148, 156)
_MAGIC = b"ustar"
_KINDS = {b"0": "file", b"\0": "file", b"5": "folder", b"2": "link"}


@dataclass(frozen=True)
class Member:
    """One member's header.

    :param path: as it is in the archive, without a slash at its end; bytes that are not UTF-8 are surrogates.
    :param kind: ``file``, ``folder`` or ``link``.
    :param size: of a file, in bytes; 0 for the others.
    :param modified: seconds since 1970.
    :param target: of a link.
    """

    path: str
    kind: str
    size: int
    mode: int
    modified: int
    target: str = ""


class MemberSink(t.Protocol):
    """Takes the content of one file."""

    def update(self, data: memoryview) -> None: ...

    def finish(self) -> None:
        """All of it was given."""


class TarWalk:
    """A sink for the bytes of one archive, in pieces of any size.

    :param name: the archive, for messages.
    :param begin: is called with every member; what it returns for a file takes its content.
    """

    def __init__(self, name: str, begin: t.Callable[[Member], MemberSink | None]) -> None:
        self._name = name
        self._begin = begin
        self._header = b""
        self._left = 0
        self._padding = 0
        self._member: MemberSink | None = None
        self._ended = False

    def write(self, data: Buffer) -> None:
        """Walk through what follows.

        :raises CorruptArtifactError: it is no tar archive.
        """
        view = memoryview(data)
        size = len(view)
        position = 0
        while position < size:
            if self._left:
                taken = min(self._left, size - position)
                if self._member is not None:
                    self._member.update(view[position : position + taken])
                self._left -= taken
                if not self._left:
                    self._finish_member()
            elif self._padding:
                taken = min(self._padding, size - position)
                self._padding -= taken
            else:
                taken = min(BLOCK - len(self._header), size - position)
                self._header += bytes(view[position : position + taken])
                if len(self._header) == BLOCK:
                    header, self._header = self._header, b""
                    self._next(header)
            position += taken

    def close(self) -> None:
        """Nothing follows.

        :raises CorruptArtifactError: the archive's end is missing.
        """
        if not self._ended or self._header:
            raise CorruptArtifactError(f"{self._name} is truncated", path=self._name)

    def abort(self) -> None:
        """Nothing is held."""

    def _next(self, header: bytes) -> None:
        if header == _ZEROS:
            self._ended = True
            return
        if self._ended:
            raise CorruptArtifactError(f"{self._name} goes on behind its end", path=self._name)
        member = parse_header(header, name=self._name)
        self._member = self._begin(member)
        self._left = member.size
        self._padding = -member.size % BLOCK
        if not member.size:
            self._finish_member()

    def _finish_member(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            member.finish()


def parse_header(header: bytes, *, name: str) -> Member:
    """What a header says.

    :param header: 512 bytes.
    :param name: the archive, for messages.
    :raises CorruptArtifactError: it is none.
    """
    try:
        found = _number(header[_CHECKSUM_FIELD])
        plain = sum(header) - sum(header[_CHECKSUM_FIELD]) + 8 * 0x20
        if header[257:262] != _MAGIC or found != plain:
            raise ValueError("its checksum does not match")
        kind = _KINDS[header[156:157]]
        path = _text(header[:100])
        beginning = _text(header[345:500])
        size = _number(header[124:136])
        return Member(
            path=(f"{beginning}/{path}" if beginning else path).rstrip("/"),
            kind=kind,
            size=size if kind == "file" else 0,
            mode=_number(header[100:108]),
            modified=_number(header[136:148]),
            target=_text(header[157:257]),
        )
    except (ValueError, KeyError, struct.error) as error:
        cause = "it holds a block that is no member's header"
        raise CorruptArtifactError(f"{name} is damaged: {cause}", path=name) from error


def file_header(path: str, size: int, *, modified: int, mode: int = 0o600) -> bytes:
    """The header of a file, as PostgreSQL writes it.

    :param path: of at most 99 bytes of ASCII.
    """
    fields = (
        path.encode("ascii").ljust(100, b"\0")
        + f"{mode:07o} {0:07o} {0:07o} ".encode("ascii")
        + _size_field(size)
        + f"{modified:011o} ".encode("ascii")
        + b" " * 8
        + b"0"
        + bytes(100)
        + b"ustar\x0000"
        + b"postgres".ljust(32, b"\0")
        + b"postgres".ljust(32, b"\0")
        + f"{0:07o} {0:07o} ".encode("ascii")
    ).ljust(BLOCK, b"\0")
    return fields[:148] + f"{sum(fields):06o}\0 ".encode("ascii") + fields[156:]


def padding_of(size: int) -> bytes:
    """What follows the content of a file of ``size`` bytes, up to the next block."""
    return bytes(-size % BLOCK)


def _size_field(size: int) -> bytes:
    return f"{size:011o} ".encode("ascii")


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if value >= 1 << 62:
            raise ValueError("a number is too large")
        return value
    text = field.split(b"\0", 1)[0].strip(b" ")
    return int(text, 8) if text else 0


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
