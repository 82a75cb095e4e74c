# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Cuts a SQL script into statements at the places where the mysql and mariadb clients cut it.

The rules are the clients' own, with ``--binary-mode --comments``: every byte between two delimiters reaches the server
as it stands in the file. Known to the client only, and never sent: ``DELIMITER``, ``\\g``, ``\\G``, ``\\C charset``
(as mysqlbinlog writes it, inside an executable comment) and MariaDB's sandbox line. Every other client command
(``system``, ``source``, ``\\!`` and so on) is refused by name, whether or not the script switched the sandbox on.

Where the clients differ from the servers (both clients lose count of quotes behind a comment inside an executable
comment on one line), the servers' reading is taken: it is what decides where such a statement really ends.
"""

from __future__ import annotations

import io
import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from ..streams.base import ByteSource
from .script_insert import END, InsertRows, divisible, head_end
from .script_rest import KEPT_UP_TO, Rest, trimmed

BLOCK_SIZE = 1 << 18
# The largest packet that any server accepts.
LARGEST_STATEMENT = 1 << 30
# Up to here a statement is read the fast way, which keeps all of it in the block.
_LARGEST_USUAL = 4 << 20
# Client commands are one short line; a longer one is no command.
_LONGEST_LINE = 1 << 16

_LONGEST_COMMAND = 24
_LONGEST_DELIMITER = 15
# The longest of what has to be looked at together: a delimiter, or the begin of a comment.
_LOOKAHEAD = 16

# Enough for an INSERT up to its rows, but for those with very many columns.
_LOOKAHEAD_OF_INSERT = 4096

_SPACE = re.compile(rb"[ \t\r\n\v\f]*")
_BOM = b"\xef\xbb\xbf"
_QUOTES = (b"'", b'"', b"`")
_WORD = re.compile(rb"[A-Za-z_]+(?=[ \t\r\n;]|$)|[?/\\]")
_SANDBOX = re.compile(rb"/\*M?!999999\\-[^*;\n]*\*/")
_CHARSET = re.compile(
    rb"(?:\\C[ \t]*|charset[ \t]+|/\*M?!\d*[ \t]*\\C[ \t]*)([0-9A-Za-z_]+)(?:[ \t]*\*/|(?![^;\s]))", re.IGNORECASE
)
# Character sets in which the second byte of a character can be a backslash, a back quote or a letter: first and second
# bytes of such a character, as sets of a pattern. All other sets that a client can have are safe to read byte by byte.
_WIDE_CHARSETS = {
    b"big5": (rb"\xa1-\xf9", rb"\x40-\x7e\xa1-\xfe"),
    b"cp932": (rb"\x81-\x9f\xe0-\xfc", rb"\x40-\x7e\x80-\xfc"),
    b"gb18030": (rb"\x81-\xfe", rb"\x40-\x7e\x80-\xfe"),
    b"gbk": (rb"\x81-\xfe", rb"\x40-\x7e\x80-\xfe"),
    b"sjis": (rb"\x81-\x9f\xe0-\xfc", rb"\x40-\x7e\x80-\xfc"),
}
_NOT_FOR_CLIENTS = frozenset({b"ucs2", b"utf16", b"utf16le", b"utf32"})
# What the clients run themselves; "/" and the backslash stand for commands that begin with them.
_COMMANDS = frozenset(
    {
        b"/", b"\\", b"?", b"charset", b"clear", b"connect", b"costs", b"delimiter", b"edit", b"ego", b"exit", b"go",
        b"help", b"nopager", b"notee", b"nowarning", b"pager", b"print", b"prompt", b"query_attributes", b"quit",
        b"rehash", b"resetconnection", b"sandbox", b"source", b"ssl_session_data_print", b"status", b"system", b"tee",
        b"warnings",
    }
)  # fmt: skip


class Statement(t.NamedTuple):
    """One statement of a script.

    :param text: its bytes, without the delimiter and without white space and comments in front.
    :param line: the line of its first byte, counted from 1.
    :param offset: the position of its first byte in the (decompressed) script.
    :param terminated: whether a delimiter followed; false at most for the script's last statement.
    :param rest: what follows the text of one that is too large to be kept.
    """

    text: bytes
    line: int
    offset: int
    terminated: bool
    rest: Rest | None = None


class ScriptSplitter:
    """Iterates over the statements of a script, in memory bounded by the largest one.

    :param source: the decompressed script.
    :param name: what to call it in messages.
    :param largest: the size in bytes above which a statement is refused.
    :param in_parts: INSERTs that are too large to be kept come with a :attr:`Statement.rest`.

    Iterating raises :class:`CorruptArtifactError` where the script ends inside a quoted string or comment, where a
    statement is too large, and for client commands; the message names the line.

    :attr:`backslash_escapes` may be set between two statements: false while the session's ``sql_mode`` holds
    ``NO_BACKSLASH_ESCAPES``. :attr:`sandbox` tells whether the script asked for the clients' sandbox.
    """

    def __init__(
        self,
        source: ByteSource,
        *,
        name: str = "the script",
        block_size: int = BLOCK_SIZE,
        largest: int = LARGEST_STATEMENT,
        in_parts: bool = False,
    ) -> None:
        self.backslash_escapes = True
        self.sandbox = False
        self._in_parts = in_parts
        self._terminated = False
        self.delimiter = b";"
        self._charset = b"utf8mb4"
        self._source = source
        self._name = name
        self._block_size = block_size
        self._largest = largest
        self._block = b""
        self._position = 0
        self._offset = 0  # of the block's first byte
        self._line = 1  # at self._line_at, a position in the block
        self._line_at = 0
        self._ended = False

    def __iter__(self) -> t.Iterator[Statement]:
        self._skip_bom()
        while self._skip_to_statement():
            word = self._word_ahead()
            if word == b"use":
                statement = self._use_line() or self._statement()
            elif word in _COMMANDS and self._client_command(word):
                continue
            else:
                statement = self._statement()
            if statement is not None:
                yield statement
                # Or the last statement would stay in memory while the next one is put together.
                rest, statement = statement.rest, None
                if rest is not None:
                    rest.drop()

    # -- the window onto the source

    def _more(self) -> bool:
        """Drop what lies before the position and append the next block; false at the end of the source."""
        data = b"" if self._ended else self._source.read(self._block_size)
        self._ended = not data
        self._count_lines()
        self._offset += self._position
        self._block = self._block[self._position :] + data
        self._position = self._line_at = 0
        return bool(data)

    def _need(self, size: int) -> bool:
        """Whether ``size`` bytes lie ahead of the position, reading on where necessary."""
        while len(self._block) - self._position < size:
            if not self._more():
                return False
        return True

    def _ahead(self, size: int) -> bytes:
        return self._block[self._position : self._position + size]

    def _count_lines(self) -> None:
        self._line += self._block.count(b"\n", self._line_at, self._position)
        self._line_at = self._position

    def _current_line(self) -> int:
        self._count_lines()
        return self._line

    def _skip_bom(self) -> None:
        if self._need(len(_BOM)) and self._block.startswith(_BOM):
            self._position = len(_BOM)

    # -- between statements

    def _skip_to_statement(self) -> bool:
        """Move to the first byte of a statement or client command; false at the script's end."""
        while True:
            match = _SPACE.match(self._block, self._position)
            self._position = match.end() if match else self._position
            self._need(_LOOKAHEAD)
            head = self._ahead(_LOOKAHEAD)
            if not head:
                return False
            # At the begin of a statement the clients take dashes for a comment whatever follows them.
            if head.startswith(self.delimiter):
                return True
            if head.startswith((b"#", b"--")):
                self._skip_line()
            elif head.startswith(b"/*") and not _is_executable(head):
                self._skip_comment()
            elif not head[:1].isspace():
                return True

    def _skip_line(self) -> None:
        while True:
            end = self._block.find(b"\n", self._position)
            if end >= 0:
                self._position = end
                return
            self._position = len(self._block)
            if not self._more():
                return

    def _skip_comment(self) -> None:
        line = self._current_line()
        self._position += 2
        while True:
            end = self._block.find(b"*/", self._position)
            if end >= 0:
                self._position = end + 2
                return
            # The last byte may be the star of the end.
            self._position = max(self._position, len(self._block) - 1)
            if not self._more():
                raise self._ends_inside("a comment", line)

    # -- what only the client knows

    def _word_ahead(self) -> bytes:
        """The word at the position in lower case, ``/`` or a backslash for what a client command can begin with."""
        self._need(_LONGEST_COMMAND + 1)
        match = _WORD.match(self._block, self._position, self._position + _LONGEST_COMMAND + 1)
        return match.group().lower() if match else b""

    def _use_line(self) -> Statement | None:
        """``USE name`` on a line without a delimiter."""
        line = self._line_ahead()
        if self.delimiter in line or b"\\g" in line:
            return None
        statement = Statement(line.rstrip(), self._current_line(), self._offset + self._position, True)
        self._position += len(line)
        return statement

    def _client_command(self, word: bytes) -> bool:
        """Obey or refuse the client command at the position; false where it is a statement after all."""
        line = self._line_ahead()
        sandbox = _SANDBOX.match(line)
        charset = _CHARSET.match(line)
        if sandbox:
            self.sandbox = True
            self._position += sandbox.end()
        elif charset:
            self._set_charset(charset.group(1))
            self._position += charset.end()
        elif word == b"delimiter":
            self._set_delimiter(line)
            self._position += len(line)
            return True
        elif word == b"/":
            return False
        elif word == b"\\":
            self._check_backslash(line)
            return False
        else:
            raise self._refused(f"the script holds the client command {word.decode()!r}")
        self._skip_delimiter()
        return True

    def _line_ahead(self) -> bytes:
        """The rest of the line at the position, as far as a client command could reach."""
        while True:
            end = self._block.find(b"\n", self._position, self._position + _LONGEST_LINE)
            if end >= 0:
                return self._block[self._position : end]
            if len(self._block) - self._position >= _LONGEST_LINE or not self._more():
                return self._ahead(_LONGEST_LINE)

    def _skip_delimiter(self) -> None:
        match = _SPACE.match(self._block, self._position)
        end = match.end() if match else self._position
        if self._block.startswith(self.delimiter, end):
            self._position = end + len(self.delimiter)

    def _set_delimiter(self, line: bytes) -> None:
        argument = line.rstrip(b"\r").split(None, 1)[1:]
        delimiter = _argument(argument[0]) if argument else b""
        if not delimiter or len(delimiter) > _LONGEST_DELIMITER or b"\\" in delimiter or delimiter[:1] in _QUOTES:
            raise self._refused(
                f"DELIMITER needs one to {_LONGEST_DELIMITER} characters without backslash and quote behind it"
            )
        self.delimiter = delimiter

    def _set_charset(self, charset: bytes) -> None:
        if charset.lower() in _NOT_FOR_CLIENTS:
            raise self._refused(f"the character set {charset.decode()} cannot be a client's")
        self._charset = charset.lower()

    # -- one statement

    def _statement(self) -> Statement | None:
        """Cut the statement at the position; ``None`` for an empty one."""
        line = self._current_line()
        offset = self._offset + self._position
        end = self._usual_insert_end()
        start = self._position
        if end >= 0:
            self._position = end + 1
            return Statement(self._block[start:end], line, offset, True)
        whole = _skipping(self.delimiter, self.backslash_escapes, self._charset).match(self._block, start)
        end = whole.end() if whole else start
        if end > start and self._block.startswith(self.delimiter, end):
            self._position = end + len(self.delimiter)
            return Statement(self._block[start:end], line, offset, True)
        self._position = end
        # Its value is not a copy: what is kept of the statement is in memory once, however large it is.
        kept = io.BytesIO()
        pieces = self._pieces(start, line)
        in_parts = self._in_parts
        for piece in pieces:
            kept.write(piece)
            if in_parts and kept.tell() > KEPT_UP_TO:
                in_parts = False
                if head_end(kept.getvalue(), 0) >= 0:
                    return Statement(
                        kept.getvalue(), line, offset, True, Rest(trimmed(pieces, unless=lambda: self._terminated))
                    )
        text = kept.getvalue()
        if not self._terminated:
            text = text.rstrip()
        return Statement(text, line, offset, self._terminated) if text else None

    def _pieces(self, start: int, line: int) -> t.Iterator[bytes]:
        """The bytes of the statement at hand; at their end it is known whether a delimiter followed."""
        size = 0
        for end, terminated in self._cuts(line):
            piece = self._block[start:end]
            size += len(piece)
            if size > self._largest:
                raise CorruptArtifactError(
                    f"the statement at line {line} of {self._name} is larger than {self._largest} bytes",
                    hint="no server accepts a larger one: is a delimiter or a closing quote missing?",
                    line=line,
                )
            self._terminated = bool(terminated)
            if piece:
                yield piece
            if terminated is not None:
                return
            # The next block is about to be read: what follows will stand at its front.
            start = 0

    def _usual_insert_end(self) -> int:
        """The position of the delimiter if the statement at hand is an INSERT of the usual form; else -1."""
        if not self.backslash_escapes or self.delimiter != b";" or self._charset in _WIDE_CHARSETS:
            return -1
        self._need(_LOOKAHEAD_OF_INSERT)
        done = head_end(self._block, self._position) - self._position
        rows = InsertRows()
        while 0 <= done <= _LARGEST_USUAL:
            first = self._position + done
            last = min(first + self._block_size, len(self._block))
            # What ends with the delimiter's first sign is not the statement's end where the string goes on.
            end = self._block.find(END, first + (done > 0 and rows.inside_string), last)
            if end < 0 and not divisible(self._block, last):
                last -= 1
                if last <= first or not divisible(self._block, last):
                    return -1
            if not rows.usual(self._block[first : last if end < 0 else end]):
                return -1
            if end >= 0 and not rows.inside_string:
                return end
            done = (last if end < 0 else end) - self._position
            if end < 0 and self._position + done >= len(self._block) - 1 and not self._more():
                return -1
        return -1

    def _cuts(self, line: int) -> t.Iterator[tuple[int, bool | None]]:
        """Walk to the statement's end.

        Yields the position up to which the block belongs to the statement: with ``None`` each time before the next
        block is read, at the end with true (a delimiter follows) or false (the script ends).
        """
        skip = _skipping(self.delimiter, self.backslash_escapes, self._charset)
        while True:
            match = skip.match(self._block, self._position)
            self._position = match.end() if match else self._position
            ahead = self._ahead(_LOOKAHEAD)
            if len(ahead) < _LOOKAHEAD and not self._ended:
                yield self._position, None
                self._more()
                continue
            end = self._position
            width = self._delimiter_width(ahead)
            if width or not ahead:
                self._position += width
                yield end, bool(width)
                return
            yield from self._step(ahead, line)

    def _delimiter_width(self, ahead: bytes) -> int:
        if ahead.startswith((b"\\g", b"\\G")):
            return 2
        return len(self.delimiter) if ahead.startswith(self.delimiter) else 0

    def _step(self, ahead: bytes, line: int) -> t.Iterator[tuple[int, None]]:
        """Pass what the fast pattern stopped at: a string or comment that leaves the block, or a lone sign."""
        first = ahead[:1]
        if first == b"\\":
            self._check_backslash(ahead)
            self._position += 2
        elif first in _QUOTES:
            self._position += 1
            yield from self._through_string(first, line)
        elif _begins_line_comment(ahead):
            yield from self._through(b"\n", "", line)
        elif ahead.startswith(b"/*") and not _is_executable(ahead):
            self._position += 2
            yield from self._through(b"*/", "a comment", line)
        else:
            self._position += 1

    def _check_backslash(self, ahead: bytes) -> None:
        # \N is an old spelling of NULL, which the clients let through; \g and \G are delimiters.
        if ahead[1:2] not in (b"N", b"g", b"G"):
            command = ahead[:2].decode("ascii", "replace")
            raise self._refused(f"the script holds the client command '{command}'")

    def _through_string(self, quote: bytes, line: int) -> t.Iterator[tuple[int, None]]:
        body = _string_body(quote, self.backslash_escapes, self._charset)
        while True:
            match = body.match(self._block, self._position)
            if match:
                self._position = match.end()
            if self._block.startswith(quote, self._position):
                self._position += 1
                return
            # What stays is nothing, or a backslash whose second byte is in the next block.
            yield self._position, None
            if not self._more():
                raise self._ends_inside("a quoted string", line)

    def _through(self, end_mark: bytes, what: str, line: int) -> t.Iterator[tuple[int, None]]:
        while True:
            end = self._block.find(end_mark, self._position)
            if end >= 0:
                self._position = end + len(end_mark)
                return
            self._position = max(self._position, len(self._block) - len(end_mark) + 1)
            yield self._position, None
            if not self._more():
                if not what:
                    self._position = len(self._block)
                    return
                raise self._ends_inside(what, line)

    # -- errors

    def _ends_inside(self, what: str, line: int) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"{self._name} ends inside {what} of the statement that begins at line {line}",
            hint="the file is truncated or not a SQL script",
            line=line,
        )

    def _refused(self, cause: str) -> UsageError:
        line = self._current_line()
        return UsageError(
            f"line {line} of {self._name}: {cause}",
            hint="commands of the mysql client are never run from a script; remove it from the script",
            line=line,
        )


