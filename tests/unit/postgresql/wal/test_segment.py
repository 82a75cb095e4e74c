# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of segments, and whether a file is the segment that its name says."""

from __future__ import annotations

import io
import struct

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.wal.segment import (
    SegmentName,
    SegmentPages,
    check_header,
    check_segment,
    is_backup_history,
    is_history,
    is_partial,
    parse_segment,
    segment_at,
)

from .wal_support import MAGIC, PAGE, SIZE, SYSTEM, name_of, page, segment_bytes

NAME = name_of(4098)


def place(name: str = NAME) -> SegmentName:
    found = parse_segment(name)
    assert found is not None
    return found


def test_names_and_places() -> None:
    assert place("0000000200000001000000FF") == SegmentName(2, 1, 255)
    assert str(SegmentName(2, 1, 255)) == "0000000200000001000000FF"
    assert place("0000000200000001000000FF").start(16 << 20) == 0x1FF000000
    assert str(place("0000000200000001000000FF").next(16 << 20)) == "000000020000000200000000"
    assert segment_at(0x1FF000000 + 5, 2, 16 << 20) == SegmentName(2, 1, 255)
    assert str(segment_at(3 << 30, 1, 1 << 30).next(1 << 30)) == "000000010000000100000000"


@pytest.mark.parametrize(
    "name", ["", "0" * 24, NAME.lower() + "x", NAME + ".partial", NAME[:23], "../" + NAME, NAME + "\n"]
)
def test_what_is_no_name_of_a_segment(name: str) -> None:
    assert parse_segment(name) is None


def test_other_files() -> None:
    assert is_history("00000002.history")
    assert is_partial(NAME + ".partial")
    assert is_backup_history(NAME + ".00000028.backup")
    assert not is_history("2.history")
    assert not is_history("00000002.history\n")
    assert not is_backup_history(NAME + ".backup")


def test_a_whole_segment() -> None:
    header = check_segment(io.BytesIO(segment_bytes(NAME)), place(), name=NAME)
    assert (header.system_identifier, header.segment_size, header.version) == (SYSTEM, SIZE, 18)


def test_behind_a_switch_there_are_zeros() -> None:
    check_segment(io.BytesIO(segment_bytes(NAME, used=3 * PAGE)), place(), name=NAME)


def test_a_new_timeline_begins_with_pages_of_the_old_one() -> None:
    data = segment_bytes(NAME)
    start = place().start(SIZE)
    newer = data[: 5 * PAGE] + b"".join(page(start + n * PAGE, 2, first=False) for n in range(5, SIZE // PAGE))
    check_segment(io.BytesIO(newer), place("00000002" + NAME[8:]), name=NAME)
    with pytest.raises(CorruptArtifactError, match="wrong header at 40960"):
        check_segment(io.BytesIO(newer), place(), name=NAME)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "bytes"),
        (segment_bytes(NAME)[:39], "it has 39 bytes"),
        (bytes(SIZE), "begins with zeros"),
        (segment_bytes(NAME)[:-1], "it has 1048575 bytes and not 1048576"),
        (segment_bytes(NAME) + bytes(PAGE), "more than 1048576"),
        (segment_bytes(name_of(4099)), "its content is of the segment"),
        (segment_bytes("00000003" + NAME[8:]), "of timeline 3, its name of timeline 1"),
        (b"\x99\x99" + segment_bytes(NAME)[2:], "magic number 9999"),
        (struct.pack("<HH", MAGIC, 0) + segment_bytes(NAME)[4:], "one in the middle"),
        (segment_bytes(NAME, used=2 * PAGE)[: 4 * PAGE] + segment_bytes(NAME)[4 * PAGE :], "behind the end of the log"),
        (segment_bytes(NAME)[: 3 * PAGE] + b"\xff" * PAGE + segment_bytes(NAME)[4 * PAGE :], "wrong header at 24576"),
    ],
)
def test_what_is_no_whole_segment(data: bytes, cause: str) -> None:
    with pytest.raises(CorruptArtifactError, match=cause):
        check_segment(io.BytesIO(data), place(), name=NAME)


@pytest.mark.parametrize("size", [0, 3 << 20, 1 << 19, 1 << 31, 0xFFFFFFFF])
def test_a_size_that_no_segment_has(size: int) -> None:
    data = page(place().start(SIZE), 1, first=True, size=size)
    with pytest.raises(CorruptArtifactError, match="tells of segments of"):
        check_header(data, place(), name=NAME)


def test_a_partial_segment_ends_where_the_old_content_begins() -> None:
    old = segment_bytes(name_of(7))
    data = segment_bytes(NAME)[: 6 * PAGE] + old[6 * PAGE :]
    check_segment(io.BytesIO(data), place(), name=NAME, partial=True)


def test_pieces_of_any_size() -> None:
    data = segment_bytes(NAME)
    pages = SegmentPages(place(), name=NAME)
    for start in range(0, SIZE, 10_007):
        pages.feed(data[start : start + 10_007])
    assert pages.finish().segment_size == SIZE
