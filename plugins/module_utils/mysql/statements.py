# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads from a statement's text what it acts on: verb, kind of object, names, variables; no more than a restore needs.

Executable comments (``/*!50003 … */``) are read as the code they hold.
"""

from __future__ import annotations

import functools
import re
import typing as t

LOAD = "LOAD"
_SHORT = 100
WORD, QUOTED, STRING, SYMBOL = "word", "quoted", "string", "symbol"

# The kinds of objects that live in a database, as CREATE and DROP name them.
DATABASE_OBJECTS = frozenset(
    {"TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE", "PACKAGE", "PACKAGE BODY", "LIBRARY"}
)
_OTHER_OBJECTS = frozenset(
    {
        "DATABASE", "SCHEMA", "INDEX", "USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "RESOURCE", "INSTANCE",
        "REFERENCE", "CATALOG",
    }
)  # fmt: skip
_KINDS = (DATABASE_OBJECTS - {"PACKAGE BODY"}) | _OTHER_OBJECTS
# Options of CREATE, ALTER and DROP come before the kind; a definer is the longest of them.
_KIND_WITHIN = 40

_TOKEN = re.compile(
    rb"""
    (?P<space>\s+|--(?=\s|$)[^\n]*|\#[^\n]*|/\*(?!!|M!).*?\*/|/\*M?!\d*|\*/)
    |(?P<quoted>`[^`]*(?:``[^`]*)*`)
    |(?P<string>'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|"[^"\\]*(?:(?:\\.|"")[^"\\]*)*")
    |(?P<word>[0-9A-Za-z_$\x80-\xff]+)
    |(?P<symbol>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_DATA = re.compile(
    rb"(INSERT|REPLACE)\s+((?:LOW_PRIORITY\s+|DELAYED\s+|HIGH_PRIORITY\s+|IGNORE\s+)*)INTO\s+`([^`]*(?:``[^`]*)*)`(?!\s*\.)",
    re.IGNORECASE,
)


class Token(t.NamedTuple):
    """A piece of SQL.

    :param kind: :data:`WORD`, :data:`QUOTED` (a name in back quotes), :data:`STRING` or :data:`SYMBOL`.
    :param text: a word and a symbol as they stand, a name and a string without their quotes.
    """

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        return self.kind == WORD and self.text.upper() in words

    def is_symbol(self, symbol: str) -> bool:
        return self.kind == SYMBOL and self.text == symbol

    @property
    def is_name(self) -> bool:
        """Whether it can be an identifier; a string can where the session has ANSI_QUOTES."""
        return self.kind != SYMBOL


class ObjectName(t.NamedTuple):
    """A name, with its database where it was written with one (empty otherwise)."""

    database: str
    name: str


class Action(t.NamedTuple):
    """What a statement does.

    :param verb: its first word in upper case: ``INSERT``, ``CREATE``, ``SET``, …
    :param kind: what CREATE, ALTER, DROP and so on act on (``TABLE``, ``PACKAGE BODY``, …); empty where unknown.
    :param names: the objects it names.
    :param ignores: an INSERT IGNORE, or a LOAD DATA with IGNORE or REPLACE.
    """

    verb: str
    kind: str = ""
    names: tuple[ObjectName, ...] = ()
    ignores: bool = False

    @property
    def is_data(self) -> bool:
        return self.verb in ("INSERT", "REPLACE", LOAD)


class Assignment(t.NamedTuple):
    """One assignment of a SET statement.

    :param scope: ``USER`` for ``@name``, ``GLOBAL``, ``PERSIST``, ``PERSIST_ONLY``, else ``SESSION``.
    :param name: in lower case.
    """

    scope: str
    name: str
    value: tuple[Token, ...]


def tokens(text: bytes, *, skip_executable: bool = False) -> t.Iterator[Token]:
    """The tokens of a statement, comments and white space left out.

    :param skip_executable: leave out what stands in executable comments too.
    """
    # Every file of a folder begins with the same settings, and there may be very many files.
    short = len(text) <= _SHORT
    return iter(_tokens_of_short(text, skip_executable)) if short else _tokens(text, skip_executable)


@functools.lru_cache(maxsize=256)
def _tokens_of_short(text: bytes, skip_executable: bool) -> tuple[Token, ...]:
    return tuple(_tokens(text, skip_executable))


def _tokens(text: bytes, skip_executable: bool) -> t.Iterator[Token]:
    inside = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "space" and skip_executable:
            mark = match.group()
            inside = mark.startswith((b"/*!", b"/*M!")) or (inside and mark != b"*/")
        elif inside:
            continue
        elif kind in (WORD, SYMBOL):
            yield Token(kind, match.group().decode("utf-8", "replace"))
        elif kind == QUOTED:
            yield Token(kind, match.group()[1:-1].replace(b"``", b"`").decode("utf-8", "replace"))
        elif kind == STRING:
            yield Token(kind, match.group()[1:-1].decode("utf-8", "replace"))


class Placed(t.NamedTuple):
    """A token with the bytes of the statement that it stands in: from ``start`` to before ``end``."""

    token: Token
    start: int
    end: int


def placed_tokens(text: bytes) -> t.Iterator[Placed]:
    """As :func:`tokens`, with their places."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "space"
        if kind == "space":
            continue
        raw = match.group()
        if kind == QUOTED:
            raw = raw[1:-1].replace(b"``", b"`")
        elif kind == STRING:
            raw = raw[1:-1]
        yield Placed(Token(kind, raw.decode("utf-8", "replace")), match.start(), match.end())


def classify(text: bytes, *, skip_executable: bool = False) -> Action:
    """What a statement does; an :class:`Action` with an empty verb for an empty statement.

    :param skip_executable: see :func:`tokens`.
    """
    data = _DATA.match(text)
    if data:
        name = data.group(3).replace(b"``", b"`").decode("utf-8", "replace")
        verb = data.group(1).decode().upper()
        return Action(verb, "TABLE", (ObjectName("", name),), b"IGNORE" in data.group(2).upper())
    return _classify(_Reader(tokens(text, skip_executable=skip_executable)))


class _Reader:
    """Tokens with one to look ahead at."""

    def __init__(self, source: t.Iterator[Token]) -> None:
        self._source = source
        self.ahead: Token | None = next(source, None)

    def take(self) -> Token | None:
        token, self.ahead = self.ahead, next(self._source, None)
        return token

    def word(self, *words: str) -> bool:
        """Take the next token if it is one of these words."""
        if self.ahead is not None and self.ahead.is_word(*words):
            self.take()
            return True
        return False

    def symbol(self, symbol: str) -> bool:
        if self.ahead is not None and self.ahead.is_symbol(symbol):
            self.take()
            return True
        return False

    def object_name(self) -> ObjectName | None:
        if self.ahead is None or not self.ahead.is_name:
            return None
        first = self.take()
        if not self.symbol("."):
            return ObjectName("", first.text if first else "")
        second = self.take()
        return ObjectName(first.text if first else "", second.text if second else "")

    def names(self) -> tuple[ObjectName, ...]:
        found = []
        while True:
            name = self.object_name()
            if name is None:
                break
            found.append(name)
            # The words between a name and the next comma: lock types, new names.
            while self.ahead is not None and not self.ahead.is_symbol(","):
                if self.take_to():
                    other = self.object_name()
                    if other is not None:
                        found.append(other)
            if not self.symbol(","):
                break
        return tuple(found)

    def take_to(self) -> bool:
        """Take one token; whether it is the TO of a RENAME."""
        token = self.take()
        return token is not None and token.is_word("TO")


def _classify(reader: _Reader) -> Action:
    first = reader.take()
    if first is None:
        return Action("")
    verb = first.text.upper() if first.kind == WORD else first.text
    if verb in ("CREATE", "ALTER", "DROP"):
        return _definition(verb, reader)
    ignores = False
    if verb in ("INSERT", "REPLACE"):
        while reader.ahead is not None and reader.ahead.is_word("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"):
            ignores = ignores or reader.ahead.is_word("IGNORE")
            reader.take()
        reader.word("INTO")
        return Action(verb, "TABLE", _one(reader), ignores)
    if verb == LOAD:
        while reader.ahead is not None and not reader.word("TABLE"):
            word = reader.take()
            ignores = ignores or (word is not None and word.is_word("IGNORE", "REPLACE"))
        return Action(verb, "TABLE", _one(reader), ignores)
    if verb == "USE":
        name = reader.take()
        return Action(verb, "DATABASE", (ObjectName("", name.text if name else ""),))
    if verb in ("LOCK", "RENAME", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM"):
        reader.word("NO_WRITE_TO_BINLOG", "LOCAL")
        kind = reader.take()
        named = kind is not None and kind.is_word("TABLE", "TABLES")
        return Action(verb, "TABLE" if named else (kind.text.upper() if kind else ""), reader.names() if named else ())
    if verb == "TRUNCATE":
        reader.word("TABLE")
        return Action(verb, "TABLE", _one(reader))
    if verb in ("UPDATE", "DELETE"):
        while reader.word("LOW_PRIORITY", "QUICK", "IGNORE", "FROM"):
            pass
        return Action(verb, "TABLE", _one(reader))
    # SET GLOBAL, START SLAVE, UNLOCK TABLES: the second word tells more.
    return Action(verb, reader.ahead.text.upper() if reader.ahead is not None and reader.ahead.kind == WORD else "")


def _one(reader: _Reader) -> tuple[ObjectName, ...]:
    name = reader.object_name()
    return () if name is None else (name,)


def _definition(verb: str, reader: _Reader) -> Action:
    kind = ""
    for _count in range(_KIND_WITHIN):
        token = reader.take()
        if token is None:
            break
        if token.kind == WORD and token.text.upper() in _KINDS:
            kind = token.text.upper()
            break
    if kind == "PACKAGE" and reader.word("BODY"):
        kind = "PACKAGE BODY"
    if reader.word("IF"):
        reader.word("NOT")
        reader.word("EXISTS")
    kind = "DATABASE" if kind == "SCHEMA" else kind
    if kind == "DATABASE":
        # ALTER DATABASE without a name is about the current one.
        if verb == "ALTER" and reader.ahead is not None and reader.ahead.is_word("CHARACTER", "DEFAULT", "COLLATE"):
            return Action(verb, kind)
        name = reader.take()
        return Action(verb, kind, (ObjectName("", name.text if name else ""),))
    if kind == "INDEX":
        while reader.ahead is not None and not reader.word("ON"):
            reader.take()
        return Action(verb, kind, _one(reader))
    return Action(verb, kind, reader.names() if verb == "DROP" else _one(reader))


def assignments(text: bytes) -> tuple[Assignment, ...]:
    """What a SET statement assigns; empty for ``SET NAMES``, ``SET PASSWORD`` and the like."""
    found = []
    for part in _comma_parts(list(tokens(text))[1:]):
        equals = next((position for position, token in enumerate(part) if token.is_symbol("=")), 0)
        if equals:
            left = [token for token in part[:equals] if not token.is_symbol(":")]
            found.append(_assignment(left, tuple(part[equals + 1 :])))
    return tuple(found)


def _comma_parts(all_tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in all_tokens:
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth == 0 and token.is_symbol(","):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _assignment(left: list[Token], value: tuple[Token, ...]) -> Assignment:
    signs = sum(token.is_symbol("@") for token in left)
    words = [token.text for token in left if token.kind != SYMBOL]
    name = words[-1].lower() if words else ""
    if signs == 1:
        return Assignment("USER", name, value)
    scopes = [word.upper() for word in words[:-1]]
    scope = next((word for word in scopes if word in ("GLOBAL", "PERSIST", "PERSIST_ONLY")), "SESSION")
    return Assignment(scope, name, value)


def qualified_names(text: bytes) -> t.Iterator[ObjectName]:
    """Every ``name.name`` in the code of a statement (not in its strings), the first two parts of each."""
    before: Token | None = None
    dotted = False
    chained = False
    for token in tokens(text):
        if token.is_symbol("."):
            # A number has a point too.
            dotted = before is not None and before.kind in (WORD, QUOTED) and not before.text.isdigit()
            continue
        if dotted and not chained and before is not None and token.kind in (WORD, QUOTED):
            yield ObjectName(before.text, token.text)
        chained = dotted
        dotted = False
        before = token


def strings(text: bytes) -> t.Iterator[str]:
    """The string literals of a statement."""
    return (token.text for token in tokens(text) if token.kind == STRING)


_DEFINER = re.compile(
    rb"DEFINER\s*=\s*(`[^`]*(?:``[^`]*)*`|'[^']*'|[0-9A-Za-z_$\x80-\xff]+)\s*(?:@\s*(`[^`]*(?:``[^`]*)*`|'[^']*'|[^\s*]+))?",
    re.IGNORECASE,
)


def definer(text: bytes) -> tuple[str, str] | None:
    """User and host of a definition's DEFINER clause (a role has an empty host); ``None`` for who creates it."""
    match = _DEFINER.search(text, 0, 4096)
    if match is None or match.group(1).upper() == b"CURRENT_USER":
        return None
    return _unquoted(match.group(1)), _unquoted(match.group(2) or b"")


def _unquoted(text: bytes) -> str:
    quote = text[:1]
    if quote in (b"`", b"'"):
        text = text[1:-1].replace(quote * 2, quote)
    return text.decode("utf-8", "replace")
