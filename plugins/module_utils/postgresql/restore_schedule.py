# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which items of a restore may run at the same time: dependencies, and locks that would make them wait or deadlock.

The rules are those of pg_restore. What comes before the data is restored in the archive's order. Then an item may begin
when everything it depends on is done; what comes after the data and depends on a table waits for that table's data.
Of items after the data all but the making of an index may lock the tables that they depend on exclusively.
"""

from __future__ import annotations

import collections
import heapq
import typing as t

from .archive.entries import TABLE_DATA
from .toc import SECTION_DATA, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry

_SHARING = frozenset(("INDEX", "COMMENT", "SECURITY LABEL"))
_TABLES = frozenset(("TABLE", TABLE_DATA))


def divide(entries: t.Iterable[TocEntry]) -> tuple[list[TocEntry], list[TocEntry]]:
    """What must be restored in order before the data, and what may then be restored by several."""
    first: list[TocEntry] = []
    rest: list[TocEntry] = []
    for entry in entries:
        later = entry.section in (SECTION_DATA, SECTION_POST_DATA) or (rest and entry.section != SECTION_PRE_DATA)
        (rest if later else first).append(entry)
    return first, rest


class Schedule:
    """Gives out items, the largest first, as soon as they may begin.

    :param entries: all items, in the archive's order.
    :param every: the archive's entries, which tell what a dependency is.
    :param sizes: how much work an item is, by its number, in any unit; what comes after the data counts as large as
        the largest table that it is about.
    """

    def __init__(self, entries: t.Sequence[TocEntry], every: t.Iterable[TocEntry], sizes: t.Mapping[int, int]) -> None:
        self._entries = {entry.dump_id: entry for entry in entries}
        self._table_of, data_of = _tables(every)
        self._sizes = sizes
        self._order = {entry.dump_id: number for number, entry in enumerate(entries)}
        self._missing: dict[int, int] = {}
        self._followers: dict[int, list[int]] = collections.defaultdict(list)
        self._locks: dict[int, tuple[int, ...]] = {}
        #: Of a table: how many run that only share it, and how many that need it for themselves.
        self._sharing: collections.Counter[int] = collections.Counter()
        self._exclusive: set[int] = set()
        self._blocked: dict[int, list[int]] = collections.defaultdict(list)
        self._ready: list[tuple[int, int, int]] = []
        self.left = len(self._entries)
        for entry in entries:
            self._place(entry, data_of)
        for dump_id, missing in self._missing.items():
            if not missing:
                self._push(dump_id)

    def take(self) -> TocEntry | None:
        """The next item that may begin now, ``None`` while there is none. It holds its locks until it is done."""
        while self._ready:
            _size, _place, dump_id = heapq.heappop(self._ready)
            held = self._conflict(dump_id)
            if held is not None:
                self._blocked[held].append(dump_id)
                continue
            entry = self._entries[dump_id]
            for table in self._locks[dump_id]:
                if _shares(entry):
                    self._sharing[table] += 1
                else:
                    self._exclusive.add(table)
            return entry
        return None

    def done(self, entry: TocEntry) -> None:
        """The item is done, or failed, or was passed over: what waits for it may begin."""
        self.left -= 1
        for table in self._locks[entry.dump_id]:
            if _shares(entry):
                self._sharing[table] -= 1
            else:
                self._exclusive.discard(table)
            for dump_id in self._blocked.pop(table, ()):
                self._push(dump_id)
        for dump_id in self._followers[entry.dump_id]:
            self._missing[dump_id] -= 1
            if not self._missing[dump_id]:
                self._push(dump_id)

    def _place(self, entry: TocEntry, data_of: t.Mapping[int, int]) -> None:
        needed = set(entry.dependencies)
        tables: set[int] = set()
        if entry.section == SECTION_POST_DATA:
            tables = {self._table_of[one] for one in needed if one in self._table_of}
            needed |= {data_of[table] for table in tables if table in data_of}
        self._locks[entry.dump_id] = tuple(sorted(tables))
        needed = {one for one in needed if one in self._entries and one != entry.dump_id}
        self._missing[entry.dump_id] = len(needed)
        for one in needed:
            self._followers[one].append(entry.dump_id)

    def _push(self, dump_id: int) -> None:
        size = self._sizes.get(dump_id) or max((self._sizes.get(table, 0) for table in self._locks[dump_id]), default=0)
        heapq.heappush(self._ready, (-size, self._order[dump_id], dump_id))

    def _conflict(self, dump_id: int) -> int | None:
        """A table that a running item holds and this one needs."""
        shares = _shares(self._entries[dump_id])
        for table in self._locks[dump_id]:
            if table in self._exclusive or (not shares and self._sharing[table]):
                return table
        return None


def _shares(entry: TocEntry) -> bool:
    return entry.desc in _SHARING


def _tables(every: t.Iterable[TocEntry]) -> tuple[dict[int, int], dict[int, int]]:
    """The table that an entry of a table or its data stands for, and the data of every table."""
    table_of: dict[int, int] = {}
    data_of: dict[int, int] = {}
    entries = list(every)
    for entry in entries:
        if entry.desc == "TABLE":
            table_of[entry.dump_id] = entry.dump_id
    for entry in entries:
        if entry.desc == TABLE_DATA:
            table = next((one for one in entry.dependencies if table_of.get(one) == one), entry.dump_id)
            table_of[entry.dump_id] = table
            data_of[table] = entry.dump_id
    return table_of, data_of
