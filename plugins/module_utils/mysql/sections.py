# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A script of several databases: what of it belongs to which. A database's part can be in several places."""

from __future__ import annotations

import typing as t

from ..errors import NotFoundError
from .script import Statement
from .script_policy import SqlModes
from .statements import classify

_DATA = (b"INSERT", b"REPLAC")


class _Splitter(t.Protocol):
    backslash_escapes: bool

    def __iter__(self) -> t.Iterator[Statement]: ...


class SectionSplitter:
    """The statements of one database, and those that stand before the first database.

    What stands behind a ``USE`` belongs to that database. The statements of others are cut, since they must be told
    apart, and nothing else is done with them.

    :param splitter: cuts the whole script.
    :param name: what to call it in messages.

    Iterating raises :class:`NotFoundError` at the end where nothing belonged to that database.
    """

    def __init__(self, splitter: _Splitter, database: str, *, name: str) -> None:
        self._splitter = splitter
        self._database = database
        self._name = name
        self._seen: dict[str, None] = {}
        self._modes = SqlModes()

    @property
    def backslash_escapes(self) -> bool:
        return self._splitter.backslash_escapes

    @backslash_escapes.setter
    def backslash_escapes(self, value: bool) -> None:
        self._splitter.backslash_escapes = value

    def __iter__(self) -> t.Iterator[Statement]:
        mine = True
        for statement in self._splitter:
            taken, mine = self._takes(statement, mine)
            if taken:
                yield statement
            # It would stay in memory while the next one is put together.
            del statement
        if self._database not in self._seen:
            holds = f"it holds {', '.join(self._seen)}" if self._seen else "it names none (with USE)"
            raise NotFoundError(
                f"{self._name} holds nothing of a database {self._database!r}: {holds}",
                hint="name another source_database, or leave it out for a script of one database",
                databases=list(self._seen),
            )

    def _takes(self, statement: Statement, mine: bool) -> tuple[bool, bool]:
        """Whether a statement is this database's, and whether what follows it is."""
        if statement.text[:6].upper() in _DATA:
            return mine, mine
        action = classify(statement.text)
        if action.verb == "SET":
            # Whoever runs them looks at those that they get; what others set back must be known here.
            self._modes.observe(statement.text)
            self._splitter.backslash_escapes = self._modes.backslash_escapes
        if action.verb == "USE":
            self._seen[action.names[0].name] = None
            mine = action.names[0].name == self._database
            return mine, mine
        if action.kind == "DATABASE" and action.names and action.verb in ("CREATE", "DROP"):
            return action.names[0].name == self._database, mine
        return mine, mine


def databases_of(splitter: _Splitter) -> tuple[str, ...]:
    """The databases that a script goes into, in their order; none where it names none."""
    modes = SqlModes()
    found: dict[str, None] = {}
    for statement in splitter:
        if statement.text[:6].upper() not in _DATA:
            action = classify(statement.text)
            if action.verb == "SET":
                modes.observe(statement.text)
                splitter.backslash_escapes = modes.backslash_escapes
            elif action.verb == "USE":
                found[action.names[0].name] = None
        del statement
    return tuple(found)
