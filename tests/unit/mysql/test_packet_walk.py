# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where packets begin: what the guess finds is on the chain of lengths, whatever the rows look like."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.mysql import packet_walk
from dbfleet.mysql.packet_walk import Guesser, follow


def packets(bodies: list[bytes], sequence: int = 0) -> bytes:
    parts = []
    for body in bodies:
        parts.append(len(body).to_bytes(3, "little") + bytes((sequence % 256,)) + body)
        sequence += 1
    return b"".join(parts)


def found(guesser: Guesser, data: bytes, position: int, end: int) -> tuple[list[int], int]:
    """What both ways find together, as the reader of rows uses them."""
    guessed, stop = guesser.walk(position, end)
    rest, stop = follow(data, stop, end)
    return [*(int(start) for start in guessed), *rest], stop


# Bodies full of what looks like a header: zeros, and small numbers in ascending order.
BODIES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.lists(st.integers(0, 6), max_size=40).map(bytes),
        st.just(packets([b"ab", b"", b"c"], sequence=3)),
        st.integers(240, 700).map(lambda size: b"\0" * size),
        st.just(b"x" * 70_000),
    ),
    max_size=60,
)


@pytest.mark.parametrize("wide", [False, True])
@settings(max_examples=300, deadline=None)
@given(bodies=BODIES, sequence=st.integers(0, 255), cut=st.integers(0, 40), before=st.binary(max_size=5))
def test_the_guess_finds_what_the_lengths_say(
    wide: bool, bodies: list[bytes], sequence: int, cut: int, before: bytes
) -> None:
    data = before + packets(bodies, sequence)
    end = max(len(before), len(data) - cut)
    guesser = Guesser(data)
    guesser._wide = wide
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packet_walk, "_SMALLEST", 3)
        assert found(guesser, data, len(before), end) == follow(data, len(before), end)


@pytest.mark.parametrize(
    "body",
    [
        lambda chance: chance.randbytes(chance.randrange(60)),
        lambda chance: bytes(chance.randrange(3) for _byte in range(chance.randrange(60))),
        lambda chance: b"x" * chance.choice((20, 30, 300)),
    ],
    ids=["random", "zeros", "some long"],
)
def test_many_rows_are_found_at_once(body: Callable[[random.Random], bytes]) -> None:
    chance = random.Random(7)
    data = packets([body(chance) for _row in range(20_000)])
    guesser = Guesser(data)
    for _block in range(3):
        assert found(guesser, data, 0, len(data)) == follow(data, 0, len(data))
    guessed, stop = guesser.walk(0, len(data))
    assert (len(guessed) > 19_000 and stop > len(data) * 0.9) or not guesser.is_worth(1000, 30_000)


def test_rows_of_which_few_are_found_are_not_guessed_at_any_more() -> None:
    data = packets([b"\0\1" * 40_000] * 20)
    guesser = Guesser(data)
    assert guesser.is_worth(1000, 30_000)
    assert not guesser.is_worth(100, 60_000)
    for _block in range(2):
        guesser.walk(0, len(data))
    assert not guesser.is_worth(1000, 30_000)
