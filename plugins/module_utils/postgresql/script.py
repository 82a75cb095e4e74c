# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Cuts a SQL script into statements, psql commands and COPY data at the places where psql cuts it.

Every byte of a statement reaches the server as it stands in the file; white space and ``--`` comments in front of it
do not, as with psql. Of psql's own commands those that dumps hold are given to the caller, all others are refused by
name, and so is what psql would put in place of ``:NAME``.

Two differences from psql, both on purpose: psql takes the two settings that decide how strings are read once a line,
here they count at once; and psql runs what stands without a semicolon at a script's end, here that is an error, as it
is how a truncated script looks.
"""

from __future__ import annotations

import re
import typing as t

from ..errors import CorruptArtifactError, DbfleetError, UsageError
from ..streams.base import ByteSource
from . import script_patterns as patterns
from .script_commands import CopyCommand, copy_command, first_word, tokens
from .script_copy import CopyData, Leap
from .script_meta import MetaCommand, meta_command, meta_name
from .script_scan import StatementScan
from .script_window import BLOCK_SIZE, Window

#: The largest text that the server accepts.
LARGEST_STATEMENT = (1 << 30) - 1
# Commands and what stands behind a COPY statement are one short line.
_LONGEST_LINE = 1 << 16
# Of a comment that goes on and on only so many blocks are kept.
_MOST_PARTS = 2

_BOM = b"\xef\xbb\xbf"
_ARCHIVE_MAGIC = b"PGDMP"
_AFTER_COPY = re.compile(rb"[ \t\r\f\v]*(?:--[^\r]*)?")


class Statement(t.NamedTuple):
    """One statement of a script, or several INSERT statements in a row where the splitter was asked for batches.

    :param text: its bytes with the semicolon.
    :param line: the line of its first byte, counted from 1.
    :param offset: the position of its first byte in the (decompressed) script.
    :param copy: what it copies, where rows follow it in the script; they are the splitter's :attr:`data` then.
    """

    text: bytes
    line: int
    offset: int
    copy: CopyCommand | None = None


class ScriptSplitter:
    """Iterates over the statements and commands of a script.

    Memory is bounded by the largest statement; COPY data pass in blocks. What is not read of a COPY's data is passed
    over before the next item, so that it can never be taken for SQL.

    :param source: the decompressed script.
    :param name: what to call it in messages.
    :param largest: the size in bytes above which a statement is refused.
    :param batch: how many INSERT statements in a row may come as one item.
    :param comments: called with the comments before each item, whole lines with the white space between them.
    :param leap: how the source passes rows that need not be read.

    Iterating raises :class:`CorruptArtifactError` where the script ends inside a statement or COPY data, or between
    ``\\restrict`` and ``\\unrestrict``, and where a statement is too large; :class:`UsageError` for psql's commands
    and variables. The message names the line.
    """

    def __init__(
        self,
        source: ByteSource,
        *,
        name: str = "the script",
        block_size: int = BLOCK_SIZE,
        largest: int = LARGEST_STATEMENT,
        batch: int = 1,
        comments: t.Callable[[bytes], None] | None = None,
        leap: Leap | None = None,
    ) -> None:
        self.data: CopyData | None = None
        self.restrict_key = ""
        self._name = name
        self._largest = largest
        self._batch = batch
        self._comments = comments
        self._leap = leap
        self._window = Window(source, block_size=block_size)
        self._escapes = False
        self._ordinary = patterns.ordinary_statements(escapes=False, batch=batch)
        self._changed = False
        self._begin = 0

    def use_settings(self, *, standard_conforming_strings: bool, client_encoding: str) -> None:
        """From the next item on these settings of the session hold. At first they are on and ``UTF8``."""
        self._window.use_encoding(client_encoding)
        if self._escapes is standard_conforming_strings:
            self._escapes = not standard_conforming_strings
            self._ordinary = patterns.ordinary_statements(escapes=self._escapes, batch=self._batch)
        self._changed = True

    def __iter__(self) -> t.Iterator[Statement | MetaCommand]:
        self._check_begin()
        while True:
            yield from self._ordinary_statements()
            item = self._next_item()
            if item is None:
                break
            yield item
            # Or a large statement would stay in memory while the next one is put together.
            item = None
            if self.data is not None:
                self.data.skip()
                self.data = None
        if self.restrict_key:
            raise CorruptArtifactError(
                f"{self._name} is truncated: the \\unrestrict that belongs to its \\restrict is missing",
                hint="use another copy; this one was not written or copied completely",
            )

    def _check_begin(self) -> None:
        window = self._window
        window.need(len(_ARCHIVE_MAGIC))
        if window.data.startswith(_ARCHIVE_MAGIC):
            raise UsageError(f"{self._name} is a PostgreSQL archive, not a SQL script")
        if window.data.startswith(_BOM):
            window.position = self._begin = len(_BOM)

    def _ordinary_statements(self) -> t.Iterator[Statement]:
        """What can be cut out of the window in one step each; the hot loop."""
        window = self._window
        if window.has_zero_byte:
            return
        self._changed = False
        data, offset, largest = window.data, window.offset, self._largest
        for match in self._ordinary.finditer(window.scan, window.position):
            start, end = match.span(1)
            if end < 0 or end - start > largest:
                return
            if self._comments is not None:
                self._comments(data[window.position : start])
            window.position = end
            yield Statement(data[start:end], window.line_at(start), offset + start)
            if self._changed:
                return

    # -- one item, whatever it is

    def _next_item(self) -> Statement | MetaCommand | None:
        window = self._window
        while self._skip_to_item():
            first = window.data[window.position]
            if first == 92:  # a backslash
                return self._meta_command()
            if first != 59:
                return self._statement()
            window.position += 1
        return None

    def _skip_to_item(self) -> bool:
        """Pass white space and line comments; false at the script's end."""
        window = self._window
        while True:
            match = patterns.BEFORE_STATEMENT.match(window.scan, window.position)
            if match is not None:
                self._tell(window.data[window.position : match.end()])
                window.position = match.end()
            if not window.need(2) and window.position >= len(window.data):
                return False
            if window.data.startswith(b"--", window.position):
                self._skip_line()
            elif not window.data[window.position : window.position + 1].isspace():
                return True

    def _skip_line(self) -> None:
        window = self._window
        parts: list[bytes] = []
        while True:
            match = patterns.LINE_END.search(window.data, window.position)
            end = len(window.data) if match is None else match.start()
            if len(parts) < _MOST_PARTS:
                parts.append(window.data[window.position : end])
            window.position = end
            if match is not None or not window.grow():
                self._tell(b"".join(parts))
                return

    def _tell(self, comments: bytes) -> None:
        if self._comments is not None:
            self._comments(comments)

    def _statement(self) -> Statement | None:
        window = self._window
        line = window.line_at(window.position)
        offset = window.offset + window.position
        scan = StatementScan(
            window, escapes=self._escapes, more=lambda: self._grow_statement(line), refusal=self._refused
        )
        end = scan.end()
        start = window.position
        if end is None:
            self._check_rest(window.data[start:], scan.inside, line)
            window.position = len(window.data)
            return None
        text = window.data[start:end]
        if len(text) > self._largest:
            raise self._too_large(line)
        window.position = end
        if b"\0" in text:
            raise CorruptArtifactError(
                f"the statement at line {line} of {self._name} holds a zero byte",
                hint="the file is damaged or not a SQL script",
                line=line,
            )
        return Statement(text, line, offset, self._copy(text, line))

    def _grow_statement(self, line: int) -> bool:
        if len(self._window.data) - self._window.position > self._largest:
            raise self._too_large(line)
        return self._window.grow()

    def _check_rest(self, text: bytes, inside: str, line: int) -> None:
        """What stands behind the last semicolon may only be comments."""
        if inside or next(tokens(text), None) is not None:
            where = f"inside {inside} of" if inside else "in the midst of"
            raise CorruptArtifactError(
                f"{self._name} ends {where} the statement that begins at line {line}",
                hint="the file is truncated; if it is not, a semicolon or a closing quote is missing",
                line=line,
            )

    # -- COPY

    def _copy(self, text: bytes, line: int) -> CopyCommand | None:
        """Get ready for the rows behind a COPY statement, if it is one that takes them from the script."""
        # Most statements here are no COPY and large; a comment may stand in front of one.
        if text[:1] not in b"cC/" or first_word(text) != "COPY":
            return None
        command = copy_command(text)
        if command is None:
            return None
        if not command.incoming or command.binary:
            what = "sends rows to the client" if not command.incoming else "takes binary rows from the script"
            raise UsageError(
                f"line {line} of {self._name}: a COPY that {what} can not be run from a script",
                hint="no dump holds one; remove it",
                line=line,
            )
        rest = self._rest_of_line()
        if not _AFTER_COPY.fullmatch(rest.rstrip(b"\n")):
            raise UsageError(
                f"line {line} of {self._name}: something follows a COPY FROM stdin on its line",
                hint="put it behind the rows",
                line=line,
            )
        if not rest.endswith(b"\n"):
            raise self._copy_truncated(line)
        window = self._window
        window.position += len(rest)
        data_line = window.line_at(window.position)
        self.data = CopyData(window, line=data_line, truncated=lambda: self._copy_truncated(line), leap=self._leap)
        return command

    def _copy_truncated(self, line: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"{self._name} ends inside the rows of the COPY at line {line}",
            hint="the file is truncated; the line that ends the rows is missing",
            line=line,
        )

    def _rest_of_line(self) -> bytes:
        """What is left of the line at the position, with its end; cut where no sensible line would be as long."""
        window = self._window
        while True:
            end = window.data.find(b"\n", window.position, window.position + _LONGEST_LINE)
            if end >= 0:
                return window.data[window.position : end + 1]
            if len(window.data) - window.position >= _LONGEST_LINE or not window.grow():
                return window.data[window.position : window.position + _LONGEST_LINE]

    # -- psql's commands

    def _meta_command(self) -> MetaCommand:
        window = self._window
        text = self._rest_of_line()
        position = window.position
        offset = window.offset + position
        begins_line = window.byte_before() == b"\n" or offset == self._begin
        command = meta_command(text.rstrip(b"\n"), line=window.line_at(position), offset=offset)
        if self.restrict_key and (command is None or command.name != "unrestrict"):
            raise self._refused("", position)
        if command is None or not begins_line:
            raise self._refused("", position)
        if command.name == "restrict":
            self.restrict_key = command.argument
        elif command.name == "unrestrict":
            self._leave_restricted(command)
        window.position += len(text)
        return command

    def _leave_restricted(self, command: MetaCommand) -> None:
        if not self.restrict_key or command.argument != self.restrict_key:
            cause = (
                "its key is another one than that of \\restrict" if self.restrict_key else "no \\restrict was before"
            )
            raise UsageError(
                f"line {command.line} of {self._name}: \\unrestrict is refused: {cause}",
                hint="the script was altered; do not run it",
                line=command.line,
            )
        self.restrict_key = ""

    # -- errors

    def _too_large(self, line: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"the statement at line {line} of {self._name} is larger than {self._largest} bytes",
            hint="no server accepts a larger one: is a semicolon or a closing quote missing?",
            line=line,
        )

    def _refused(self, cause: str, position: int) -> DbfleetError:
        """The error for something of psql's own: a variable, or the command at a position of the window."""
        line = self._window.line_at(position)
        what = cause
        if not what:
            self._window.position = position
            self._window.need(32)
            what = f"the psql command {meta_name(self._window.data[self._window.position :][:32])}"
        restricted = " in its restricted part" if self.restrict_key else ""
        return UsageError(
            f"line {line} of {self._name}: the script holds {what}{restricted}, which is not run",
            hint="of psql's commands only those that dumps hold are understood, in a dump's form and on their own line",
            line=line,
        )
