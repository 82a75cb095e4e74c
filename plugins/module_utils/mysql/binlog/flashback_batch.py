# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Row changes to be undone with what their rows are compared by, as many as one statement can undo, and conflicts."""

from __future__ import annotations

import typing as t

from .flashback_steps import Row, Step
from .live_table import LiveTable

_ROWS, _ROWS_WITHOUT_KEY = 500, 100
#: Conflicts that are looked for at most, and that are named.
_MOST, _NAMED = 10_000, 100

Identity = tuple[t.Any, ...]


class Checked(t.NamedTuple):
    """A step with what its rows are compared by.

    :param before_same: comparable values of the columns that can be written.
    :param before_key: comparable values of the key; all values where there is none.
    """

    table: LiveTable
    before: Row | None
    after: Row | None
    before_same: Identity | None
    after_same: Identity | None
    before_key: Identity | None
    after_key: Identity | None

    @property
    def identities(self) -> list[Identity]:
        """The keys that the row has before and after."""
        return [identity for identity in (self.before_key, self.after_key) if identity is not None]

    @property
    def kind(self) -> tuple[bool, bool]:
        """Alike for all inserts, all updates and all deletes."""
        return self.before is None, self.after is None


class Batch:
    """Steps of one kind on one table, none of which changes what another one looks for.

    :param size: how many bytes their values may have.
    """

    def __init__(self, size: int) -> None:
        self.steps: list[Checked] = []
        self._left = size
        self._seen: set[Identity] = set()
        self._made: set[Identity] = set()

    def takes(self, step: Checked) -> bool:
        """Whether a step can be one of them; every first one can."""
        if not self.steps:
            return True
        if step.table is not self.steps[0].table or step.kind != self.steps[0].kind:
            return False
        limit = _ROWS if step.table.key else _ROWS_WITHOUT_KEY
        if len(self.steps) >= limit or weight(step) > self._left:
            return False
        if step.table.key:
            return not any(identity in self._seen for identity in step.identities)
        # Equal rows are counted; only one that another step makes is not there yet.
        return step.after_key not in self._made

    def add(self, step: Checked) -> None:
        self.steps.append(step)
        self._left -= weight(step)
        self._seen.update(step.identities)
        if step.before_key is not None:
            self._made.add(step.before_key)


class Conflicts:
    """What is not as the mistake left it.

    :ivar named: the first of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.named: list[str] = []
        self._rows: set[tuple[str, Identity]] = set()

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.named) < _NAMED:
            self.named.append(text)

    def add_row(self, step: Checked, reason: str) -> None:
        """One row; what was done to it before cannot be told then, and is passed over."""
        self.add(f"{step.table.name}{key_text(step)}: {reason}")
        self._rows.update((step.table.name, identity) for identity in step.identities)

    def concerns(self, step: Checked) -> bool:
        return bool(self._rows) and any((step.table.name, identity) in self._rows for identity in step.identities)

    @property
    def is_too_many(self) -> bool:
        return self.count >= _MOST


def checked(step: Step) -> Checked:
    """A step with what its rows are compared by."""
    before_same = before_key = after_same = after_key = None
    if step.before is not None:
        before_same, before_key = identities_of(step.table, _comparable(step.table, step.before))
    if step.after is not None:
        after_same, after_key = identities_of(step.table, _comparable(step.table, step.after))
    return Checked(step.table, step.before, step.after, before_same, after_same, before_key, after_key)


def _comparable(table: LiveTable, row: Row) -> tuple[t.Any, ...]:
    return tuple(column.of_image(value) for column, value in zip(table.columns, row))


def identities_of(table: LiveTable, values: tuple[t.Any, ...]) -> tuple[Identity, Identity]:
    """What a row is compared by, and its key."""
    # 0.0 and -0.0 are equal and not the same.
    same = tuple(repr(values[index]) if isinstance(values[index], float) else values[index] for index in table.written)
    return same, tuple(values[index] for index in table.key) if table.key else same


def row_of(row: Row | None, other: Row | None) -> Row:
    """The one of the two that there is."""
    return row if row is not None else (other or ())


def weight(step: Step | Checked) -> int:
    """About how many bytes its values take."""
    return sum(
        len(value) if isinstance(value, (bytes, str)) else 8 for row in (step.before, step.after) for value in row or ()
    )


def key_text(step: Checked) -> str:
    """The row for people: its key alone."""
    table, row = step.table, row_of(step.after, step.before)
    if not table.key:
        return " (a row of a table without a key)"
    names = (f"{table.columns[index].name}={table.columns[index].literal(row[index])}" for index in table.key)
    return f" ({', '.join(names)})"
