# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.postgresql.entry_index import EntryIndex
from dbfleet.postgresql.toc import SECTION_PRE_DATA, TocEntry

LARGEST = (1 << 31) - 1


def entry(dump_id: int) -> TocEntry:
    return TocEntry(dump_id, False, 0, 0, f"t{dump_id}", "TABLE", SECTION_PRE_DATA)


def test_entries_are_found_wherever_they_stand() -> None:
    numbers = [7, 1, LARGEST, 4]
    index = EntryIndex([entry(number) for number in numbers])
    for place, number in enumerate(numbers):
        assert index.place(number) == place
        assert index[number].dump_id == number


@pytest.mark.parametrize("number", [0, 2, 8, LARGEST - 1])
def test_numbers_that_are_not_there(number: int) -> None:
    index = EntryIndex([entry(one) for one in (1, 7, LARGEST)])
    assert index.place(number) == -1
    with pytest.raises(KeyError):
        index[number]


def test_nothing_is_in_an_empty_one() -> None:
    assert EntryIndex().place(1) == -1
