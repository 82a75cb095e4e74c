# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Cuts a file of a mydumper folder into statements where myloader cuts it: at a ``;`` that ends a line.

Everything that writes such folders keeps to it: values hold no raw newline, and in the bodies of stored programs blanks
stand between a ``;`` and the end of the line.
"""

from __future__ import annotations

import io
import re
import typing as t

from ..errors import CorruptArtifactError
from ..streams.base import ByteSource
from .insert_as_file import values_in
from .script import BLOCK_SIZE, LARGEST_STATEMENT, Statement
from .script_insert import head_end
from .script_rest import KEPT_UP_TO, Rest, trimmed

_END = b";\n"
_FEW = 4
_BETWEEN = re.compile(rb"(?:[ \t\r\n\v\f]+|;\n|--[^\n]*\n|#[^\n]*\n|/\*(?!!|M!).*?\*/)*", re.DOTALL)
_ONLY_COMMENT = re.compile(rb"(?:--|#)[^\n]*\Z")
_BLANKED_LINE_END = re.compile(rb";( *) \n")


class FolderSplitter:
    """Iterates over the statements of one file, in memory bounded by the largest one.

    :param name: what to call the file in messages.
    :param in_parts: INSERTs that are too large to be kept come with a :attr:`.script.Statement.rest`.

    Iterating raises :class:`CorruptArtifactError` where the file ends inside a statement.

    :attr:`values` is how the values of the statements at hand are written, see :mod:`.insert_as_file`.
    :attr:`backslash_escapes` is there for who runs statements of several kinds of scripts; it decides nothing here.
    """

    def __init__(self, source: ByteSource, *, name: str, block_size: int = BLOCK_SIZE, in_parts: bool = False) -> None:
        self.backslash_escapes = True
        self.values = ""
        self._in_parts = in_parts
        self._source = source
        self._name = name
        self._block_size = block_size
        self._block = b""
        self._line = 1
        self._offset = 0

    def __iter__(self) -> t.Iterator[Statement]:
        while self._skip_to_statement():
            statement = self._statement()
            yield statement
            # Or the last statement would stay in memory while the next one is put together.
            rest = statement.rest
            del statement
            if rest is not None:
                rest.drop()

    def _more(self) -> bool:
        data = self._source.read(self._block_size)
        self._block += data
        return bool(data)

    def _drop(self, size: int) -> None:
        self._line += _newlines(self._block, size)
        self._offset += size
        self._block = self._block[size:]

    def _skip_to_statement(self) -> bool:
        """Move to the first byte of a statement; false at the end of the file."""
        while True:
            between = _BETWEEN.match(self._block)
            if between and between.end() > len(_END):
                self.values = values_in(between.group()) or self.values
            self._drop(between.end() if between else 0)
            # A comment's end may be in the next block.
            if self._block and not self._block.startswith((b"-", b"#", b"/", b";")):
                return True
            executable = self._block.startswith((b"/*!", b"/*M!"))
            if executable or not self._more():
                if not executable and _ONLY_COMMENT.match(self._block):
                    return False
                return bool(self._block)

    def _statement(self) -> Statement:
        line, offset = self._line, self._offset
        kept = io.BytesIO()
        pieces = self._pieces(line)
        in_parts = self._in_parts
        for piece in pieces:
            kept.write(piece)
            if in_parts and kept.tell() > KEPT_UP_TO:
                in_parts = False
                if head_end(kept.getvalue(), 0) >= 0:
                    return Statement(kept.getvalue(), line, offset, True, Rest(trimmed(pieces, b"\n")))
        return Statement(kept.getvalue().rstrip(b"\n"), line, offset, True)

    def _pieces(self, line: int) -> t.Iterator[bytes]:
        """The bytes of the statement at hand up to its end, with newlines in front of it."""
        size = 0
        while True:
            end = self._end()
            # The last byte may be the begin of the end.
            piece = self._block[: end if end >= 0 else -1]
            self._drop(end + len(_END) if end >= 0 else len(piece))
            size += len(piece)
            if size > LARGEST_STATEMENT:
                raise self._wrong("is larger than any server accepts", line)
            yield piece
            if end >= 0:
                return
            if not self._more():
                self._end_of_file(line)
                return

    def _end(self) -> int:
        """Where the end of the statement at hand begins in the block, -1 where it is not in it."""
        # Most statements are one line, and a single byte is found several times as fast as two.
        newline = self._block.find(b"\n")
        if newline < 0 or self._block.startswith(_END, max(0, newline - 1)):
            return newline - 1 if newline > 0 else -1
        return self._block.find(_END)

    def _end_of_file(self, line: int) -> None:
        if self._block != b";":
            raise self._wrong("has no end: the file is truncated", line)
        self._drop(1)

    def _wrong(self, cause: str, line: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"the statement at line {line} of {self._name} {cause}",
            hint="use another backup; this one was not written or copied completely",
            line=line,
        )


def _newlines(block: bytes, size: int) -> int:
    """How many there are before a place: few of them are found several times as fast as they are counted."""
    found = 0
    place = block.find(b"\n", 0, size)
    while place >= 0:
        found += 1
        if found == _FEW:
            return found + block.count(b"\n", place + 1, size)
        place = block.find(b"\n", place + 1, size)
    return found


def without_added_blanks(definition: bytes) -> bytes:
    """A stored program's definition as it was before the blanks of a folder of ours were put into it."""
    return _BLANKED_LINE_END.sub(rb";\1\n", definition)
