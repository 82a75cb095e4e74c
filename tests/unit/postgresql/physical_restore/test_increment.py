# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.physical_restore.increment import MAGIC, IncrementReader, whole_name

SIZE = 8192


def increment(blocks: dict[int, bytes], truncation: int) -> bytes:
    head = struct.pack(f"<III{len(blocks)}I", MAGIC, len(blocks), truncation, *blocks)
    return head + bytes(-len(head) % SIZE if blocks else 0) + b"".join(blocks.values())


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 8192, 1 << 20])
def test_reads_blocks_out_of_pieces_of_any_size(size: int) -> None:
    blocks = {5: b"a" * SIZE, 2: b"b" * SIZE}
    reader = IncrementReader(pieces(increment(blocks, 4), size), SIZE, 131072, name="x")
    assert (reader.head.blocks, reader.head.truncation, reader.head.size(SIZE)) == ((5, 2), 4, 6 * SIZE)
    assert list(reader.blocks()) == [(5 * SIZE, b"a" * SIZE), (2 * SIZE, b"b" * SIZE)]


def test_knows_a_file_of_which_nothing_changed_but_its_length() -> None:
    reader = IncrementReader(pieces(increment({}, 3), 100), SIZE, 131072, name="x")
    assert (list(reader.blocks()), reader.head.size(SIZE)) == ([], 3 * SIZE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<III", MAGIC + 1, 0, 0),
        struct.pack("<III", MAGIC, 131073, 0),
        struct.pack("<III", MAGIC, 0, 131073),
        struct.pack("<IIII", MAGIC, 1, 1, 131072),
        struct.pack("<IIIII", MAGIC, 2, 1, 3, 3),
        increment({1: b"a" * SIZE}, 1)[:-1],
        increment({1: b"a" * SIZE}, 1) + b"x",
    ],
)
def test_refuses_what_is_no_increment(data: bytes) -> None:
    with pytest.raises(CorruptArtifactError):
        list(IncrementReader(pieces(data, 1000), SIZE, 131072, name="x").blocks())


def test_names() -> None:
    assert whole_name("base/5/INCREMENTAL.16384.1") == "base/5/16384.1"
    assert whole_name("INCREMENTAL.x") == "x"
    assert whole_name("base/5/16384") == whole_name("base/INCREMENTAL./1") == whole_name("INCREMENTAL.") == ""
