# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which statements of a backup a restore of a part of it runs."""

from __future__ import annotations

import typing as t

from .options import Selection
from .script import Statement
from .selection import Selected
from .statements import SYMBOL, Action, placed_tokens

_ROUTINES = frozenset({"PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY", "LIBRARY"})
_DEFINES = frozenset({"CREATE", "DROP", "RENAME"})


class SelectedObjects:
    """Leaves out the statements of what is not selected.

    :param source: the database that was backed up; empty where nothing tells it.
    """

    def __init__(self, selection: Selection, source: str) -> None:
        self._selected = Selected(selection, source)
        self._by_tables = bool(selection.tables or selection.exclude_tables)

    def apply(self, statement: Statement, action: Action) -> Statement | None:
        return statement if self._takes(statement, action) else None

    def takes_rows(self, table: str) -> bool:
        """Whether the rows of a table are restored."""
        return self._selected.takes(table) and self._selected.takes_rows(table)

    def check(self, names: t.Iterable[str]) -> None:
        """Fail unless every table that was asked for is in the backup.

        :param names: of all tables, views and sequences of the backup.
        :raises NotFoundError: names what is not there.
        """
        self._selected.check_names(list(names), "the backup")

    def _takes(self, statement: Statement, action: Action) -> bool:
        chosen, kind = self._selected, action.kind
        name = action.names[0].name if action.names else ""
        if action.is_data:
            return self.takes_rows(name)
        if kind == "TABLE":
            if action.verb in _DEFINES:
                return chosen.definitions and chosen.takes(name)
            return chosen.takes(name) and (chosen.definitions or chosen.takes_rows(name))
        if kind == "VIEW":
            return chosen.views and chosen.takes(name)
        if kind == "SEQUENCE":
            return chosen.definitions and chosen.takes(name)
        if kind == "TRIGGER":
            return chosen.triggers and self._takes_trigger(statement, action)
        if kind in _ROUTINES:
            return chosen.routines
        if kind == "EVENT":
            return chosen.events
        if action.verb == "DO":
            return chosen.takes(_argument(statement.text))
        return True

    def _takes_trigger(self, statement: Statement, action: Action) -> bool:
        if action.verb != "CREATE":
            # Which table it is on does not stand there; one that is in the way fails the restore by name.
            return not self._by_tables
        return self._selected.takes(_table_of_trigger(statement.text))


def _table_of_trigger(text: bytes) -> str:
    """The table in ``CREATE TRIGGER … ON table FOR EACH ROW``."""
    found = placed_tokens(text)
    for one in found:
        if one.token.is_word("ON"):
            break
    name = ""
    for one in found:
        if one.token.is_word("FOR"):
            break
        if one.token.kind != SYMBOL:
            name = one.token.text
    return name


def _argument(text: bytes) -> str:
    """The sequence in ``DO SETVAL(sequence, …)``."""
    name = ""
    for one in placed_tokens(text):
        if one.token.is_symbol(","):
            break
        if one.token.kind != SYMBOL:
            name = one.token.text
    return name
