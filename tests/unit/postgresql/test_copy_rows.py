# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both ways of taking the protocol's headers out of COPY rows against the plain definition."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbfleet import drivers
from dbfleet.postgresql.copy_rows import Rows, take_rows, take_rows_fast

#: Rows of text COPY end with the only newline that they have.
LINES = st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"") + b"\n")
#: Lengths whose own bytes are newlines are the fast way's trap: 6 bytes of row make a length byte of 10.
TRAPS = st.sampled_from([5, 6, 7, 10, 2560 - 4, 2570 - 4]).map(lambda size: b"d" * (size - 1) + b"\n")
ROWS = st.lists(st.one_of(LINES, TRAPS, st.just(b"\n")), max_size=60)
TAIL = st.sampled_from([b"", b"d", b"d\0\0", b"d\0\0\0\x0aab", b"c\0\0\0\4", b"N\0\0\0\x0a1\n2\n3\n", b"Z\0\0\0\5T"])


def message(row: bytes) -> bytes:
    return b"d" + (len(row) + 4).to_bytes(4, "big") + row


@given(ROWS, TAIL)
@example([b"\n"] * 3 + [b"abcde\n"] * 4, b"d\0\0\0\x0a")
def test_whole_rows_are_taken_and_nothing_else(rows: list[bytes], tail: bytes) -> None:
    block = b"".join(map(message, rows)) + tail
    wanted = Rows(b"".join(rows), len(block) - len(tail), len(rows))
    assert take_rows(memoryview(block)) == wanted
    assert take_rows_fast(memoryview(block), drivers.numpy()) == wanted


@given(ROWS, st.integers(0, 200))
def test_a_block_may_end_anywhere(rows: list[bytes], cut: int) -> None:
    block = b"".join(map(message, rows))
    block = block[: max(0, len(block) - cut)]
    whole = take_rows(memoryview(block))
    assert block[: whole.consumed] == b"".join(map(message, rows[: whole.number]))
    assert take_rows_fast(memoryview(block), drivers.numpy()) == whole


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_answer(block: bytes) -> None:
    whole = take_rows(memoryview(block))
    fast = take_rows_fast(memoryview(block), drivers.numpy())
    assert fast.number <= whole.number
    assert whole.text.startswith(fast.text)


@pytest.mark.parametrize("row", [b"no newline", b"new\nlines\n\n in a row\n"])
def test_the_fast_way_stops_where_it_cannot_guess(row: bytes) -> None:
    block = message(b"first\n") + message(row) + message(b"last\n")
    assert take_rows(memoryview(block)).number == 3
    assert take_rows_fast(memoryview(block), drivers.numpy()) == Rows(b"first\n", len(message(b"first\n")), 1)
