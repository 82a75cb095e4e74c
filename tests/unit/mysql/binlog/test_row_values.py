# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import random
import struct
import time
import tracemalloc
import zlib

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.mysql.binlog import codes, table_map
from dbfleet.mysql.binlog.events import BinlogReader
from dbfleet.mysql.binlog.flashback_spool import ReverseSpool
from dbfleet.mysql.binlog.json_values import json_expression, json_text, parse_json
from dbfleet.mysql.binlog.row_image import NOT_LOGGED, RowChange, RowDecoder
from dbfleet.mysql.binlog.row_reader import RowReader
from dbfleet.mysql.binlog.row_text import plain_value, value_text
from dbfleet.mysql.binlog.row_values import Value, decoder_of
from dbfleet.mysql.binlog.rows import RowsHead
from dbfleet.mysql.binlog.table_details import ColumnDetails, TableDetails, parse_table_details
from dbfleet.mysql.binlog.table_map import Column, TableMap

from .samples import Binlog

TYPES = [kind for kind in range(256) if kind not in (table_map.DECIMAL, table_map.TYPED_ARRAY)]


def value(kind: int, data: bytes, metadata: bytes = b"", **details: object) -> Value:
    decode = decoder_of(Column(kind, metadata), ColumnDetails("c", **details), "a row")  # type: ignore[arg-type]
    found, end = decode(b"??" + data + b"??", 2)
    assert end == 2 + len(data)
    return found


@pytest.mark.parametrize(
    ("kind", "metadata", "data", "shown"),
    [
        (table_map.TINY, "", "ff", -1),
        (table_map.INT24, "", "ffff7f", 8388607),
        (table_map.FLOAT, "04", "000080bf", -1.0),
        (table_map.NEWDECIMAL, "0402", "8c22", "12.34"),
        (table_map.NEWDECIMAL, "0402", "73dd", "-12.34"),
        (table_map.NEWDECIMAL, "0202", "80", "0.00"),
        (table_map.BIT, "0501", "1001", 0x1001),
        (table_map.YEAR, "", "00", "0000"),
        (table_map.YEAR, "", "78", "2020"),
        (table_map.DATE, "", "5ac80f", "2020-02-26"),
        (table_map.TIME2, "00", "800000", "00:00:00"),
        (table_map.TIME2, "01", "7fffffce", "-00:00:00.5"),
        (table_map.TIME2, "06", "7ffffff85ee0", "-00:00:00.500000"),
        (table_map.TIME, "", "e117fe", "-12:49:59"),
        (table_map.DATETIME2, "03", "8000000000" + "0000", "0000-00-00 00:00:00.000"),
        (table_map.TIMESTAMP2, "00", "7fffffff", "2038-01-19 03:14:07"),
        (table_map.TIMESTAMP2, "06", "00000000000000", "0000-00-00 00:00:00.000000"),
        (table_map.TIMESTAMP, "", "ffffffff", "2106-02-07 06:28:15"),
        (table_map.VARCHAR, "ff00", "0161", b"a"),
        (table_map.VARCHAR, "0001", "010061", b"a"),
        (table_map.STRING, "fe05", "0161", b"a"),
        (table_map.STRING, "ee05", "010061", b"a"),
        (table_map.STRING, "f701", "02", 2),
        (table_map.STRING, "f802", "0300", 3),
        (table_map.BLOB, "02", "010061", b"a"),
        (table_map.BLOB_COMPRESSED, "02", "020000" + "61", b"a"),
        (table_map.BLOB_COMPRESSED, "02", "0000", b""),
    ],
)
def test_values(kind: int, metadata: str, data: str, shown: object) -> None:
    assert value(kind, bytes.fromhex(data), bytes.fromhex(metadata)) == shown


def test_values_that_the_details_decide() -> None:
    assert value(table_map.LONGLONG, b"\xff" * 8, unsigned=True) == 2**64 - 1
    assert value(table_map.STRING, b"\1a", b"\xfe\5", character_set="binary") == b"a\0\0\0\0"
    for wrapped in (True, False):
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        packed = bytes([0x82 if wrapped else 0x8A]) + (1000).to_bytes(2, "big")
        packed += packer.compress(b"x" * 1000) + packer.flush()
        data = len(packed).to_bytes(2, "little") + packed
        assert value(table_map.VARCHAR_COMPRESSED, data, b"\xe8\3") == b"x" * 1000


def test_values_for_people() -> None:
    tiny, blob = Column(table_map.TINY, b""), Column(table_map.BLOB, b"\2")
    choice, several = Column(table_map.STRING, b"\xf7\1"), Column(table_map.STRING, b"\xf8\1")
    unknown, labels = ColumnDetails("@1"), ColumnDetails("c", labels=("a", "b"))
    shown = [
        (plain_value(-1, tiny, unknown), {"signed": -1, "unsigned": 255}, "-1 (255)"),
        (plain_value(-1, tiny, ColumnDetails("c", unsigned=False)), -1, "-1"),
        (plain_value(b"a\xff", blob, unknown), {"hex": "61ff"}, "0x61ff"),
        (plain_value(b"a\0", blob, unknown), {"hex": "6100"}, "0x6100"),
        (plain_value(b"a\0", blob, ColumnDetails("c", character_set="utf8mb4")), "a\0", '"a\\u0000"'),
        (plain_value(b"\xe9", blob, ColumnDetails("c", character_set="latin1")), "é", '"é"'),
        (plain_value(b"\xe9", blob, ColumnDetails("c", character_set="binary")), {"hex": "e9"}, "0xe9"),
        (plain_value(2, choice, labels), "b", '"b"'),
        (plain_value(0, choice, labels), 0, "0"),
        (plain_value(3, several, labels), "a,b", '"a,b"'),
        (plain_value(3, several, unknown), 3, "3"),
        (plain_value(None, tiny, unknown), None, "NULL"),
        (plain_value(NOT_LOGGED, tiny, unknown), {"absent": "not logged"}, "(not logged)"),
    ]
    for plain, data, text in shown:
        assert plain == data
        assert value_text(plain) == text


