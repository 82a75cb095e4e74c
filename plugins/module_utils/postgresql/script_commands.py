# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a statement of a script is: its first words, the table of a COPY, the settings that change how it is read."""

from __future__ import annotations

import re
import typing as t

from ..lazy_dataclass import dataclass
from . import script_patterns as patterns
from .text import to_text

WORD = "word"
QUOTED = "quoted"
LITERAL = "literal"
SYMBOL = "symbol"

_TOKEN = re.compile(
    rb"""(?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    |(?P<literal>[eE]'[^'\\]*(?:\\.[^'\\]*)*'|(?:[bBxXnN]|[uU]&)?'[^']*'|[0-9]+(?:\.[0-9]*)?)
    |(?P<quoted>(?:[uU]&)?"[^"]*(?:""[^"]*)*")
    |(?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)
    |(?P<dollar>\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$)
    |(?P<comment>/\*)
    |(?P<symbol>.)""",
    re.DOTALL | re.VERBOSE,
)
_MOST_LABEL_TOKENS = 12
_LONGEST_LABEL = 120


class Token(t.NamedTuple):
    """One token of a statement.

    :param text: a word as it stands, a name without its quotes, a literal or symbol as it stands.
    """

    kind: str
    text: str

    @property
    def word(self) -> str:
        """An unquoted word in upper case, else the symbol; empty for names in quotes and literals."""
        return self.text.upper() if self.kind in (WORD, SYMBOL) else ""

    @property
    def name(self) -> str:
        """The name that it is, as the server folds it; empty where it is none."""
        if self.kind == QUOTED:
            return self.text
        # As far as the server itself is sure to fold: letters of ASCII.
        return "".join(c.lower() if c.isascii() else c for c in self.text) if self.kind == WORD else ""


def tokens(text: bytes) -> t.Iterator[Token]:
    """The tokens of a statement, one by one: whoever needs only the first does not pay for the rest."""
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            return
        position = match.end()
        kind = match.lastgroup or SYMBOL
        if kind == "space":
            continue
        if kind == "comment":
            position = _behind_comment(text, position)
        elif kind == "dollar":
            end = text.find(match.group(), position)
            position = len(text) if end < 0 else end + len(match.group())
            yield Token(LITERAL, "$$")
        elif kind == QUOTED:
            inner = match.group()
            yield Token(QUOTED, to_text(inner[inner.index(b'"') + 1 : -1].replace(b'""', b'"')))
        else:
            yield Token(kind, to_text(match.group()))


def _behind_comment(text: bytes, position: int) -> int:
    depth = 1
    while depth:
        match = patterns.COMMENT_MARK.search(text, position)
        if match is None:
            return len(text)
        position = match.end()
        depth += 1 if match.group() == b"/*" else -1
    return position


def first_word(text: bytes) -> str:
    """The statement's first word in upper case; empty for a comment or semicolon alone."""
    token = next(tokens(text), None)
    return token.word if token is not None and token.kind == WORD else ""


def label(text: bytes) -> str:
    """A statement for messages: its beginning up to the first bracket, literal or operator, so never a value."""
    words: list[str] = []
    for token in tokens(text):
        if token.kind == LITERAL or (token.kind == SYMBOL and token.text != ".") or len(words) == _MOST_LABEL_TOKENS:
            break
        shown = f'"{token.text}"' if token.kind == QUOTED else token.text
        if words and (shown == "." or words[-1].endswith(".")):
            words[-1] += shown
        else:
            words.append(shown)
    line = " ".join(" ".join(words).split())
    return line if len(line) <= _LONGEST_LABEL else line[: _LONGEST_LABEL - 1] + "…"


@dataclass(frozen=True)
class CopyCommand:
    """A COPY statement between the server and the client.

    :param schema: of its table; empty where the statement does not say.
    :param table: empty for a COPY of a query.
    :param incoming: whether its rows follow in the script; else it would send rows to the client.
    :param binary: whether the rows are in the binary format.
    """

    schema: str
    table: str
    incoming: bool
    binary: bool


