# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finds the end of one statement by the rules of psql's lexer, whatever the statement is."""

from __future__ import annotations

import typing as t

from . import script_patterns as patterns
from .script_window import Window

# What psql always sets, and so would put into the text where ":NAME" stands outside quotes; other names stay as text.
PSQL_VARIABLES = frozenset(
    {
        b"AUTOCOMMIT", b"COMP_KEYWORD_CASE", b"DBNAME", b"ECHO", b"ECHO_HIDDEN", b"ENCODING", b"ERROR",
        b"FETCH_COUNT", b"HIDE_TABLEAM", b"HIDE_TOAST_COMPRESSION", b"HISTCONTROL", b"HISTSIZE", b"HOST",
        b"IGNOREEOF", b"LAST_ERROR_MESSAGE", b"LAST_ERROR_SQLSTATE", b"ON_ERROR_ROLLBACK", b"ON_ERROR_STOP",
        b"PIPELINE_COMMAND_COUNT", b"PIPELINE_RESULT_COUNT", b"PIPELINE_SYNC_COUNT", b"PORT", b"PROMPT1", b"PROMPT2",
        b"PROMPT3", b"QUIET", b"ROW_COUNT", b"SERVER_VERSION_NAME", b"SERVER_VERSION_NUM", b"SERVICE", b"SHELL_ERROR",
        b"SHELL_EXIT_CODE", b"SHOW_ALL_RESULTS", b"SHOW_CONTEXT", b"SINGLELINE", b"SINGLESTEP", b"SQLSTATE", b"USER",
        b"VERBOSITY", b"VERSION", b"VERSION_NAME", b"VERSION_NUM", b"WATCH_INTERVAL",
    }
)  # fmt: skip

_LOOKAHEAD = 4
_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$") | frozenset(
    range(128, 256)
)
_IDENTIFIER_BEGINS = _WORD_BYTES - frozenset(b"0123456789$")
_DIGITS = frozenset(b"0123456789")
_STRING_PREFIXES = frozenset(b"eEbBxXnN")
_HEADING = {b"create": "c", b"or": "o", b"replace": "r", b"function": "f", b"procedure": "p"}
# The beginnings, as psql remembers them, of statements whose body can be BEGIN ATOMIC … END.
_WITH_BODY = ("cf", "cp", "corf", "corp")


class Refusal(t.Protocol):
    """Makes the error for something that only psql could run."""

    def __call__(self, cause: str, position: int) -> Exception: ...


