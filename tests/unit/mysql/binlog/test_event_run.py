# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events out of packets, many at a time: what is learnt of them is what one at a time would tell."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.mysql.binlog import codes
from dbfleet.mysql.binlog.event_run import take_run
from dbfleet.mysql.binlog.events import HEADER
from dbfleet.mysql.binlog.file_facts import FactsRecord, FileFacts, scan

from .samples import UUID, Binlog

NAME = "binlog.000001"


def events_of(data: bytes) -> list[bytes]:
    found, at = [], len(codes.MAGIC)
    while at < len(data):
        size = HEADER.unpack_from(data, at)[3]
        found.append(data[at : at + size])
        at += size
    return found


def packets(events: list[bytes]) -> bytearray:
    return bytearray(
        b"".join(
            (len(event) + 1).to_bytes(3, "little") + bytes([at % 256, 0]) + event for at, event in enumerate(events)
        )
    )


def facts_of(log: Binlog, folder: Path) -> FileFacts:
    path = folder / NAME
    path.write_bytes(log.data)
    return scan(str(path), NAME)[0]


def fill(log: Binlog, numbers: list[int]) -> None:
    for number in numbers:
        log.gtid(number)
        log.query(b"INSERT INTO t VALUES (1)")
        log.xid()
    for number in numbers:
        log.event(codes.MARIADB_GTID, struct.pack("<QIB", number, 7, 0) + bytes(6))
        log.event(codes.ANONYMOUS_GTID, bytes(42))


@pytest.mark.parametrize("checksums", [True, False])
@given(numbers=st.lists(st.integers(1, 20), max_size=12))
def test_the_same_is_learnt(checksums: bool, numbers: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = Binlog(checksums=checksums)
    facts = facts_of(log, folder)
    begin = len(log.data)
    fill(log, numbers)
    data = packets(events_of(log.data)[1:])
    run = take_run(memoryview(data), 0, len(data), begin, facts)
    assert b"".join(run.pieces) == log.data[begin:]
    assert (run.size, run.behind) == (len(log.data) - begin, len(data))
    assert facts.record() == facts_of(log, folder).record()


@pytest.mark.parametrize("kind", [codes.ROTATE, codes.STOP, codes.HEARTBEAT, codes.GTID_TAGGED, codes.GTID_LIST])
def test_what_says_something_of_the_file_is_left(kind: int, tmp_path: Path) -> None:
    log = Binlog()
    facts = facts_of(log, tmp_path)
    begin = len(log.data)
    log.xid()
    log.event(kind, bytes(40))
    log.xid()
    first, *rest = events_of(log.data)[1:]
    data = packets([first, *rest])
    run = take_run(memoryview(data), 0, len(data), begin, facts)
    assert (run.size, run.behind) == (len(first), len(first) + 5)


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    log = Binlog()
    facts = facts_of(log, tmp_path)
    before: FactsRecord = facts.record()
    begin = len(log.data)
    log.query(b"UPDATE t SET a = 1")
    (event,) = events_of(log.data)[1:]
    for at in range(len(event) + 5):
        # The number of a packet means nothing.
        if at != 3:
            data = packets([event, event])
            data[at] ^= 0x41
            assert take_run(memoryview(data), 0, len(event) + 5, begin, facts).size == 0, at
    assert facts.record() == before
    # Right by itself, but not in this place.
    data = packets([event])
    assert take_run(memoryview(data), 0, len(data), begin + 1, facts).size == 0


def test_what_is_not_whole_waits(tmp_path: Path) -> None:
    log = Binlog()
    facts = facts_of(log, tmp_path)
    begin = len(log.data)
    number = log.gtid(1)
    log.xid()
    gtid, xid = events_of(log.data)[1:]
    data = packets([gtid, xid])
    for end in range(len(data)):
        fresh = FileFacts.of(facts.record())
        run = take_run(memoryview(data), 0, end, begin, fresh)
        assert run.behind == (len(gtid) + 5 if end >= len(gtid) + 5 else 0)
        assert fresh.transactions == bool(run.size)
    assert number == begin
    assert UUID in gtid
