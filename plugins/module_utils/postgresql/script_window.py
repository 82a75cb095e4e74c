# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The part of a script that is in memory, where in the script it lies, and which bytes of it may be looked at."""

from __future__ import annotations

import re

from ..streams.base import ByteSource

BLOCK_SIZE = 1 << 18

#: Client encodings in which the further bytes of a character can be ASCII, a backslash or a quote among them, with
#: the length of their characters as libpq reckons it. Keys are written as the server compares names of encodings.
_TWO_BYTES = re.compile(rb"[\x80-\xff][^\n]")
_SHIFT_JIS = re.compile(rb"[\x80-\xa0\xe0-\xff][^\n]")
_GB18030 = re.compile(rb"[\x80-\xff](?:[0-9][^\n]{0,2}|[^\n])")
_UNSAFE = {
    **dict.fromkeys(("sjis", "mskanji", "shiftjis", "win932", "windows932", "shiftjis2004"), _SHIFT_JIS),
    **dict.fromkeys(("big5", "win950", "windows950"), _TWO_BYTES),
    **dict.fromkeys(("gbk", "win936", "windows936"), _TWO_BYTES),
    **dict.fromkeys(("uhc", "win949", "windows949", "johab"), _TWO_BYTES),
    "gb18030": _GB18030,
}


class Window:
    """A view onto a source that moves forward only.

    :attr:`data` are the bytes at hand; :attr:`scan` the same with every byte that is no character of its own made
    ``0xff``, for looking at. :attr:`position` is up to where they are done with.
    """

    def __init__(self, source: ByteSource, *, block_size: int = BLOCK_SIZE) -> None:
        self.data = b""
        self.scan = b""
        self.position = 0
        self.offset = 0
        self.ended = False
        self.has_zero_byte = False
        self._source = source
        self._block_size = block_size
        self._line = 1
        self._line_at = 0
        self._dropped = b"\n"
        self._mask: re.Pattern[bytes] | None = None

    def grow(self) -> bool:
        """Drop what is done with and read on, at least as much as is left; false, with nothing moved, at the end.

        Reading more, the more is left, keeps the copying of a large statement linear.
        """
        if self.ended:
            return False
        parts = [self.data[self.position :]]
        missing = max(self._block_size, len(parts[0]))
        while missing > 0:
            data = self._source.read(missing)
            if not data:
                self.ended = True
                break
            missing -= len(data)
            parts.append(data)
        if len(parts) == 1:
            return False
        self.line_at(self.position)
        self._dropped = self.byte_before()
        self.offset += self.position
        self.position = self._line_at = 0
        self.data = b"".join(parts)
        self.has_zero_byte = b"\0" in self.data
        self._look()
        return True

    def need(self, size: int) -> bool:
        """Whether ``size`` bytes lie ahead, reading on where necessary."""
        while len(self.data) - self.position < size:
            if not self.grow():
                return False
        return True

    def byte_before(self) -> bytes:
        """The byte before the position; a line end before the first."""
        return self.data[self.position - 1 : self.position] if self.position else self._dropped

    def line_at(self, position: int) -> int:
        """The line, counted from 1, of a position; positions may only go forward."""
        self._line += self.data.count(b"\n", self._line_at, position)
        self._line_at = position
        return self._line

    def pass_lines(self, position: int, lines: int) -> None:
        """Go on from the position to this one; the caller has counted the line ends in between.

        Rows are counted anyway, and counting takes as long as all else that is done with them.
        """
        self.line_at(self.position)
        self._line += lines
        self._line_at = self.position = position

    def read_rows(self, size: int) -> bytes:
        """The next bytes, at most ``size``, without a look at them; ``b""`` at the end.

        The caller knows how many lines they are, and says so in the end (:meth:`pass_lines`).
        """
        if self.position < len(self.data):
            self.line_at(self.position)
            data = self.data[self.position : self.position + size]
            self._line_at = self.position = self.position + len(data)
            return data
        data = self._source.read(size)
        self._begin_anew(len(data))
        return data

    def leapt(self, size: int, lines: int) -> None:
        """What follows what is at hand was passed: so many bytes with so many line ends."""
        self.pass_lines(len(self.data), lines)
        self._begin_anew(size)

    def _begin_anew(self, size: int) -> None:
        """Behind whole rows that lie behind what was at hand."""
        self.offset += len(self.data) + size
        self.data = self.scan = b""
        self.position = self._line_at = 0
        self.has_zero_byte = False
        self._dropped = b"\n"

    def use_encoding(self, name: str) -> None:
        """From the position on the text is in this client encoding."""
        normalized = "".join(letter for letter in name.lower() if letter.isalnum())
        mask = _UNSAFE.get(normalized)
        if mask is not self._mask:
            self._mask = mask
            self._look()

    @property
    def is_safe(self) -> bool:
        """Whether every byte below 0x80 is a character of its own."""
        return self._mask is None

    def _look(self) -> None:
        if self._mask is None:
            self.scan = self.data
            return
        done = self.data[: self.position]
        self.scan = done + self._mask.sub(lambda match: b"\xff" * len(match.group()), self.data[self.position :])
