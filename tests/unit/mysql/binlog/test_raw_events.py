# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events as the file holds them: what is taken so is what the iterator would have given, and nothing damaged is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.mysql.binlog import codes
from dbfleet.mysql.binlog.events import BinlogReader

from .samples import HEADER, Binlog

NOTHING: frozenset[int] = frozenset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    binlog = Binlog()
    for number in range(1, 9):
        binlog.gtid(number)
        binlog.query(b"INSERT INTO t VALUES (%d)" % number)
    (tmp_path / "binlog.000001").write_bytes(binlog.data)
    return tmp_path / "binlog.000001"


def begun(path: Path) -> BinlogReader:
    """A reader behind the format description."""
    reader = BinlogReader(io.BytesIO(path.read_bytes()), path.name)
    assert next(iter(reader)).header.type == codes.FORMAT_DESCRIPTION
    return reader


def test_they_are_the_bytes_of_the_file(path: Path) -> None:
    events = list(BinlogReader(io.BytesIO(path.read_bytes()), path.name))[1:]
    reader = begun(path)
    raw = reader.take_raw(path.stat().st_size, NOTHING)
    assert reader.position == path.stat().st_size
    assert b"".join(each.raw for each in raw) == path.read_bytes()[events[0].position :]
    assert [each.type for each in raw] == [event.header.type for event in events]
    assert list(reader) == []


def test_it_stops_where_it_shall(path: Path) -> None:
    events = list(BinlogReader(io.BytesIO(path.read_bytes()), path.name))[1:]
    reader = begun(path)
    assert len(reader.take_raw(events[3].position, NOTHING)) == 3
    assert [each.type for each in reader.take_raw(1 << 40, frozenset((codes.GTID,)))] == [codes.QUERY]
    assert list(reader) == events[4:]


@pytest.mark.parametrize("offset", [0, 4, 9, 13, HEADER.size, -1])
def test_what_is_damaged_is_left_to_who_says_so(path: Path, offset: int) -> None:
    events = list(BinlogReader(io.BytesIO(path.read_bytes()), path.name))[1:]
    data = bytearray(path.read_bytes())
    data[(events[5].position if offset >= 0 else events[5].next_position) + offset] ^= 0x55
    path.write_bytes(data)
    reader = begun(path)
    assert len(reader.take_raw(len(data), NOTHING)) == 5
    with pytest.raises(CorruptArtifactError):
        list(reader)


def test_an_event_that_is_cut_off_is_not_taken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    assert len(begun(path).take_raw(1 << 40, NOTHING)) == 15
