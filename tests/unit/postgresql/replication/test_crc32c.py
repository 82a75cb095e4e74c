# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRC-32C, word by word and in lanes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet import drivers
from dbfleet.postgresql.replication.crc32c import crc32c


def without_numpy(data: bytes, value: int, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patch:
        patch.setattr(drivers, "numpy", lambda: None)
        return crc32c(data, value)


def test_the_check_value() -> None:
    # RFC 3720, B.4, and the value that every implementation is compared by.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(bytes(range(32))[13:], crc32c(bytes(range(13)))) == 0x46DD794E
    assert crc32c(b"") == 0


@pytest.mark.parametrize("size", [8191, 8192, 8193, 8192 + 128, 65536 - 1, 100_000, (1 << 20) + 77])
def test_lanes_give_the_same(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = random.Random(size)
    data, before = numbers.randbytes(size), numbers.getrandbits(32)
    assert crc32c(data, before) == without_numpy(data, before, monkeypatch)


@settings(max_examples=30)
@given(st.binary(max_size=40), st.integers(0, 300), st.integers(0, 20_000))
def test_pieces_give_the_same_as_the_whole(piece: bytes, times: int, cut: int) -> None:
    data = piece * times
    assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)
