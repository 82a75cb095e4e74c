# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which rows of a transaction are meant: by database, table and verb."""

from __future__ import annotations

from . import codes
from .listing import TransactionFilter
from .replay_filter import Choice, Chooser
from .transactions import RowCounts

VERBS = ("INSERT", "UPDATE", "DELETE")


class RowChoice:
    """Chooses rows by the part of a filter that is about them.

    :raises UsageError: a table's name cannot be understood.
    """

    def __init__(self, wanted: TransactionFilter) -> None:
        self._verbs = frozenset(wanted.verbs)
        self._tables = Chooser(Choice(databases=wanted.databases, tables=wanted.tables))

    def has_table(self, database: str, table: str) -> bool:
        return self._tables.has_table(database, table)

    def has_verb(self, event_type: int) -> bool:
        return not self._verbs or verb_of(event_type) in self._verbs

    def counts(self, found: RowCounts) -> RowCounts:
        """Those of the wanted verbs."""
        numbers = zip(VERBS, (found.inserted, found.updated, found.deleted))
        return RowCounts(*(number if not self._verbs or verb in self._verbs else 0 for verb, number in numbers))


def verb_of(event_type: int) -> str:
    """What a row event does."""
    if event_type in codes.INSERTS:
        return "INSERT"
    return "UPDATE" if event_type in codes.UPDATES else "DELETE"
