# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which rows differ, found by many small sums."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from dbfleet.comparison import Take, key_differences

Rows = list[tuple[tuple[bytes, ...], bytes]]
_KEYS = st.tuples(st.integers(-9, 40).map(lambda number: b"%d" % number))
_ROWS = st.dictionaries(_KEYS, st.binary(max_size=2), max_size=30)


def handing(rows: Rows) -> Callable[[Take], None]:
    """Hands the rows out in another order each time."""

    def hand(take: Take) -> None:
        for key, row in random.sample(rows, len(rows)):
            take(key, row)

    return hand


@given(_ROWS, _ROWS)
def test_exactly_the_keys_that_differ_are_found(
    first: dict[tuple[bytes], bytes], second: dict[tuple[bytes], bytes]
) -> None:
    found = key_differences(handing(list(first.items())), handing(list(second.items())))
    assert found.only_first == len(first.keys() - second.keys())
    assert found.only_second == len(second.keys() - first.keys())
    assert found.changed == len([key for key in first.keys() & second.keys() if first[key] != second[key]])
    differing = {int(key[0]) for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
    listed = {number for begin, end in found.ranges for number in range(int(begin), int(end) + 1)}
    assert found.complete
    assert listed == differing


def test_a_key_that_is_there_twice_counts_by_its_rows() -> None:
    key = (b"1", b"a")
    twice: Rows = [(key, b"x"), (key, b"y")]
    found = key_differences(handing(twice), handing([*twice, (key, b"x")]))
    assert (found.only_first, found.only_second, found.changed, found.ranges) == (0, 0, 1, (("1, a", "1, a"),))
    assert key_differences(handing(twice), handing(list(reversed(twice)))).ranges == ()
