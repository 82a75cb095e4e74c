# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The place through which every statement of a restore passes, whatever it is read from: a script or a folder's files.

A filter sees each statement that a splitter cut, twice: when the artifact is walked before the restore (so that what it
changes or leaves out is part of what is checked, counted and planned), and when it is run. It therefore must decide by
the statement alone, the same way both times. Data statements (``action.is_data``) are the ones that count for speed: a
filter looks at ``action`` before it looks at their text. The digest of a table's data is taken of what the filters let
through as it stood before they changed it.
"""

from __future__ import annotations

import typing as t

from .choices import KEEP
from .options import RestoreOptions, Selection
from .restore_selection import SelectedObjects
from .rewrite import Definers, RenamedDatabase, Rewritten
from .script import Statement
from .statements import Action, classify


class StatementFilter(t.Protocol):
    """Lets a statement through, changes it, or leaves it out."""

    def apply(self, statement: Statement, action: Action) -> Statement | None:
        """The statement to go on with, the same object where nothing is changed; ``None`` leaves it out.

        :param action: what the statement does, see :func:`.statements.classify`.
        :raises DbfleetError: it cannot be restored as asked; the caller adds the line and the file.
        """


def filters_for(options: RestoreOptions, source: str) -> tuple[StatementFilter, ...]:
    """The filters of one restore, in the order in which statements pass them.

    :param source: the database that was backed up; empty where nothing tells it.
    """
    changes = options.changes
    found: list[StatementFilter] = []
    if options.selection != Selection():
        found.append(SelectedObjects(options.selection, source))
    if source and source != options.database:
        found.append(RenamedDatabase(source, options.database))
    if changes.definer != KEEP or changes.definer_map:
        found.append(Definers(changes))
    if changes.rewrite:
        found.append(Rewritten(changes))
    return tuple(found)


def apply_filters(
    filters: t.Sequence[StatementFilter], statement: Statement, action: Action
) -> tuple[Statement, Action] | None:
    """Pass one statement through all filters; ``None`` where one leaves it out."""
    for one in filters:
        changed = one.apply(statement, action)
        if changed is None:
            return None
        if changed is not statement:
            statement, action = changed, classify(changed.text)
    return statement, action