class StatementScan:
    """The walk over one statement.

    :param window: its position is the statement's first byte, and stays there.
    :param escapes: whether plain strings have backslash escapes.
    :param more: reads on, keeping everything from the window's position; false at the end of the script.

    :attr:`inside` says, after the script has ended in the midst of it, what was open.
    """

    def __init__(self, window: Window, *, escapes: bool, more: t.Callable[[], bool], refusal: Refusal) -> None:
        self.inside = ""
        self._window = window
        self._scan = window.scan
        self._position = window.position
        # An identifier cannot reach back over this.
        self._floor = window.position
        self._escapes = escapes
        self._more = more
        self._refusal = refusal
        self._depth = 0
        self._begin_depth = 0
        self._words = 0
        self._heading = ""
        self._reads_words = True

    def end(self) -> int | None:
        """The position behind the statement's semicolon; ``None`` where the script ends before."""
        while True:
            pattern = patterns.PASS_TO_WORD if self._reads_words else patterns.PASS_OVER[self._escapes]
            match = pattern.match(self._scan, self._position)
            if match is not None:
                self._position = match.end()
            if len(self._scan) - self._position < _LOOKAHEAD and self._grow():
                continue
            if self._position >= len(self._scan):
                return None
            byte = self._scan[self._position]
            if byte == 59:
                self._position += 1
                if self._depth == 0 and self._begin_depth == 0:
                    return self._position
                continue
            if not _STEPS[byte](self):
                return None

    def _grow(self) -> bool:
        moved = self._window.position
        if not self._more():
            return False
        self._scan = self._window.scan
        self._position -= moved
        self._floor = max(0, self._floor - moved)
        return True

    # -- strings, names and comments: each leaves the position behind itself, or says false where the script ends

    def _string(self) -> bool:
        escapes = self._has_escapes()
        self._position += 1
        return self._through_escapes() if escapes else self._through(b"'", "a quoted string")

    def _has_escapes(self) -> bool:
        """Whether the string at the position is one in which a backslash takes the next byte with it."""
        before = self._before(1)
        if before in b"eE" and before and self._is_alone(self._position - 1):
            return True
        if not self._escapes:
            return False
        if before and before in b"bBxX":
            return not self._is_alone(self._position - 1)
        return not (self._before(2) in (b"u&", b"U&") and self._is_alone(self._position - 2))

    def _before(self, size: int) -> bytes:
        return self._scan[max(self._floor, self._position - size) : self._position]

    def _is_alone(self, position: int) -> bool:
        """Whether no identifier or number ends right before a position."""
        return position <= self._floor or self._scan[position - 1] not in _WORD_BYTES

    def _through_escapes(self) -> bool:
        while True:
            match = patterns.ESCAPE_BODY.match(self._scan, self._position)
            if match is not None:
                self._position = match.end()
            if self._scan.startswith(b"'", self._position):
                self._position += 1
                return True
            # What is left is nothing, or a backslash whose second byte has not been read.
            if not self._grow():
                self.inside = "a quoted string"
                return False

    def _quoted_name(self) -> bool:
        self._position += 1
        return self._through(b'"', "a name in quotes")

    def _through(self, mark: bytes, what: str) -> bool:
        while True:
            found = self._scan.find(mark, self._position)
            if found >= 0:
                self._position = found + len(mark)
                return True
            self._position = max(self._position, len(self._scan) - len(mark) + 1)
            if not self._grow():
                self.inside = what
                return False

    def _dollar(self) -> bool:
        if self._continues_identifier():
            self._position += 1
            return True
        if self._reaches_end(patterns.DOLLAR_QUOTE_BEGIN):
            return True
        match = patterns.DOLLAR_QUOTE.match(self._scan, self._position)
        if match is None:
            self._position += 1
            return True
        self._position = match.end()
        if not self._through(match.group(), "a dollar-quoted string"):
            return False
        self._floor = self._position
        return True

    def _continues_identifier(self) -> bool:
        """Whether the dollar sign at the position belongs to an identifier: then it begins no dollar quote."""
        position = self._position
        while position > self._floor and self._scan[position - 1] in _WORD_BYTES:
            position -= 1
            if self._scan[position] in _IDENTIFIER_BEGINS:
                return True
        return False

    def _minus(self) -> bool:
        if not self._scan.startswith(b"--", self._position):
            self._position += 1
            return True
        while True:
            match = patterns.LINE_END.search(self._scan, self._position)
            if match is not None:
                self._position = match.end()
                return True
            self._position = len(self._scan)
            if not self._grow():
                # A comment may be the last thing in a script; its statement is still without an end.
                return True

    def _slash(self) -> bool:
        if not self._scan.startswith(b"/*", self._position):
            self._position += 1
            return True
        self._position += 2
        depth = 1
        while depth:
            match = patterns.COMMENT_MARK.search(self._scan, self._position)
            if match is not None:
                self._position = match.end()
                depth += 1 if match.group() == b"/*" else -1
                continue
            self._position = max(self._position, len(self._scan) - 1)
            if not self._grow():
                self.inside = "a comment"
                return False
        return True

    # -- what only psql knows

    def _backslash(self) -> bool:
        raise self._refusal("", self._position)

    def _colon(self) -> bool:
        if self._reaches_end(patterns.VARIABLE_BEGIN):
            return True
        match = patterns.VARIABLE.match(self._scan, self._position)
        if match is None or match.group("name") is None:
            self._position += 1 if match is None else 2
            return True
        if match.group("test") or match.group("name") in PSQL_VARIABLES:
            raise self._refusal(f"the psql variable {match.group().decode('ascii', 'replace')}", self._position)
        # A variable that is not set stays as it is. What follows begins anew: ``:a$$`` opens a dollar quote.
        self._position = self._floor = match.end()
        return True

    def _reaches_end(self, pattern: t.Any) -> bool:
        """Whether the rest of what begins at the position has yet to be read; it is then, and to be looked at again."""
        match = pattern.match(self._scan, self._position)
        return bool(match.end() == len(self._scan) and self._grow())

    # -- brackets and words

    def _open(self) -> bool:
        self._depth += 1
        self._position += 1
        return True

    def _close(self) -> bool:
        self._depth = max(0, self._depth - 1)
        self._position += 1
        return True

    def _number(self) -> bool:
        if not self._reaches_end(patterns.NUMBER):
            match = patterns.NUMBER.match(self._scan, self._position)
            self._position = match.end() if match else self._position + 1
        return True

    def _identifier(self) -> bool:
        if self._reaches_end(patterns.IDENTIFIER):
            return True
        match = patterns.IDENTIFIER.match(self._scan, self._position)
        word = match.group() if match else b""
        self._position += len(word)
        if len(word) == 1 and self._is_prefix(word[0]):
            return True
        self._count_word(word.lower() if len(word) <= 9 else b"")
        return True

    def _is_prefix(self, letter: int) -> bool:
        following = self._scan[self._position : self._position + 2]
        if letter in b"uU":
            return following in (b"&'", b'&"')
        return letter in _STRING_PREFIXES and following[:1] == b"'"

    def _count_word(self, word: bytes) -> None:
        """psql's way to tell whether a semicolon stands in a body: the first four words, then BEGIN, CASE and END."""
        if self._words < 4:
            self._heading += _HEADING.get(word, "-")
        self._words += 1
        if self._heading.startswith(_WITH_BODY):
            if self._depth == 0:
                self._count_block(word)
        elif self._words == 4 or not any(known.startswith(self._heading) for known in _WITH_BODY):
            self._reads_words = False

    def _count_block(self, word: bytes) -> None:
        if word == b"begin" or (word == b"case" and self._begin_depth):
            self._begin_depth += 1
        elif word == b"end" and self._begin_depth:
            self._begin_depth -= 1


def _steps() -> tuple[t.Callable[[StatementScan], bool], ...]:
    """What to do at each byte; private names, so that the table is made where the class is complete."""
    # pylint: disable=protected-access
    special = {
        "'": StatementScan._string,
        '"': StatementScan._quoted_name,
        "$": StatementScan._dollar,
        "-": StatementScan._minus,
        "/": StatementScan._slash,
        "\\": StatementScan._backslash,
        ":": StatementScan._colon,
        "(": StatementScan._open,
        ")": StatementScan._close,
    }
    words = {**dict.fromkeys(_IDENTIFIER_BEGINS, StatementScan._identifier)}
    return tuple(special.get(chr(byte)) or words.get(byte) or StatementScan._number for byte in range(256))


_STEPS = _steps()
