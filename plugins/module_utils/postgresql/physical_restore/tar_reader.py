# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The tar archives of a base backup, read once from their beginning to their end.

PostgreSQL writes plain ustar headers, with sizes of 8 GiB and more in binary, and nothing but files, folders and links
to tablespaces. Whatever else an archive holds was not written by a server and is refused.
"""

from __future__ import annotations

import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...streams.base import ByteSource, read_exactly

FILE, FOLDER, LINK = "file", "folder", "link"

_BLOCK = 512
_READ_SIZE = 1 << 20
_KINDS = {b"0": FILE, b"\0": FILE, b"5": FOLDER, b"2": LINK}
_LARGEST_SIZE = 1 << 62
_LONGEST_NAME = 100


@dataclass(frozen=True)
class TarMember:
    """One member.

    :param name: with ``/`` between its parts; none of them is empty, ``.`` or ``..``.
    :param kind: :data:`FILE`, :data:`FOLDER` or :data:`LINK`.
    :param mode: the permissions.
    :param size: of a file's content, in bytes.
    :param target: of a link.
    """

    name: str
    kind: str
    mode: int
    size: int
    target: str = ""


class TarReader:
    """An archive whose members come one after the other.

    :param name: what errors call it.
    """

    def __init__(self, source: ByteSource, name: str) -> None:
        self._source = source
        self._name = name
        self._left = 0
        self._padding = 0
        self._ended = False
        #: Of the member at hand, as the archive has it.
        self.header = b""

    def __iter__(self) -> t.Iterator[TarMember]:
        """The members; what was not read of one with :meth:`data` is passed over.

        :raises CorruptArtifactError: the archive is damaged, truncated or none of a server's.
        """
        while True:
            self._pass_over()
            member = self._next()
            if member is None:
                return
            yield member

    def data(self) -> t.Iterator[bytes]:
        """The content of the member at hand, in pieces.

        :raises CorruptArtifactError: the archive ends in the middle.
        """
        while self._left:
            piece = self._source.read(min(self._left, _READ_SIZE))
            if not piece:
                raise self._damaged("it ends in the middle of a file")
            self._left -= len(piece)
            yield piece

    def read(self, limit: int) -> bytes:
        """The whole content of the member at hand.

        :raises CorruptArtifactError: it is larger than ``limit`` bytes.
        """
        if self._left > limit:
            raise self._damaged(f"a file that must be small has {self._left} bytes")
        return b"".join(self.data())

    def _pass_over(self) -> None:
        for _piece in self.data():
            pass
        if len(read_exactly(self._source, self._padding)) != self._padding:
            raise self._damaged("it ends in the middle of a file")
        self._padding = 0

    def _next(self) -> TarMember | None:
        header = read_exactly(self._source, _BLOCK)
        if len(header) < _BLOCK:
            raise self._damaged("it ends without the mark of its end")
        if not any(header):
            self._check_rest()
            return None
        if header[257:262] != b"ustar" or _number(header[148:156]) != _header_sum(header):
            raise self._damaged("a member's header is damaged")
        kind = _KINDS.get(header[156:157])
        size = _number(header[124:136])
        mode = _number(header[100:108])
        name = _text(header[:100])
        prefix = _text(header[345:500])
        if kind is None:
            raise self._damaged(f"the member {name!r} is neither a file nor a folder nor a link")
        if size is None or mode is None or size > _LARGEST_SIZE or (size and kind != FILE):
            raise self._damaged(f"the size or mode of the member {name!r} is none")
        name = _clean(f"{prefix}/{name}" if prefix else name)
        if not name:
            raise self._damaged(f"the member {_text(header[:100])!r} leads out of the backup")
        self.header = bytes(header)
        self._left = size
        self._padding = -size % _BLOCK
        return TarMember(name, kind, mode & 0o7777, size, _text(header[157:257]) if kind == LINK else "")

    def _check_rest(self) -> None:
        """Behind the end are zeros, as many as the writer liked.

        Reading to the very end has whatever decompresses and decrypts look at its own checksums.
        """
        while True:
            piece = self._source.read(_READ_SIZE)
            if not piece:
                return
            if any(piece):
                raise self._damaged("there is something behind its end")

    def _damaged(self, cause: str) -> CorruptArtifactError:
        return CorruptArtifactError(f"the archive {self._name} is damaged: {cause}", path=self._name)


def _number(field: bytes) -> int | None:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.isdigit() and not digits.strip(b"01234567"):
        return int(digits, 8)
    return None


def _header_sum(header: bytes) -> int:
    """The sum of its bytes, with blanks where the sum itself stands."""
    return sum(header) - sum(header[148:156]) + 8 * 32


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _clean(name: str) -> str:
    """The name without ``./`` before and ``/`` behind it; empty for one that leads elsewhere."""
    name = name.rstrip("/") if name != "/" else ""
    while name.startswith("./"):
        name = name[2:]
    return "" if any(part in ("", ".", "..") for part in name.split("/")) else name


def changed_header(header: bytes, name: str, size: int) -> bytes:
    """A member's header for a file of another name and size, written as servers do.

    :raises CorruptArtifactError: the name is longer than a server's can be.
    """
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) >= _LONGEST_NAME:
        raise CorruptArtifactError(f"the name {name!r} is longer than an archive of a server has any", path=name)
    new = bytearray(header)
    new[:100] = encoded.ljust(100, b"\0")
    new[345:500] = bytes(155)
    new[124:136] = b"%011o " % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    new[148:156] = b"%07o " % _header_sum(bytes(new))
    return bytes(new)
