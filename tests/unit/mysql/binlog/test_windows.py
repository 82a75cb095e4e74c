# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be reached, and what may go: over any logs and backups, no kept backup loses a file of its chain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import ConsistencyError
from dbfleet.mysql.binlog.archive_record import Sealed
from dbfleet.mysql.binlog.chain import BackupPoint, Chain, chain_from
from dbfleet.mysql.binlog.coverage import ArchivedLog
from dbfleet.mysql.binlog.windows import removable
from dbfleet.repository.local import LocalStorage

STORAGE = LocalStorage("/nowhere")
UUIDS = ("3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562")
SIZE = 1000
SECONDS = 100


def gtids(last: int) -> str:
    """The transactions up to one; those of both servers are the first one's, as after a failover."""
    return f"{UUIDS[0]}:1-{last}" if last else ""


def log(server: int, first: int, counts: list[int], *, missing: int | None = None) -> ArchivedLog:
    """A log of files with so many transactions each, behind the first ones."""
    sealed = []
    last = first
    for index, count in enumerate(counts):
        number = index + 1
        if index != missing:
            sealed.append(
                Sealed(
                    file=f"binlog.{number:06}",
                    size=SIZE,
                    sha256="",
                    server={"uuid": UUIDS[server], "dbms": "mysql"},
                    created=0,
                    first_time=last * SECONDS,
                    last_time=(last + count) * SECONDS,
                    transactions=count,
                    gtids_before=gtids(last),
                    gtids_after=gtids(last + count),
                    next_file=f"binlog.{number + 1:06}",
                    ended_by="rotate",
                    made=last * SECONDS,
                )
            )
        last += count
    return ArchivedLog(f"shop/%binlogs/{UUIDS[server]}-20261122T000000Z", tuple(sealed), None, 0)


def point(server: int, file: int, last: int) -> BackupPoint:
    return BackupPoint(f"binlog.{file:06}", 500, gtids(last), "", UUIDS[server])


def chain(logs: list[ArchivedLog], of: BackupPoint) -> Chain | None:
    try:
        return chain_from(STORAGE, logs, of, reads=False)
    except ConsistencyError:
        return None


def test_a_chain_begins_where_the_backup_was_taken() -> None:
    found = chain([log(0, 0, [3, 3, 3])], point(0, 2, 4))
    assert found is not None
    assert [name for _log, name in found.steps] == ["binlog.000002", "binlog.000003"]
    assert (found.start_position, found.held, found.broken) == (500, "", "")
    assert found.gtids == gtids(9)


def test_a_chain_goes_on_with_the_server_that_took_over() -> None:
    found = chain([log(0, 0, [3, 3]), log(1, 2, [2, 4, 1])], point(0, 1, 2))
    assert found is not None
    names = [(folder[-53], name) for folder, name in found.steps]
    assert [name for _log, name in names] == [
        "binlog.000001",
        "binlog.000002",
        "binlog.000002",
        "binlog.000003",
    ]
    assert [file.is_first_of_server for file in found.files] == [False, False, True, False]
    assert [file.held for file in found.files] == ["", "", gtids(6), gtids(6)]


def test_a_backup_of_a_replica_begins_by_its_gtids() -> None:
    found = chain([log(0, 0, [3, 3, 3])], BackupPoint("other.000007", 4, gtids(4), "", "another"))
    assert found is not None
    assert (found.files[0].name, found.start_position, found.held) == ("binlog.000002", 0, gtids(4))


def test_a_gap_ends_a_chain_and_is_named() -> None:
    found = chain([log(0, 0, [3, 3, 3], missing=1)], point(0, 1, 2))
    assert found is not None
    assert len(found.files) == 1
    assert "binlog.000002 is missing behind binlog.000001" in found.broken


def test_without_gtids_another_server_is_not_taken_for_it() -> None:
    logs = [log(0, 0, [0, 0, 0])]
    assert chain(logs, BackupPoint("binlog.000001", 500, "", "", UUIDS[0])) is not None
    assert chain(logs, BackupPoint("binlog.000001", 500, "", "", UUIDS[1])) is None
    with pytest.raises(ConsistencyError, match="no archived binlog"):
        chain_from(STORAGE, logs, BackupPoint("binlog.000001", 500, "", "", ""), reads=False)


COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=7)


@given(
    first=COUNTS,
    second=st.none() | COUNTS,
    overlap=st.integers(0, 6),
    missing=st.none() | st.integers(0, 6),
    chosen=st.sets(st.integers(0, 13), max_size=5),
    keep=st.none() | st.integers(0, 3000),
)
def test_no_kept_backup_loses_anything(
    first: list[int],
    second: list[int] | None,
    overlap: int,
    missing: int | None,
    chosen: set[int],
    keep: int | None,
) -> None:
    logs = [log(0, 0, first, missing=missing)]
    if second is not None:
        logs.append(log(1, max(0, sum(first) - overlap), second))
    places = [
        BackupPoint(each.file, 500, each.gtids_after, "", dict(one.server)["uuid"])
        for one in logs
        for each in one.sealed
    ]
    points = [place for index, place in enumerate(places) if index in chosen]
    before = [chain(logs, each) for each in points]
    removed = removable(STORAGE, logs, points, keep_since=keep)
    # A job may be killed after any of them.
    for count in range(len(removed) + 1):
        gone = set(removed[:count])
        left = [
            ArchivedLog(one.folder, tuple(each for each in one.sealed if (one.folder, each.file) not in gone), None, 0)
            for one in logs
        ]
        assert [chain(left, each) for each in points] == before
    if not any(before):
        assert removed == []
    for one in logs:
        if one.sealed:
            assert (one.folder, one.sealed[-1].file) not in removed
    if keep is not None:
        times = {(one.folder, each.file): each.last_time for one in logs for each in one.sealed}
        assert all(times[each] < keep for each in removed)


def test_what_nobody_needs_goes() -> None:
    logs = [log(0, 0, [2, 2, 2, 2])]
    removed = removable(STORAGE, logs, [point(0, 3, 5)], keep_since=None)
    assert [name for _log, name in removed] == ["binlog.000001", "binlog.000002"]
    assert [name for _log, name in removable(STORAGE, logs, [point(0, 3, 5)], keep_since=300)] == ["binlog.000001"]
    assert removable(STORAGE, logs, [], keep_since=None) == []
