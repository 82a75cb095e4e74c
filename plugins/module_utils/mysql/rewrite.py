# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Changes of statements on their way into another database or server: only by tokens, and only where that is sure."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from . import quoting
from .choices import CURRENT
from .options import RestoreChanges
from .program_words import PROGRAMS, named_by
from .script import Statement
from .statements import STRING, WORD, Action, Placed, placed_tokens

_WITH_DEFINER = frozenset({"VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "PACKAGE BODY"})
# The longest beginning of a definition in which a DEFINER stands.
_DEFINER_WITHIN = 24
COLLATION, CHARSET, ENGINE, SQL_MODE, TABLE_OPTION = "collation", "charset", "engine", "sql_mode", "table_option"
#: A name in the text of a program that the target takes for a word of its language; what it becomes, in quotes.
NAME = "name"
REWRITES = (COLLATION, CHARSET, ENGINE, SQL_MODE, TABLE_OPTION, NAME)
#: Of these a name can be taken out, with nothing in its place.
TAKEN_OUT = (SQL_MODE, TABLE_OPTION)

Edit = tuple[int, int, bytes]


def edited(statement: Statement, edits: t.Sequence[Edit]) -> Statement:
    """The statement with pieces replaced; the same object where there are none.

    :param edits: start, end and new text of each piece, in order.
    """
    if not edits:
        return statement
    parts = []
    position = 0
    for start, end, new in edits:
        parts += [statement.text[position:start], new]
        position = end
    return statement._replace(text=b"".join([*parts, statement.text[position:]]))


class RenamedDatabase:
    """Definitions that name the database that was backed up name the target instead.

    It is sure that a name is the database's where every such name in the statement stands before a dot and none behind
    one: an alias or table of the same name would have to stand somewhere by itself. Other statements stay as they are,
    and the restore refuses them by name.

    :param source: the database that was backed up.
    :param target: the database that is restored into.
    """

    def __init__(self, source: str, target: str) -> None:
        self._source = source
        self._target = target
        self._bytes = source.encode()

    def apply(self, statement: Statement, action: Action) -> Statement | None:
        if action.is_data or action.kind == "DATABASE" or action.verb in ("USE", "SET"):
            return statement
        if self._bytes not in statement.text or not _is_utf8(statement.text):
            return statement
        found = list(placed_tokens(statement.text))
        edits = []
        for number, one in enumerate(found):
            if one.token.text != self._source:
                continue
            before = found[number - 1].token if number else None
            after = found[number + 1].token if number + 1 < len(found) else None
            dotted = after is not None and after.is_symbol(".")
            if one.token.kind == STRING:
                if dotted:
                    # In the mode ANSI_QUOTES it is a name; otherwise it could not stand before a dot.
                    raise self._in_double_quotes(action)
                continue
            if not dotted or (before is not None and (before.is_symbol(".") or before.is_symbol("@"))):
                return statement
            edits.append((one.start, one.end, quoting.identifier(self._target).encode()))
        return edited(statement, edits)

    def _in_double_quotes(self, action: Action) -> UsageError:
        name = action.names[0].name if action.names else ""
        return UsageError(
            f"{action.kind.lower()} {name} names {self._source} in double quotes (sql_mode ANSI_QUOTES), which is not "
            "rewritten",
            hint=f"restore into a database of the name {self._source} (on another server, if need be)",
        )


class Definers:
    """Views and stored programs run as other accounts than those that the backup says."""

    def __init__(self, changes: RestoreChanges) -> None:
        self._map = dict(changes.definer_map)
        self._current = changes.definer == CURRENT

    def apply(self, statement: Statement, action: Action) -> Statement | None:
        if action.verb != "CREATE" or action.kind not in _WITH_DEFINER:
            return statement
        place = _definer(statement.text)
        if place is None:
            return statement
        account, start, end = place
        new = self._map.get(account)
        if new is not None:
            return edited(statement, [(start, end, quoting.account(*new).encode())])
        return edited(statement, [(start, end, b"CURRENT_USER")]) if self._current else statement


class Rewritten:
    """Names of collations, character sets, engines and words of sql_mode are replaced by others, options taken out."""

    def __init__(self, changes: RestoreChanges) -> None:
        self._words = {old: new for kind, old, new in changes.rewrite if kind in (COLLATION, CHARSET)}
        self._engines = {old: new for kind, old, new in changes.rewrite if kind == ENGINE}
        self._modes = {old: new for kind, old, new in changes.rewrite if kind == SQL_MODE}
        self._names = {old: new for kind, old, new in changes.rewrite if kind == NAME}
        self._options = {old for kind, old, _new in changes.rewrite if kind == TABLE_OPTION}

    def apply(self, statement: Statement, action: Action) -> Statement | None:
        if action.is_data or action.verb not in ("CREATE", "ALTER", "SET"):
            return statement
        edits: list[Edit] = []
        found = list(placed_tokens(statement.text))
        before = ""
        for number, one in enumerate(found):
            if one.token.is_symbol("="):
                continue
            edits += self._edits(one, before, found[number + 1 : number + 3], action)
            before = one.token.text.lower() if one.token.kind == WORD else ""
        if self._names and action.verb == "CREATE" and action.kind in PROGRAMS:
            edits += [
                (one.start, one.end, quoting.identifier(self._names[one.token.text.lower()]).encode())
                for one in named_by(statement.text)
                if one.token.text.lower() in self._names
            ]
        return edited(statement, sorted(edits))

    def name(self, kind: str, name: str) -> str:
        """What becomes of one name."""
        return (self._engines if kind == ENGINE else self._words).get(name.lower(), name)

    def _edits(self, one: Placed, before: str, after: t.Sequence[Placed], action: Action) -> list[Edit]:
        """What becomes of one token, by the word before it and the two tokens behind it."""
        text = one.token.text.lower()
        if one.token.kind == STRING:
            if before != SQL_MODE or action.verb != "SET" or not self._modes:
                return []
            words = [self._modes.get(word.lower(), word) for word in one.token.text.split(",")]
            return [(one.start, one.end, ("'" + ",".join(filter(None, words)) + "'").encode())]
        if one.token.kind != WORD:
            return []
        if text in self._options and action.kind == "TABLE" and len(after) > 1 and after[0].token.is_symbol("="):
            return [(one.start, after[1].end, b"")]
        new = self._engines.get(text) if before == ENGINE else self._words.get(text)
        return [(one.start, one.end, new.encode())] if new else []


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _definer(text: bytes) -> tuple[tuple[str, str], int, int] | None:
    """The account of a definition's DEFINER clause and where it stands."""
    found: list[Placed] = []
    for one in placed_tokens(text):
        found.append(one)
        if len(found) >= _DEFINER_WITHIN:
            break
    for number, one in enumerate(found[:-2]):
        if not one.token.is_word("DEFINER") or not found[number + 1].token.is_symbol("="):
            continue
        user = found[number + 2]
        at, host = (found[number + 3 : number + 5] + [None, None])[:2]
        if at is not None and host is not None and at.token.is_symbol("@"):
            return (user.token.text, host.token.text), user.start, host.end
        if at is not None and at.token.is_symbol("("):
            # The function CURRENT_USER with its parentheses: nobody else's account.
            return None
        return (user.token.text, ""), user.start, user.end
    return None