def small_array(*values: bytes) -> bytes:
    """A JSON array of values, each its type and its inlined two bytes."""
    body = struct.pack("<HH", len(values), 4 + 3 * len(values)) + b"".join(values)
    return b"\2" + body


def test_json() -> None:
    document = small_array(b"\4\0\0", b"\4\1\0", b"\5\xff\xff")
    assert json_text(parse_json(document)) == "[null, true, -1]"
    assert json_text(parse_json(b"")) == "null"
    doubles = {1e15: "1e15", 1e14: "100000000000000.0", -0.0: "-0.0", 1.5e-16: "1.5e-16", 0.1: "0.1", 12.5: "12.5"}
    for number, text in doubles.items():
        assert json_text(parse_json(b"\x0b" + struct.pack("<d", number))) == text
    date = b"\x0f\x0a\x08" + (((2020 * 13 + 1) << 5 | 2) << 41).to_bytes(8, "little")
    assert json_text(parse_json(date)) == '"2020-01-02"'
    assert json_expression(parse_json(date)) == "CAST(CAST('2020-01-02' AS DATE) AS JSON)"


def test_json_that_points_at_itself_or_at_the_same_again_ends() -> None:
    itself = b"\2" + struct.pack("<HH", 1, 7) + b"\2\0\0"
    with pytest.raises(ValueError, match="holds itself"):
        parse_json(itself)
    # Each array points twice at the next: 2**60 values, if that were followed.
    parts = b""
    for level in range(60):
        size = (59 - level) * 10 + 10
        parts += struct.pack("<HH", 2, size) + (b"\2\x0a\0" if level < 59 else b"\4\0\0") * 2
    began = time.monotonic()
    with pytest.raises(ValueError, match="overlap"):
        parse_json(b"\2" + parts)
    assert time.monotonic() - began < 60


def test_garbage_is_an_error_or_a_value_and_costs_little() -> None:
    rnd = random.Random(20261122)
    tracemalloc.start()
    began = time.monotonic()
    for _round in range(5000):
        count = rnd.randrange(1, 6)
        columns = tuple(
            Column(kind, rnd.randbytes(table_map._metadata_size(kind))) for kind in rnd.choices(TYPES, k=count)
        )
        table = TableMap(1, "d", "t", columns, rnd.randbytes(rnd.randrange(30)))
        event = rnd.choice([codes.WRITE_ROWS, codes.UPDATE_ROWS, codes.DELETE_ROWS, codes.PARTIAL_UPDATE_ROWS])
        images = 2 if event in codes.UPDATES else 1
        present = tuple(tuple(rnd.random() < 0.9 for _each in columns) for _image in range(images))
        try:
            details = parse_table_details(table, "x")
        except CorruptArtifactError:
            details = TableDetails(tuple(ColumnDetails(f"@{number}") for number in range(count)))
        with contextlib.suppress(CorruptArtifactError):
            decoder = RowDecoder(table, details, "x")
            for change in decoder.changes(event, RowsHead(1, 1, present, rnd.randbytes(rnd.randrange(80))), "x"):
                assert isinstance(change, RowChange)
    for _round in range(5000):
        data = bytes([rnd.randrange(16)]) + rnd.randbytes(rnd.randrange(60))
        try:
            json_text(parse_json(data))
        except (ValueError, IndexError, struct.error):
            continue
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
    assert time.monotonic() - began < 120


def test_rows_of_chosen_stretches_are_read_in_one_pass() -> None:
    log = Binlog()
    places = []
    for number in (1, 2, 3):
        start = log.gtid(number)
        log.query(b"BEGIN")
        log.table_map()
        log.rows(codes.WRITE_ROWS, b"\0" + number.to_bytes(4, "little"))
        log.xid()
        places.append((start, len(log.data)))
    reader = RowReader(BinlogReader(io.BytesIO(log.data), "x"), "x")
    for number in (1, 3):
        rows = [change.after for event in reader.between(*places[number - 1]) for change in event.changes()]
        assert rows == [(number,)]


def test_the_spool_gives_back_what_was_kept_in_reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbfleet.mysql.binlog.flashback_spool._BLOCK", 100)
    rnd = random.Random(1)
    records = [(rnd.randrange(2**32), rnd.randbytes(rnd.choice([0, 1, 50, 300]))) for _each in range(500)]
    with ReverseSpool() as spool:
        assert list(spool.reversed()) == []
        for number, data in records:
            spool.append(number, data)
        assert list(spool.reversed()) == records[::-1]
        assert list(spool.reversed()) == records[::-1]
