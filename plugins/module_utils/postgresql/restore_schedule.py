# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which items of a restore may run at the same time: dependencies, and locks that would make them wait or deadlock.

The rules are those of pg_restore. What comes before the data is restored in the archive's order. Then an item may begin
when everything it depends on is done; what comes after the data and depends on a table waits for that table's data.
Of items after the data all but the making of an index may lock the tables that they depend on exclusively.
"""

from __future__ import annotations

import array
import bisect
import collections
import heapq
import typing as t

from .archive.entries import TABLE_DATA
from .entry_index import EntryIndex
from .toc import SECTION_DATA, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry

# More than any archive has entries.
_PLACES = 1 << 32
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
        # Items are known by their places here: lists and arrays take much less memory than dictionaries.
        self._entries = entries
        self._index = EntryIndex(entries)
        self._sizes = sizes
        self._missing = array.array("L", bytes(len(entries) * array.array("L").itemsize))
        self._locks: list[tuple[int, ...]] = []
        #: Of a table: how many run that only share it, and how many that need it for themselves.
        self._sharing: collections.Counter[int] = collections.Counter()
        self._exclusive: set[int] = set()
        self._blocked: dict[int, list[int]] = {}
        self._ready: list[tuple[int, int]] = []
        self.left = len(entries)
        table_of, data_of = _tables(every)
        followers: list[int] = []
        for place, entry in enumerate(entries):
            tables = self._tables_of(entry, table_of)
            self._locks.append(tuple(sorted(tables)))
            needed = set(entry.dependencies) | {data_of[table] for table in tables if table in data_of}
            found = [self._index.place(one) for one in needed if one != entry.dump_id]
            found = [one for one in found if one >= 0]
            self._missing[place] = len(found)
            followers += [one * _PLACES + place for one in found]
        followers.sort()
        self._followers = array.array("Q", followers)
        for place, missing in enumerate(self._missing):
            if not missing:
                self._push(place)

    def take(self) -> TocEntry | None:
        """The next item that may begin now, ``None`` while there is none. It holds its locks until it is done."""
        while self._ready:
            _size, place = heapq.heappop(self._ready)
            held = self._conflict(place)
            if held is not None:
                self._blocked.setdefault(held, []).append(place)
                continue
            entry = self._entries[place]
            for table in self._locks[place]:
                if _shares(entry):
                    self._sharing[table] += 1
                else:
                    self._exclusive.add(table)
            return entry
        return None

    def done(self, entry: TocEntry) -> None:
        """The item is done, or failed, or was passed over: what waits for it may begin."""
        self.left -= 1
        done = self._index.place(entry.dump_id)
        for table in self._locks[done]:
            if not _shares(entry):
                self._exclusive.discard(table)
            elif self._sharing[table] > 1:
                self._sharing[table] -= 1
            else:
                del self._sharing[table]
            for place in self._blocked.pop(table, ()):
                self._push(place)
        for place in self._waiting_for(done):
            self._missing[place] -= 1
            if not self._missing[place]:
                self._push(place)

    def _waiting_for(self, place: int) -> t.Iterator[int]:
        begin = bisect.bisect_left(self._followers, place * _PLACES)
        for number in range(begin, len(self._followers)):
            needed, follower = divmod(self._followers[number], _PLACES)
            if needed != place:
                return
            yield follower

    @staticmethod
    def _tables_of(entry: TocEntry, table_of: t.Mapping[int, int]) -> set[int]:
        """The tables that an item after the data is about."""
        if entry.section != SECTION_POST_DATA:
            return set()
        return {table_of[one] for one in entry.dependencies if one in table_of}

    def _push(self, place: int) -> None:
        sizes = self._sizes
        size = sizes.get(self._entries[place].dump_id) or max(
            (sizes.get(table, 0) for table in self._locks[place]), default=0
        )
        heapq.heappush(self._ready, (-size, place))

    def _conflict(self, place: int) -> int | None:
        """A table that a running item holds and this one needs."""
        shares = _shares(self._entries[place])
        for table in self._locks[place]:
            if table in self._exclusive or (not shares and table in self._sharing):
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
