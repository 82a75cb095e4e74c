# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Undoing row changes in one transaction, each only if its row still is as the mistake left it.

Rows are locked, compared in every column, changed, and read again: what the server has stored then must be what was
there before.
"""

from __future__ import annotations

import collections
import typing as t

from ...errors import ConsistencyError, QueryError
from ...progress import Progress
from ..quoting import identifier, qualified
from ..session import Session
from . import undo_statements as sql
from .flashback_batch import Batch, Checked, Conflicts, Identity, checked, identities_of, row_of, weight
from .flashback_steps import Row, Step
from .flashback_target import ForeignKey, TableName, Target
from .live_table import LiveTable
from .row_image import Absent

_BYTES = 1 << 20
_REFUSALS = {
    1022: "another row has one of its unique values now",
    1062: "another row has one of its unique values now",
    3819: "a CHECK constraint refuses it",
    4025: "a CHECK constraint refuses it",
}
_GONE, _CHANGED, _THERE = "it is gone", "it was changed since", "a row of this key is there again"


class Undo:
    """Undoes steps in the transaction that the session is in.

    :param targets: by database and table.
    """

    def __init__(self, session: Session, targets: t.Mapping[TableName, Target], progress: Progress) -> None:
        self._session = session
        self._targets = targets
        self._progress = progress
        self.conflicts = Conflicts()
        packet = int(session.variables.get("max_allowed_packet") or _BYTES * 8)
        self._bytes = min(_BYTES, packet // 8)

    def run(self, steps: t.Iterable[Step]) -> None:
        """Undo the steps in the order in which they come.

        :raises DbfleetError: the server refused something; the transaction must be rolled back.
        """
        batch = Batch(self._bytes)
        for each in steps:
            step = checked(each)
            if self.conflicts.concerns(step):
                continue
            if not batch.takes(step):
                self._undo(batch.steps)
                batch = Batch(self._bytes)
                if self.conflicts.is_too_many:
                    return
                if self.conflicts.concerns(step):
                    continue
            batch.add(step)
        if batch.steps:
            self._undo(batch.steps)

    def check_foreign_keys(self) -> None:
        """Look for rows that point at rows that are not there, in and at the tables that were undone."""
        keys = {key for target in self._targets.values() for key in target.foreign_keys}
        for key in sorted(keys, key=repr):
            missing = int(self._session.scalar(_orphans(key)) or 0)
            if missing:
                self.conflicts.add(
                    f"{'.'.join(key.child)}: {missing} rows would point at rows of {'.'.join(key.parent)} "
                    "that are not there"
                )

    def _undo(self, batch: list[Checked]) -> None:
        table = batch[0].table
        self._progress.item(table.name)
        sound = self._sound(batch) if table.key else self._sound_without_key(batch)
        if sound:
            self._apply(sound)
        self._progress.advance(sum(map(weight, batch)), len(batch))

    def _sound(self, batch: list[Checked]) -> list[Checked]:
        """Lock the rows, and leave out the steps whose rows are not as they should be."""
        table = batch[0].table
        found = self._rows(table, sql.by_keys(table, [row_of(step.after, step.before) for step in batch]))
        by_key = {key: same for same, key in found}
        sound = []
        for step in batch:
            if step.after_key is None:
                reason = _THERE if step.before_key in by_key else ""
            else:
                same = by_key.get(step.after_key)
                reason = _GONE if same is None else _CHANGED if same != step.after_same else ""
            if reason:
                self.conflicts.add_row(step, reason)
            else:
                sound.append(step)
        return sound

    def _sound_without_key(self, batch: list[Checked]) -> list[Checked]:
        """The same, where equal rows can only be counted."""
        table = batch[0].table
        if batch[0].after is None:
            return batch
        wanted = {step.after_same: row_of(step.after, None) for step in batch}
        found = self._rows(table, _any_of(table, list(wanted.values())))
        left = collections.Counter(same for same, _key in found)
        if any(same not in wanted for same in left):
            raise ConsistencyError(
                f"rows of {table.name}, which has no key, cannot be told from others by their values"
            )
        sound = []
        for step in batch:
            same = step.after_same or ()
            if left[same]:
                left[same] -= 1
                sound.append(step)
            else:
                self.conflicts.add_row(step, "there are fewer such rows than the mistake left")
        return sound

    def _apply(self, steps: list[Checked]) -> None:
        """Undo steps by as few statements as give the right error for each row."""
        try:
            self._change(steps)
        except QueryError as error:
            reason = _REFUSALS.get(error.context.get("errno", 0))
            if reason is None:
                raise
            if len(steps) == 1:
                self.conflicts.add_row(steps[0], reason)
                return
            # The statement has done nothing; those that it is not about are still to be done.
            for step in steps:
                self._apply([step])

    def _change(self, steps: list[Checked]) -> None:
        table = steps[0].table
        if steps[0].before is None:
            self._remove(table, steps)
            return
        rows = [row_of(step.before, None) for step in steps]
        if steps[0].after is None:
            self._session.execute(sql.insert(table, rows))
            if not table.key and self._session.scalar("SELECT @@warning_count") != "0":
                raise ConsistencyError(f"the server did not store rows of {table.name} as they were before")
        elif self._targets[table.database, table.table].overwrites and all(
            _has_same(step, index) for index in table.unique or () for step in steps
        ):
            self._session.execute(sql.overwrite(table, rows))
        else:
            self._update_each(table, steps)
        if table.key:
            stored = {key: same for same, key in self._rows(table, sql.by_keys(table, rows))}
            if any(stored.get(step.before_key or ()) != step.before_same for step in steps):
                raise ConsistencyError(
                    f"the server did not store rows of {table.name} as they were before",
                    hint="a trigger may have changed them; nothing was changed",
                )

    def _remove(self, table: LiveTable, steps: list[Checked]) -> None:
        rows = [row_of(step.after, None) for step in steps]
        if table.key:
            removed = self._session.execute(sql.delete(table, sql.by_keys(table, rows)))
        else:
            removed = 0
            counts = collections.Counter(step.after_same for step in steps)
            of_same = {step.after_same: row for step, row in zip(steps, rows)}
            for same, count in counts.items():
                condition = f"{sql.by_values(table, of_same[same])} LIMIT {count}"
                removed += self._session.execute(sql.delete(table, condition))
        if removed != len(steps):
            raise ConsistencyError(f"{removed} rows of {table.name} were removed where {len(steps)} had to be")

    def _update_each(self, table: LiveTable, steps: list[Checked]) -> None:
        for step in steps:
            before, after = row_of(step.before, None), row_of(step.after, None)
            condition = sql.by_key(table, after) if table.key else f"{sql.by_values(table, after)} LIMIT 1"
            changed = self._session.execute(sql.update(table, after, before, condition))
            if not table.key and changed != 1 and step.before_same != step.after_same:
                raise ConsistencyError(f"{changed} rows of {table.name} were changed where one had to be")

    def _rows(self, table: LiveTable, condition: str) -> list[tuple[Identity, Identity]]:
        """Lock and read rows: their comparable values and keys."""
        selected = ", ".join(column.expression for column in table.columns)
        # In parentheses nobody takes it for a statement without values, which may be logged.
        rows = self._session.query_bytes(f"(SELECT {selected} FROM {table.quoted} WHERE {condition} FOR UPDATE)")
        found = []
        for row in rows:
            values = tuple(column.of_server(text) for column, text in zip(table.columns, row))
            found.append(identities_of(table, values))
        return found


def _has_same(step: Checked, index: int) -> bool:
    """Whether an update is known to have left the value of a column as it was."""
    if step.before is None or step.after is None or isinstance(step.before[index], Absent):
        return False
    return step.before[index] == step.after[index]


def _any_of(table: LiveTable, rows: t.Sequence[Row]) -> str:
    return " OR ".join(f"({sql.by_values(table, row)})" for row in rows)


def _orphans(key: ForeignKey) -> str:
    joined = " AND ".join(f"c.{identifier(child)} = p.{identifier(parent)}" for child, parent in key.columns)
    present = " AND ".join(f"c.{identifier(child)} IS NOT NULL" for child, _parent in key.columns)
    return (
        f"SELECT COUNT(*) FROM {qualified(*key.child)} c LEFT JOIN {qualified(*key.parent)} p ON {joined} "
        f"WHERE {present} AND p.{identifier(key.columns[0][1])} IS NULL"
    )
