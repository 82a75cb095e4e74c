# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.streams.prefetch import PrefetchSource


class Blocks:
    """Gives its blocks one by one, then an error or the end."""

    def __init__(self, blocks: list[bytes], error: Exception | None = None) -> None:
        self.left = list(blocks)
        self.error = error
        self.reads = 0

    def read(self, size: int) -> bytes:
        self.reads += 1
        if self.left:
            return self.left.pop(0)
        if self.error is not None:
            raise self.error
        return b""

    def close(self) -> None:
        """Nothing is open."""


def readers() -> int:
    return sum(thread.name == "dbfleet-reader" for thread in threading.enumerate())


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=30))
def test_every_block_comes_in_its_order(blocks: list[bytes]) -> None:
    source = PrefetchSource(Blocks(blocks), size=20)
    found = []
    while data := source.read():
        found.append(data)
    assert found == blocks
    assert source.read() == b""
    source.close()
    assert readers() == 0


@pytest.mark.parametrize("before", [0, 1, 2, 9])
def test_an_error_comes_after_what_was_read_before_it(before: int) -> None:
    source = PrefetchSource(Blocks([b"x"] * before, CorruptArtifactError("cut short")), size=20)
    for _number in range(before):
        assert source.read() == b"x"
    with pytest.raises(CorruptArtifactError, match="cut short"):
        source.read()
    source.close()


def test_closing_early_ends_the_thread_and_reads_no_more() -> None:
    inner = Blocks([b"x"] * 1000)
    source = PrefetchSource(inner, size=20, depth=2)
    for _number in range(5):
        source.read()
    assert readers() == 1
    source.close()
    assert readers() == 0
    reads = inner.reads
    assert reads < 20
    assert source.read() == b""
    assert inner.reads == reads
