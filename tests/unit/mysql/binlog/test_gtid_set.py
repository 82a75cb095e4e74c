# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import UsageError
from dbfleet.mysql.binlog.gtid_set import MariadbGtidState, MysqlGtidSet

ONE, TWO = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "00000000-0000-0000-0000-0000000000ff"
SOURCES = st.sampled_from([(ONE, ""), (ONE, "nightly"), (TWO, "")])
NUMBERS = st.integers(1, 12)
Member = tuple[tuple[str, str], int]
MEMBERS = st.sets(st.tuples(SOURCES, NUMBERS))


def set_of(members: set[Member]) -> MysqlGtidSet:
    intervals: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for source, number in members:
        intervals.setdefault(source, []).append((number, number))
    return MysqlGtidSet(intervals)


@given(MEMBERS, MEMBERS)
def test_the_operations_are_those_of_sets(one: set[Member], two: set[Member]) -> None:
    first, second = set_of(one), set_of(two)
    assert first | second == set_of(one | two)
    assert first - second == set_of(one - two)
    assert (first <= second) == (one <= two)
    assert bool(first) == bool(one)
    assert MysqlGtidSet.parse(str(first)) == first
    for (uuid, tag), number in two:
        gtid = ":".join(filter(None, (uuid, tag, str(number))))
        assert (gtid in first) == (((uuid, tag), number) in one)


def test_a_set_is_read_as_the_server_writes_it() -> None:
    text = f"{TWO}:1-5:8,\n{ONE.upper()}:1-3:nightly:2-4:7"
    assert str(MysqlGtidSet.parse(text)) == f"{TWO}:1-5:8,{ONE}:1-3:nightly:2-4:7"
    assert str(MysqlGtidSet.parse("")) == ""


@pytest.mark.parametrize(
    "text", ["1-2-3", ONE, f"{ONE}:", f"{ONE}:0-3", f"{ONE}:5-3", f"{ONE}:a b", "x:1", f"{ONE}:1-"]
)
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        MysqlGtidSet.parse(text)


def test_a_state_of_mariadb() -> None:
    state = MariadbGtidState.parse("1-2-7, 0-1-100")
    assert str(state) == "0-1-100,1-2-7"
    assert "0-9-100" in state
    assert "0-1-101" not in state
    assert "2-1-1" not in state
    assert str(state.advanced(0, 1, 101)) == "0-1-101,1-2-7"
    assert MariadbGtidState.parse(str(state)) == state
    for text in ("0-1", "a-b-c", ONE + ":1"):
        with pytest.raises(UsageError):
            MariadbGtidState.parse(text)
