# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which databases and tables a logged statement is about, as far as its text tells surely.

What is named too often here makes a replay refuse a statement, what is forgotten would make it apply or leave out a
wrong one; so whatever is not understood is no answer.
"""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..statements import QUOTED, STRING, WORD, ObjectName, Token, classify, tokens

TABLES, DATABASE, PROGRAM, SERVER, SESSION = "tables", "database", "program", "server", "session"

_IN_SESSION = frozenset(("BEGIN", "COMMIT", "ROLLBACK", "XA", "SAVEPOINT", "START", "RELEASE"))
_SERVER_WIDE = frozenset(("GRANT", "REVOKE", "SET", "FLUSH", "INSTALL", "UNINSTALL", "RESET", "SHUTDOWN", "IMPORT"))
_SERVER_KINDS = frozenset(("USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE", "RESOURCE", "INSTANCE", "REFERENCE"))
_PROGRAMS = frozenset(("PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "PACKAGE BODY", "LIBRARY"))
_ROWS = frozenset(("INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "LOAD"))
_MAINTENANCE = frozenset(("ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM", "RENAME", "TRUNCATE"))
#: Before the name of a table that is acted on.
_MODIFIERS = (
    "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK", "IGNORE", "TABLE", "IF", "NOT", "EXISTS", "LATERAL", "HISTORY",
)  # fmt: skip
#: What ends a list of tables.
_ENDS_LIST = (
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "SET", "SELECT", "FOR", "LOCK",
    "WINDOW", "VALUES", "RETURNING", "INTO", "PROCEDURE",
)  # fmt: skip
_SUBQUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
#: Functions that have the word FROM between their arguments.
_WITH_FROM = ("EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID")
_ROW_ALIASES = ("NEW", "OLD")


@dataclass(frozen=True)
class StatementObjects:
    """What a statement is about.

    :param kind: tables (and views), one whole database, a stored program, the whole server, or only its own session.
    :param tables: every table that is named, each with its database.
    :param database: of a database or a stored program.
    :param verb: its first word.
    """

    kind: str
    verb: str
    tables: tuple[ObjectName, ...] = ()
    database: str = ""


def statement_objects(text: bytes, database: str) -> StatementObjects | None:
    """What a statement is about; ``None`` where that is not sure.

    :param database: the session's; empty for none.
    """
    action = classify(text)
    verb, kind = action.verb, action.kind
    if verb in _IN_SESSION:
        return StatementObjects(SESSION, verb)
    if kind == "DATABASE":
        return StatementObjects(DATABASE, verb, database=action.names[0].name if action.names else database)
    if verb in _SERVER_WIDE or kind in _SERVER_KINDS or (kind == "FUNCTION" and _is_loadable(text)):
        return StatementObjects(SERVER, verb)
    if kind in _PROGRAMS or (kind == "TRIGGER" and verb != "CREATE"):
        of = (action.names[0].database if action.names else "") or database
        return StatementObjects(PROGRAM, verb, database=of) if action.names and of else None
    if kind == "TRIGGER":
        found = _trigger(text)
    elif (
        verb in _ROWS
        or (verb in _MAINTENANCE and kind == "TABLE")
        or (verb in ("CREATE", "ALTER", "DROP") and kind in ("TABLE", "VIEW", "SEQUENCE", "INDEX"))
    ):
        found = _Scan(text, verb, kind).tables()
    else:
        return None
    if not found:
        return None
    tables = tuple(dict.fromkeys(ObjectName(name.database or database, name.name) for name in found))
    return StatementObjects(TABLES, verb, tables) if all(name.database for name in tables) else None


def _is_loadable(text: bytes) -> bool:
    return any(token.is_word("SONAME") for token in tokens(text))


def _trigger(text: bytes) -> list[ObjectName] | None:
    """The trigger's own name, in whose database its table must be, and its table."""
    found = list(tokens(text))
    own, table = _name_after(found, "TRIGGER"), _name_after(found, "ON")
    if own is None or table is None:
        return None
    return [ObjectName(table.database or own.database, table.name)]


def _name_after(found: t.Sequence[Token], word: str) -> ObjectName | None:
    at = next((number for number, token in enumerate(found) if token.is_word(word)), len(found)) + 1
    while at < len(found) and found[at].is_word("IF", "NOT", "EXISTS"):
        at += 1
    name = _name_at(found, at)
    return name[0] if name else None