def _is_executable(head: bytes) -> bool:
    """Whether a comment that begins here is code for the server: ``/*!`` or ``/*M!``."""
    return head.startswith((b"/*!", b"/*M!"))


def _begins_line_comment(ahead: bytes) -> bool:
    return ahead.startswith(b"#") or (ahead.startswith(b"--") and (len(ahead) == 2 or ahead[2:3].isspace()))


def _argument(text: bytes) -> bytes:
    """A client command's first argument: up to a space, or in quotes."""
    quote = text[:1]
    if quote in (b"'", b'"', b"`"):
        return text[1:].partition(quote)[0]
    return text.partition(b" ")[0]


_SKIPPING: dict[tuple[bytes, bool, bytes], re.Pattern[bytes]] = {}
_STRING_BODIES: dict[tuple[bytes, bool, bytes], re.Pattern[bytes]] = {}


def _run(excluded: bytes, escape: bytes, charset: bytes) -> bytes:
    """A pattern for characters other than the excluded ones, and for escapes.

    In a wide character set the alternatives exclude each other, so that a failed match never takes the halves of a
    character apart when it is tried again.
    """
    if charset not in _WIDE_CHARSETS:
        single = b"[^" + excluded + b"]*"
        return single + b"(?:" + escape + single + b")*" if escape else single
    first, second = _WIDE_CHARSETS[charset]
    wide = b"[" + first + b"](?:[" + second + b"]|(?=[^" + second + b"]))"
    single = b"[^" + excluded + first + b"]"
    return b"(?:" + b"|".join(part for part in (single, wide, escape) if part) + b")*"


