# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the transactions of a chain end for each kind of target, and whether the target was reached."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, UsageError
from dbfleet.mysql.binlog.binlog_file import StoredBinlog, StoredPart
from dbfleet.mysql.binlog.chain import BackupPoint, Chain
from dbfleet.mysql.binlog.target import Stop, Target, parse_moment, parse_position
from dbfleet.mysql.binlog.transactions import Transaction
from dbfleet.repository.local import LocalStorage

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
SECOND = 1_000_000
POINT = BackupPoint("binlog.000001", 100, f"{UUID}:1-4", "1970-01-01T00:00:10Z", UUID)
MARIADB = BackupPoint("binlog.000001", 100, "0-1-4,2-1-9", "1970-01-01T00:00:10Z", "")


def transaction(start: int, gtid: str, *, time: float = 0) -> Transaction:
    return Transaction(
        start=start,
        end=start + 50,
        gtid=gtid,
        server_id=1,
        time=int(time * SECOND),
        rows={},
        statements=(),
        statement_count=0,
        prepared=False,
        complete=True,
    )


#: Three in one file and two in the next; the clock goes back once.
TRANSACTIONS = (
    ("binlog.000001", transaction(100, f"{UUID}:5", time=20)),
    ("binlog.000001", transaction(150, f"{UUID}:6", time=21.5)),
    ("binlog.000001", transaction(200, f"{UUID}:7", time=21.25)),
    ("binlog.000002", transaction(100, f"{OTHER}:1", time=30)),
    ("binlog.000002", transaction(150, f"{UUID}:8", time=31)),
)
OF_MARIADB = [
    ("binlog.000001", transaction(100 + 50 * index, gtid))
    for index, gtid in enumerate(["0-1-5", "2-1-10", "0-2-6", "0-2-7", "2-1-11"])
]


def chain(*, end: int = 31, broken: str = "") -> Chain:
    storage = LocalStorage("/nowhere")
    files = tuple(
        StoredBinlog(f"binlog.00000{number}", storage, (StoredPart("x", 250, "", 0, ""),)) for number in (1, 2)
    )
    return Chain(files, 100, "", end, "", broken)


def applied(target: Target, point: BackupPoint = POINT, transactions: Any = TRANSACTIONS) -> int:
    """How many of the transactions are applied; whatever comes behind the first that is not is not either."""
    stop = Stop(target, point)
    count = next((index for index, (name, each) in enumerate(transactions) if stop(name, each)), len(transactions))
    stop.check_reached(chain())
    return count


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (Target(latest=True), 5),
        (Target(time=20 * SECOND), 0),
        (Target(time=20 * SECOND + 1), 1),
        # The third is older than this, but was committed behind one that is not.
        (Target(time=int(21.3 * SECOND)), 1),
        (Target(time=31 * SECOND), 4),
        (Target(position=("binlog.000001", 150)), 1),
        (Target(position=("binlog.000001", 199)), 1),
        (Target(position=("binlog.000001", 250)), 3),
        (Target(position=("binlog.000002", 100)), 3),
        (Target(position=("binlog.000002", 200)), 5),
        (Target(gtid=f"{UUID}:6"), 2),
        (Target(gtid=f"{UUID}:1-7"), 3),
        (Target(gtid=f"{UUID}:1-5,{OTHER}:1"), 4),
        (Target(gtid=f"{UUID}:1-4"), 0),
        (Target(gtid=f"{UUID.upper()}:8"), 5),
        (Target(before=f"{UUID}:7"), 2),
        (Target(before=f"{OTHER.upper()}:1"), 3),
    ],
)
def test_where_it_ends(target: Target, count: int) -> None:
    assert applied(target) == count


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (Target(gtid="0-1-5"), 1),
        (Target(gtid="0-2-6"), 3),
        (Target(gtid="0-2-7,2-1-10"), 4),
        (Target(gtid="2-1-11"), 5),
        (Target(before="0-2-7"), 3),
    ],
)
def test_where_it_ends_on_mariadb(target: Target, count: int) -> None:
    assert applied(target, MARIADB, OF_MARIADB) == count


@pytest.mark.parametrize(
    "target",
    [
        Target(time=32 * SECOND),
        Target(position=("binlog.000002", 300)),
        Target(position=("binlog.000003", 4)),
        Target(gtid=f"{UUID}:9"),
        Target(gtid=f"{OTHER}:1-2"),
        Target(before=f"{UUID}:99"),
    ],
)
def test_what_is_not_reached_is_an_error(target: Target) -> None:
    with pytest.raises(ConsistencyError, match="cannot be reached: the archive ends at binlog.000002:250"):
        applied(target)


def test_the_missing_ones_are_named() -> None:
    with pytest.raises(ConsistencyError, match=f"not archived: {UUID}:9-10"):
        applied(Target(gtid=f"{UUID}:1-10"))
    with pytest.raises(ConsistencyError, match="domain 0 up to 8"):
        applied(Target(gtid="0-1-8"), MARIADB, OF_MARIADB)


def test_a_quiet_time_is_reached_when_the_archiver_saw_that_nothing_came() -> None:
    stop = Stop(Target(time=100 * SECOND), POINT)
    with pytest.raises(ConsistencyError):
        stop.check_reached(chain(end=99))
    stop.check_reached(chain(end=100))


def test_a_gap_is_no_end() -> None:
    stop = Stop(Target(latest=True), POINT)
    with pytest.raises(ConsistencyError, match="there is a gap"):
        stop.check_reached(chain(broken="there is a gap"))


@pytest.mark.parametrize(
    ("target", "suits"),
    [
        (Target(latest=True), True),
        (Target(time=10 * SECOND), False),
        (Target(time=11 * SECOND - 1), False),
        (Target(time=11 * SECOND), True),
        (Target(position=("binlog.000001", 99)), False),
        (Target(position=("binlog.000001", 100)), True),
        (Target(position=("binlog.000002", 4)), True),
        (Target(gtid=f"{UUID}:3"), False),
        (Target(gtid=f"{UUID}:1-3"), False),
        (Target(gtid=f"{UUID}:1-4"), True),
        (Target(gtid=f"{UUID}:5"), True),
        (Target(before=f"{UUID}:4"), False),
        (Target(before=f"{UUID}:5"), True),
    ],
)
def test_which_backups_suit(target: Target, suits: bool) -> None:
    assert Stop(target, POINT).is_after(POINT) == suits


@pytest.mark.parametrize(
    ("target", "suits"),
    [
        (Target(gtid="0-1-3"), False),
        (Target(gtid="0-1-4"), False),
        (Target(gtid="0-1-4,2-1-9"), True),
        (Target(gtid="0-1-5"), True),
        (Target(before="2-1-9"), False),
        (Target(before="2-1-10"), True),
    ],
)
def test_which_backups_suit_on_mariadb(target: Target, suits: bool) -> None:
    assert Stop(target, MARIADB).is_after(MARIADB) == suits


def test_moments_and_places_are_read() -> None:
    assert parse_moment("1970-01-01T00:00:01.25Z") == 1_250_000
    assert parse_moment("1970-01-01 01:00+0100") == 0
    assert parse_position("mysql-bin.000042:1234") == ("mysql-bin.000042", 1234)
    for text in ("yesterday", "2026-13-01", "1970"):
        with pytest.raises(UsageError):
            parse_moment(text)
    for text in ("42", "binlog:5", "binlog.000001:", "../x.000001:5", "binlog.000001:-5"):
        with pytest.raises(UsageError):
            parse_position(text)
