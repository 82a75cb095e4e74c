# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Databases that get another name on their way through a replay: in table maps, sessions and statements."""

from __future__ import annotations

import typing as t

from ...errors import UsageError
from ..quoting import identifier
from ..statements import STRING, WORD, Placed, placed_tokens
from .body import BodyReader
from .replay_filter import is_readable

_LONGEST_NAME = 255


def rename_pairs(texts: t.Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read ``old->new`` as mysqlbinlog writes it.

    :raises UsageError: it is not that, or a database gets two names.
    """
    found: dict[str, str] = {}
    for text in texts:
        old, arrow, new = (part.strip() for part in text.partition("->"))
        if not (old and arrow and new) or "\0" in new or len(new.encode()) > _LONGEST_NAME:
            raise UsageError(f"{text!r} does not say which database becomes which", hint="write old->new")
        if found.setdefault(old, new) != new:
            raise UsageError(f"{old!r} is to become both {found[old]!r} and {new!r}", hint="give one new name")
    return tuple(found.items())


class Renamed:
    """The databases and their new names.

    :param pairs: the old and the new name of each.
    """

    def __init__(self, pairs: t.Iterable[tuple[str, str]]) -> None:
        self._names = dict(pairs)

    def __bool__(self) -> bool:
        return bool(self._names)

    def database(self, name: str) -> str:
        """What a database is called on the target."""
        return self._names.get(name, name)

    def table_map(self, body: bytes, what: str) -> bytes:
        """A table map event's body with the database's new name."""
        reader = BodyReader(body, what)
        front, old = reader.take(8), reader.short_text()
        new = self._names.get(old.decode("utf-8", "backslashreplace"))
        if new is None:
            return body
        name = new.encode("utf-8")
        return front + bytes([len(name)]) + name + reader.rest()

    def statement(self, text: bytes, variables: t.Mapping[str, str]) -> bytes | None:
        """A statement that names the new databases; ``None`` where it is not sure what in it is a database's name.

        It is sure where every such name stands before a dot and none behind one, or follows the word DATABASE: an
        alias, a column or a table of the same name would have to stand somewhere by itself.
        """
        if not any(old.encode("utf-8") in text for old in self._names):
            return text
        if not is_readable(text, variables):
            return None
        edits: list[tuple[int, int, bytes]] = []
        alone = set()
        found = list(placed_tokens(text))
        for at, one in enumerate(found):
            new = self._names.get(one.token.text)
            if new is None or one.token.kind == STRING:
                continue
            if _is_behind(found, at, ".", "@"):
                continue
            if _is_before_dot(found, at) or _is_databases_name(found, at):
                edits.append((one.start, one.end, identifier(new).encode("utf-8")))
            else:
                alone.add(one.token.text)
        if any(found_text in alone for found_text in _texts(found, edits)):
            return None
        parts, position = [], 0
        for start, end, replacement in edits:
            parts += [text[position:start], replacement]
            position = end
        return b"".join((*parts, text[position:]))


def _texts(found: t.Sequence[Placed], edits: t.Iterable[tuple[int, int, bytes]]) -> set[str]:
    starts = {start for start, _end, _new in edits}
    return {one.token.text for one in found if one.start in starts}


def _is_behind(found: t.Sequence[Placed], at: int, *symbols: str) -> bool:
    return at > 0 and any(found[at - 1].token.is_symbol(symbol) for symbol in symbols)


def _is_before_dot(found: t.Sequence[Placed], at: int) -> bool:
    return at + 1 < len(found) and found[at + 1].token.is_symbol(".")


def _is_databases_name(found: t.Sequence[Placed], at: int) -> bool:
    """Whether CREATE, ALTER or DROP DATABASE stands before it."""
    before = at - 1
    while before > 0 and found[before].token.is_word("IF", "NOT", "EXISTS"):
        before -= 1
    if before < 1 or not found[before].token.is_word("DATABASE", "SCHEMA"):
        return False
    verbs = [one.token for one in found[:before] if one.token.kind == WORD]
    return bool(verbs) and verbs[0].is_word("CREATE", "ALTER", "DROP")