def _string(quote: bytes, backslash_escapes: bool, charset: bytes) -> bytes:
    """What may stand between two quotes; a doubled quote is two strings in a row."""
    if backslash_escapes and quote != b"`":
        return _run(quote + rb"\\", rb"\\.", charset)
    return _run(quote, b"", charset)


def _skipping(delimiter: bytes, backslash_escapes: bool, charset: bytes) -> re.Pattern[bytes]:
    """What certainly belongs to a statement: plain bytes, whole quoted strings, minus signs and divisions.

    One match passes up to some thousand strings, which is what makes the walk fast; the bound keeps small what the
    matcher remembers of each repetition.
    """
    key = (delimiter, backslash_escapes, charset)
    if key not in _SKIPPING:
        plain = _run(rb"'\"`\\#/\-" + re.escape(delimiter[:1]), b"", charset)
        steps = [quote + _string(quote, backslash_escapes, charset) + quote for quote in _QUOTES]
        steps += [step for step in (rb"-(?=[^\-])", rb"/(?=[^*])") if step[:1] != delimiter[:1]]
        pattern = plain + b"(?:(?:" + b"|".join(steps) + b")" + plain + b"){0,4000}"
        _SKIPPING[key] = re.compile(pattern, re.DOTALL)
    return _SKIPPING[key]


def _string_body(quote: bytes, backslash_escapes: bool, charset: bytes) -> re.Pattern[bytes]:
    key = (quote, backslash_escapes, charset)
    if key not in _STRING_BODIES:
        _STRING_BODIES[key] = re.compile(_string(quote, backslash_escapes, charset), re.DOTALL)
    return _STRING_BODIES[key]
