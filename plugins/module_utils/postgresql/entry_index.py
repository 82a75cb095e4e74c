# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finding an archive's entries by their numbers."""

from __future__ import annotations

import array
import bisect
import typing as t

from .toc import TocEntry


class EntryIndex:
    """Entries by their numbers, in a quarter of the memory that a dictionary would take.

    A number may be anything up to 2**31, whatever the archive says of itself.

    :param entries: each with a number of its own; kept.
    """

    def __init__(self, entries: t.Sequence[TocEntry] = ()) -> None:
        self._entries = entries
        places = sorted(range(len(entries)), key=lambda place: entries[place].dump_id)
        self._places = array.array("L", places)
        self._numbers = array.array("L", (entries[place].dump_id for place in places))

    def place(self, dump_id: int) -> int:
        """Where in the sequence the entry with this number is, -1 where there is none."""
        found = bisect.bisect_left(self._numbers, dump_id)
        if found == len(self._numbers) or self._numbers[found] != dump_id:
            return -1
        return self._places[found]

    def __getitem__(self, dump_id: int) -> TocEntry:
        """
        :raises KeyError: there is none with this number.
        """
        place = self.place(dump_id)
        if place < 0:
            raise KeyError(dump_id)
        return self._entries[place]