def copy_command(text: bytes) -> CopyCommand | None:
    """Read a COPY statement; ``None`` for other statements, and where a file or program of the server is named."""
    found = tokens(text)
    first = next(found, None)
    if first is None or first.word != "COPY":
        return None
    rest = list(found)
    binary = bool(rest) and rest[0].word == "BINARY" and len(rest) > 1 and rest[1].word not in ("FROM", "TO", "(", ".")
    if binary:
        del rest[0]
    names: list[str] = []
    depth = 0
    for place, token in enumerate(rest):
        if token.word == "(":
            depth += 1
        elif token.word == ")":
            depth -= 1
        elif depth:
            continue
        elif token.word in ("FROM", "TO") and place and rest[place - 1].word != ".":
            if place + 1 >= len(rest) or rest[place + 1].word not in ("STDIN", "STDOUT"):
                return None
            options = rest[place + 2 :]
            schema = names[-2] if len(names) > 1 else ""
            return CopyCommand(schema, names[-1] if names else "", token.word == "FROM", binary or _is_binary(options))
        elif token.name:
            names.append(token.name)
    return None


def _is_binary(options: t.Sequence[Token]) -> bool:
    """``BINARY`` as an option of its own, or ``FORMAT binary`` in any spelling."""
    words = [token.text.strip("'").lower() for token in options]
    if any(before == "format" and word == "binary" for before, word in zip(words, words[1:])):
        return True
    return bool(options) and "BINARY" in [token.word for token in options if token.kind == WORD] and "(" not in words


_TELLS = re.compile(rb"standard_conforming_strings|client_encoding|\bnames\b|\breset\b|\bdiscard\b", re.IGNORECASE)
_LONGEST_SETTING = 1000
_OFF = frozenset({"off", "of", "false", "fals", "fal", "fa", "f", "no", "n", "0"})


class ScriptSettings:
    """The two settings that decide how a script is read, as far as the script itself shows them.

    Where there is a server, what it reports is better.
    """

    def __init__(self) -> None:
        self.standard_conforming_strings = True
        self.client_encoding = "UTF8"

    def reset(self) -> None:
        """A new connection, or everything was reset."""
        self.__init__()  # type: ignore[misc]

    def observe(self, text: bytes) -> bool:
        """See a statement; whether it changed one of the settings."""
        if len(text) > _LONGEST_SETTING or not _TELLS.search(text):
            return False
        before = (self.standard_conforming_strings, self.client_encoding)
        found = list(tokens(text))
        verb = found[0].word if found else ""
        if verb == "SET":
            self._observe_set(found[1:])
        elif verb == "SELECT":
            self._observe_function(found)
        elif verb == "RESET" and len(found) > 1:
            self._assign(found[1].name, "")
        elif verb == "DISCARD" and len(found) > 1 and found[1].word == "ALL":
            self.reset()
        return before != (self.standard_conforming_strings, self.client_encoding)

    def _observe_set(self, found: list[Token]) -> None:
        if found and found[0].word in ("SESSION", "LOCAL"):
            del found[0]
        if found and found[0].word == "NAMES":
            self._assign("client_encoding", _plain(found[1]) if len(found) > 1 else "")
        elif len(found) > 2 and found[1].word in ("=", "TO"):
            self._assign(found[0].name, _plain(found[2]))

    def _observe_function(self, found: list[Token]) -> None:
        for place, token in enumerate(found[:-4]):
            if token.name == "set_config" and found[place + 1].text == "(":
                self._assign(_plain(found[place + 2]).lower(), _plain(found[place + 4]))

    def _assign(self, name: str, value: str) -> None:
        if name == "all":
            self.reset()
        elif name == "standard_conforming_strings":
            self.standard_conforming_strings = value.lower() not in _OFF
        elif name == "client_encoding":
            self.client_encoding = value if value and value.lower() != "default" else "UTF8"


def _plain(token: Token) -> str:
    return token.text.strip("'") if token.kind == LITERAL else token.text


_CREATE = re.compile(
    rb"CREATE (?:OR REPLACE |UNLOGGED |UNIQUE |TRUSTED |PROCEDURAL |CONSTRAINT |DEFAULT )*"
    rb"(ACCESS METHOD|EVENT TRIGGER|FOREIGN DATA WRAPPER|FOREIGN TABLE|MATERIALIZED VIEW|OPERATOR CLASS|"
    rb"OPERATOR FAMILY|TEXT SEARCH [A-Z]+|USER MAPPING|[A-Z]+) "
)


def created_kind(text: bytes) -> str:
    """What kind of object a CREATE statement as dumps write it creates, in lower case; empty for other statements."""
    match = _CREATE.match(text)
    return match.group(1).decode("ascii").lower() if match else ""
