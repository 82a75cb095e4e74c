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
from .script import BLOCK_SIZE, LARGEST_STATEMENT, Statement

_END = b";\n"
_BETWEEN = re.compile(rb"(?:[ \t\r\n\v\f]+|;\n|--[^\n]*\n|#[^\n]*\n|/\*(?!!|M!).*?\*/)*", re.DOTALL)
_ONLY_COMMENT = re.compile(rb"(?:--|#)[^\n]*\Z")
_BLANKED_LINE_END = re.compile(rb";( *) \n")


class FolderSplitter:
    """Iterates over the statements of one file, in memory bounded by the largest one.

    :param name: what to call the file in messages.

    Iterating raises :class:`CorruptArtifactError` where the file ends inside a statement.

    :attr:`backslash_escapes` is there for who runs statements of several kinds of scripts; it decides nothing here.
    """

    def __init__(self, source: ByteSource, *, name: str, block_size: int = BLOCK_SIZE) -> None:
        self.backslash_escapes = True
        self._source = source
        self._name = name
        self._block_size = block_size
        self._block = b""
        self._line = 1
        self._offset = 0

    def __iter__(self) -> t.Iterator[Statement]:
        while self._skip_to_statement():
            statement: Statement | None = self._statement()
            yield t.cast(Statement, statement)
            # Or the last statement would stay in memory while the next one is put together.
            statement = None

    def _more(self) -> bool:
        data = self._source.read(self._block_size)
        self._block += data
        return bool(data)

    def _drop(self, size: int) -> None:
        self._line += self._block.count(b"\n", 0, size)
        self._offset += size
        self._block = self._block[size:]

    def _skip_to_statement(self) -> bool:
        """Move to the first byte of a statement; false at the end of the file."""
        while True:
            between = _BETWEEN.match(self._block)
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
        pieces = io.BytesIO()
        while True:
            end = self._block.find(_END)
            if end >= 0:
                pieces.write(self._block[:end])
                self._drop(end + len(_END))
                return Statement(pieces.getvalue().rstrip(b"\n"), line, offset, True)
            # The last byte may be the begin of the end.
            pieces.write(self._block[:-1])
            self._drop(len(self._block) - 1)
            if pieces.tell() > LARGEST_STATEMENT:
                raise self._wrong("is larger than any server accepts", line)
            if not self._more():
                return self._last(pieces, line, offset)

    def _last(self, pieces: io.BytesIO, line: int, offset: int) -> Statement:
        if self._block != b";":
            raise self._wrong("has no end: the file is truncated", line)
        self._drop(1)
        return Statement(pieces.getvalue(), line, offset, True)

    def _wrong(self, cause: str, line: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"the statement at line {line} of {self._name} {cause}",
            hint="use another backup; this one was not written or copied completely",
            line=line,
        )


def without_added_blanks(definition: bytes) -> bytes:
    """A stored program's definition as it was before the blanks of a folder of ours were put into it."""
    return _BLANKED_LINE_END.sub(rb";\1\n", definition)
