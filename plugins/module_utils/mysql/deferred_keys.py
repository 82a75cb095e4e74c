# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Takes keys out of a CREATE TABLE, to be made when the rows are there: sorted and at once instead of row by row.

The text of a key is never changed, only moved from CREATE TABLE into ALTER TABLE. What the server needs from the
beginning stays: the primary key (without one the unique keys, which InnoDB orders the rows by), the key of an
AUTO_INCREMENT column, and every key in front of one that stays, so that the keys have their order in the end.
"""

from __future__ import annotations

import re
import typing as t

from ..lazy_dataclass import dataclass
from . import quoting
from .statements import STRING, SYMBOL, WORD, Placed, Token, classify, placed_tokens

_COLUMN, _PRIMARY, _UNIQUE, _KEY, _FULLTEXT, _FOREIGN, _CHECK, _UNKNOWN = (
    "column", "primary", "unique", "key", "fulltext", "foreign", "check", "unknown",
)  # fmt: skip
_INNODB = re.compile(rb"\bENGINE\s*=\s*InnoDB\b", re.IGNORECASE)
# A table that keeps its history does not let its definition be changed as others do.
_VERSIONED = re.compile(rb"\bSYSTEM\s+VERSIONING\b|\bPERIOD\s+FOR\b|\bWITHOUT\s+OVERLAPS\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Item:
    """One line of a definition.

    :param name: of the key or constraint; empty where the server chooses it.
    :param columns: what a key consists of, a column's own name, or the columns that a foreign key leads to.
    :param parent: the table that a foreign key leads to.
    """

    kind: str
    text: bytes
    name: str = ""
    columns: tuple[str, ...] = ()
    parent: str = ""
    automatic: bool = False

    @property
    def label(self) -> str:
        """The name in lower case; a foreign key and the key that it needs may have the same one."""
        return f"foreign key {self.name.lower()}" if self.kind == _FOREIGN else self.name.lower()


class AddingKeys(t.NamedTuple):
    """An ALTER TABLE that makes keys.

    :param names: of the keys, as :func:`key_names` gives them.
    """

    statement: bytes
    names: frozenset[str]


@dataclass(frozen=True)
class DeferredKeys:
    """A table whose keys are made later.

    :param create: the CREATE TABLE without them.
    :param keys: what makes them, to be run one after the other.
    :param foreign_keys: what makes the foreign keys, when all tables have their keys; ``None`` where there are none.
    """

    table: str
    create: bytes
    keys: tuple[AddingKeys, ...]
    foreign_keys: AddingKeys | None

    @property
    def names(self) -> frozenset[str]:
        """Of all keys and foreign keys."""
        return frozenset().union(*(one.names for one in (*self.keys, self.foreign_keys) if one is not None))


def defer(text: bytes, referenced: t.Collection[tuple[str, tuple[str, ...]]]) -> DeferredKeys | None:
    """Divide a CREATE TABLE; ``None`` where nothing can or need be deferred.

    :param referenced: see :attr:`.script_summary.ScriptSummary.references`: a table that a foreign key leads to by
        other columns than its primary key keeps all its keys.
    """
    action = classify(text)
    parsed = _parse(text)
    if parsed is None or not action.names or _VERSIONED.search(text):
        return None
    items, first, last = parsed
    # Quotes of another sql_mode would not be understood by the session that makes the keys.
    if not _INNODB.search(text, last) or any(item.kind == _UNKNOWN for item in items):
        return None
    table = action.names[0].name
    later = _deferrable(items, table, referenced)
    foreign = [item for item in items if item.kind == _FOREIGN] if later else []
    # Without a name the server would number them anew.
    if not later or any(not item.name or b'"' in item.text for item in (*later, *foreign)):
        return None
    moved = {id(item) for item in (*later, *foreign)}
    staying = [item.text for item in items if id(item) not in moved]
    create = text[:first] + b"\n  " + b",\n  ".join(staying) + b"\n" + text[last:]
    alter = b"ALTER TABLE " + quoting.identifier(table).encode("utf-8")
    together = [item for item in later if item.kind != _FULLTEXT]
    keys = [_adding(alter, together)] if together else []
    # InnoDB makes one full-text index at a time.
    keys += [_adding(alter, [item]) for item in later if item.kind == _FULLTEXT]
    return DeferredKeys(table, create, tuple(keys), _adding(alter, foreign) if foreign else None)


def key_names(text: bytes) -> frozenset[str]:
    """The names of all keys of a CREATE TABLE, in lower case, those of foreign keys with these words in front."""
    parsed = _parse(text)
    kinds = (_UNIQUE, _KEY, _FULLTEXT, _FOREIGN)
    return frozenset(item.label for item in (parsed[0] if parsed else ()) if item.kind in kinds)


def references(text: bytes) -> t.Iterator[tuple[str, tuple[str, ...]]]:
    """Where the foreign keys of a CREATE TABLE lead: table (in lower case) and columns (likewise)."""
    if re.search(rb"\bREFERENCES\b", text, re.IGNORECASE):
        parsed = _parse(text)
        for item in parsed[0] if parsed else ():
            if item.kind == _FOREIGN:
                yield item.parent.lower(), item.columns


def _adding(alter: bytes, items: t.Sequence[_Item]) -> AddingKeys:
    statement = alter + b" " + b", ".join(b"ADD " + item.text for item in items)
    return AddingKeys(statement, frozenset(item.label for item in items))


def _deferrable(
    items: t.Sequence[_Item], table: str, referenced: t.Collection[tuple[str, tuple[str, ...]]]
) -> list[_Item]:
    primary = next((item.columns for item in items if item.kind == _PRIMARY), ())
    for parent, columns in referenced:
        if parent == table.lower() and columns != primary[: len(columns)]:
            return []
    automatic = {item.columns[0] for item in items if item.automatic}
    keys = [item for item in items if item.kind in (_UNIQUE, _KEY)]
    keep = 0
    for position, item in enumerate(keys, start=1):
        needed = item.columns[:1] and item.columns[0] in automatic and primary[:1] != item.columns[:1]
        if needed or (item.kind == _UNIQUE and not primary):
            keep = position
    return [*keys[keep:], *(item for item in items if item.kind == _FULLTEXT)]


def _parse(text: bytes) -> tuple[list[_Item], int, int] | None:
    """The items between the outer parentheses, and where these stand; ``None`` for CREATE TABLE … LIKE or AS."""
    depth = 0
    first = 0
    part: list[Placed] = []
    parts: list[list[Placed]] = []
    for one in placed_tokens(text):
        if one.token.is_symbol("("):
            depth += 1
            if depth == 1:
                first = one.end
                continue
        elif one.token.is_symbol(")"):
            depth -= 1
            if depth == 0:
                parts.append(part)
                if not all(parts):
                    return None
                return [_item(text, found) for found in parts], first, one.start
        if depth == 1 and one.token.is_symbol(","):
            parts.append(part)
            part = []
        elif depth:
            part.append(one)
        elif one.token.is_word("LIKE", "AS", "SELECT"):
            return None
    return None


def _item(text: bytes, found: t.Sequence[Placed]) -> _Item:
    # A comment between two tokens belongs to the item: it may be executable.
    raw = text[found[0].start : found[-1].end]
    raw += _closing(text, found[-1].end, raw)
    words = [one.token for one in found]
    name = ""
    if words[0].is_word("CONSTRAINT"):
        words = words[1:]
        if words and words[0].is_name and not words[0].is_word("PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            name, words = words[0].text, words[1:]
    head = words[0] if words else Token(SYMBOL, "")
    if head.kind != WORD:
        return _Item(_COLUMN, raw, head.text, (head.text.lower(),), automatic=_is_automatic(words))
    return _key(raw, name, head, words)


def _key(raw: bytes, name: str, head: Token, words: t.Sequence[Token]) -> _Item:
    if head.is_word("PRIMARY"):
        return _Item(_PRIMARY, raw, "PRIMARY", _columns(words))
    if head.is_word("CHECK"):
        return _Item(_CHECK, raw, name)
    if head.is_word("FOREIGN"):
        at = next((position for position, word in enumerate(words) if word.is_word("REFERENCES")), len(words))
        parent = words[at + 1].text if at + 1 < len(words) else ""
        return _Item(_FOREIGN, raw, name, _columns(words[at + 2 :]), parent)
    kinds = {"UNIQUE": _UNIQUE, "KEY": _KEY, "INDEX": _KEY, "FULLTEXT": _FULLTEXT, "SPATIAL": _KEY}
    kind = kinds.get(head.text.upper(), "")
    if not kind:
        # A column whose name is not quoted, or a kind of key that is not known here.
        unknown = any(word.is_word("KEY", "INDEX") for word in words[1:2])
        return _Item(
            _UNKNOWN if unknown else _COLUMN, raw, head.text, (head.text.lower(),), automatic=_is_automatic(words)
        )
    position = 1
    while position < len(words) and words[position].is_word("KEY", "INDEX"):
        position += 1
    if position < len(words) and words[position].is_name:
        name = words[position].text
    return _Item(kind, raw, name, _columns(words))


def _is_automatic(words: t.Sequence[Token]) -> bool:
    return any(word.is_word("AUTO_INCREMENT") for word in words)


def _columns(words: t.Sequence[Token]) -> tuple[str, ...]:
    """The names in the first parentheses, in lower case; a prefix's length and a direction are not told."""
    depth = 0
    columns: list[str] = []
    expected = False
    for word in words:
        if word.is_symbol("("):
            depth += 1
            expected = depth == 1
        elif word.is_symbol(")"):
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and word.is_symbol(","):
            expected = True
        elif expected and word.is_name and word.kind != STRING:
            columns.append(word.text.lower())
            expected = False
    return tuple(columns)


def _closing(text: bytes, end: int, raw: bytes) -> bytes:
    """The end of an executable comment that the item opened: it is no token of its own."""
    opened = len(re.findall(rb"/\*M?!", raw)) > raw.count(b"*/")
    match = re.compile(rb"\s*\*/").match(text, end) if opened else None
    return match.group() if match else b""