def _name_at(found: t.Sequence[Token], at: int) -> tuple[ObjectName, int] | None:
    """A name with or without its database, and the place behind it."""
    if at >= len(found) or found[at].kind not in (WORD, QUOTED):
        return None
    if at + 2 < len(found) and found[at + 1].is_symbol("."):
        if found[at + 2].kind not in (WORD, QUOTED):
            return None
        return ObjectName(found[at].text, found[at + 2].text), at + 3
    return ObjectName("", found[at].text), at + 1


class _Scan:
    """One walk over a statement, which finds the places where the grammar has tables.

    :param kind: of CREATE, ALTER and DROP what they act on.
    """

    def __init__(self, text: bytes, verb: str, kind: str) -> None:
        self._found = list(tokens(text))
        self._verb = verb
        self._kind = kind
        self._tables: list[ObjectName] = []
        self._places: set[int] = set()
        self._calls: set[str] = set()
        # Of every open parenthesis whether a list of tables is under way in it, and what stands before it.
        self._lists = [False]
        self._openers = [""]

    def tables(self) -> list[ObjectName] | None:
        """The tables; ``None`` where one may have been missed."""
        at = self._head()
        if at is None:
            return None
        while at < len(self._found):
            token = self._found[at]
            dotted = at > 0 and self._found[at - 1].is_symbol(".")
            if token.is_symbol("("):
                self._open(at, listing=False)
                at += 1
            elif token.is_symbol(")"):
                if len(self._lists) == 1:
                    return None
                self._lists.pop()
                self._openers.pop()
                at += 1
            elif token.is_symbol(",") and self._lists[-1]:
                at = self._table(at + 1)
            elif token.kind == WORD and not dotted:
                at = self._word(at, token)
            else:
                at += 1
            if at < 0:
                return None
        return self._tables if len(self._lists) == 1 and self._every_name_is_known() else None

    def _head(self) -> int | None:
        """Take the tables that stand where the verb has them; the place to go on."""
        found, verb = self._found, self._verb
        if verb in ("INSERT", "REPLACE"):
            at = self._table(2 if self._is(1, "INTO") else self._behind_modifiers(1), listing=False)
            return None if at < 0 else at
        if verb == "UPDATE":
            at = self._table(1)
            return None if at < 0 else at
        if verb in ("CREATE", "ALTER", "DROP"):
            word = "ON" if self._kind == "INDEX" else self._kind
            at = next((n for n, token in enumerate(found) if token.is_word(word, f"{word}S")), len(found))
            at = self._table(at + 1, listing=verb == "DROP" and self._kind != "INDEX")
            return None if at < 0 else at
        if verb in ("RENAME", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM", "TRUNCATE"):
            at = next((n for n, token in enumerate(found) if token.is_word("TABLE", "TABLES")), 0)
            at = self._table(at + 1)
            return None if at < 0 else at
        return 1

    def _word(self, at: int, token: Token) -> int:
        """What follows a word of the grammar; the next place, negative where it is not understood."""
        if token.is_word("FROM"):
            if self._openers[-1] in _WITH_FROM or self._is(at - 1, "SYSTEM_TIME"):
                return at + 1
            return self._table(at + 1)
        if token.is_word("JOIN", "STRAIGHT_JOIN", "REFERENCES"):
            if token.is_word("STRAIGHT_JOIN") and self._is(at - 1, "SELECT"):
                return at + 1
            return self._table(at + 1, listing=None)
        if token.is_word("INTO"):
            # INTO @variable and REORGANIZE PARTITION … INTO (…) name no table.
            following = self._found[at + 1] if at + 1 < len(self._found) else None
            named = following is not None and following.kind in (WORD, QUOTED)
            return self._table(at + 1, listing=False) if named and self._verb != "ALTER" else at + 1
        if token.is_word("USING") and self._verb == "DELETE":
            following = self._found[at + 1] if at + 1 < len(self._found) else None
            # JOIN … USING (columns)
            return at + 1 if following is not None and following.is_symbol("(") else self._table(at + 1)
        return self._word_of_definition(at, token)

    def _word_of_definition(self, at: int, token: Token) -> int:
        if self._verb == "CREATE" and token.is_word("LIKE") and self._kind == "TABLE":
            following = self._found[at + 1] if at + 1 < len(self._found) else None
            named = following is not None and following.kind in (WORD, QUOTED)
            return self._table(at + 1, listing=None) if named else at + 1
        if self._verb == "RENAME" and token.is_word("TO"):
            return self._table(at + 1)
        if self._verb == "ALTER" and token.is_word("RENAME") and not self._is(at + 1, "COLUMN", "INDEX", "KEY"):
            at += 1
            while self._is(at, "TO", "AS") or (at < len(self._found) and self._found[at].is_symbol("=")):
                at += 1
            return self._table(at, listing=None)
        if self._verb == "ALTER" and token.is_word("TABLE") and self._is(at - 1, "WITH"):
            return self._table(at + 1, listing=None)
        if self._verb in ("CREATE", "ALTER") and token.is_word("UNION") and self._kind == "TABLE":
            following = self._found[at + 1] if at + 1 < len(self._found) else None
            # A MERGE table's parts.
            return -1 if following is not None and following.text in ("=", "(") else at + 1
        if self._verb == "WITH" and token.is_word("UPDATE") and len(self._lists) == 1:
            return self._table(at + 1)
        if token.is_word(*_ENDS_LIST):
            self._lists[-1] = False
        return at + 1

    def _table(self, at: int, *, listing: bool | None = True) -> int:
        """Take the table at a place where one is due; the place behind it, negative where there is none.

        :param listing: whether more can follow after commas; ``None`` leaves that as it is.
        """
        if listing is not None:
            self._lists[-1] = listing
        at = self._behind_modifiers(at)
        if at < len(self._found) and self._found[at].is_symbol("("):
            inner = at + 1
            self._open(at, listing=False)
            return inner if self._is(inner, *_SUBQUERIES) else self._table(inner)
        if self._is(at, "DUAL"):
            return at + 1
        named = _name_at(self._found, at)
        if named is None:
            return -1
        name, behind = named
        if behind < len(self._found) and self._found[behind].is_symbol("."):
            # DELETE t.* FROM …: the table is named again where it is read.
            starred = behind + 1 < len(self._found) and self._found[behind + 1].is_symbol("*")
            if not (starred and self._verb == "DELETE"):
                return -1
        # A function that gives rows, as JSON_TABLE(…), is none; INSERT INTO t (columns) is.
        called = behind < len(self._found) and self._found[behind].is_symbol("(")
        if called and self._found[at].is_word("JSON_TABLE") and not name.database:
            return behind
        self._tables.append(name)
        self._places.add(at)
        return behind

    def _behind_modifiers(self, at: int) -> int:
        while self._is(at, *_MODIFIERS) and not (at + 1 < len(self._found) and self._found[at + 1].is_symbol(".")):
            at += 1
        return at

    def _open(self, at: int, *, listing: bool) -> None:
        before = self._found[at - 1] if at else None
        self._lists.append(listing)
        self._openers.append(before.text.upper() if before is not None and before.kind == WORD else "")

    def _every_name_is_known(self) -> bool:
        """Whether each name before a dot, where no table was found, is that of a table or an alias.

        A database that is named in a place that was not understood would be one that stands nowhere else.
        """
        databases = {name.database for name in self._tables}
        alone, before_dot = {name.name for name in self._tables}, []
        for at, token in enumerate(self._found):
            if token.kind == STRING or token.kind not in (WORD, QUOTED):
                continue
            behind_dot = at > 0 and self._found[at - 1].is_symbol(".")
            dot = at + 1 < len(self._found) and self._found[at + 1].is_symbol(".")
            if behind_dot or (at > 0 and self._found[at - 1].is_symbol("@")):
                continue
            if not dot:
                alone.add(token.text)
            elif at not in self._places and not (token.kind == WORD and token.text.isdigit()):
                before_dot.append(at)
        return all(self._is_known(at, databases, alone) for at in before_dot)

    def _is_known(self, at: int, databases: set[str], alone: set[str]) -> bool:
        name = self._found[at].text
        further = self._found[at + 3] if at + 3 < len(self._found) else None
        if further is not None and further.is_symbol("("):
            # A function of a database, which may do anything.
            return False
        if further is not None and further.is_symbol("."):
            return name in databases
        return name in alone or name.upper() in _ROW_ALIASES

    def _is(self, at: int, *words: str) -> bool:
        return 0 <= at < len(self._found) and self._found[at].is_word(*words)
