# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large files past the system's cache: the same bytes as without, whatever the pieces, and the same errors."""

from __future__ import annotations

import os
import random
import resource
from pathlib import Path

import pytest

from dbfleet.errors import StorageError
from dbfleet.streams import direct_writer
from dbfleet.streams.direct_writer import PIECE, DirectWriter, write_directly
from dbfleet.streams.file import FileSink


def _sizes(total: int) -> list[int]:
    chosen, sizes = random.Random(total), []
    while total:
        sizes.append(min(total, chosen.choice([1, 511, 4096, 70_001, 1 << 20, 3 * PIECE + 17])))
        total -= sizes[-1]
    return sizes


@pytest.mark.parametrize("size", [0, 5, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 4 * PIECE + 123_457])
@pytest.mark.parametrize("refuses", ["nothing", "the flag"])
def test_a_file_is_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, refuses: str) -> None:
    if refuses == "the flag":
        monkeypatch.setattr(direct_writer, "_DIRECT", 0)
    content = random.Random(size).randbytes(size)
    sink = FileSink(str(tmp_path / "file"), large=True)
    position = 0
    for piece in _sizes(size):
        sink.write(memoryview(content)[position : position + piece])
        position += piece
    sink.close()
    assert sink.size == size
    assert (tmp_path / "file").read_bytes() == content


def test_what_was_written_can_be_patched(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "file"), large=True)
    sink.write(bytes(2 * PIECE + 3))
    sink.patch(2 * PIECE, b"abc")
    sink.write(b"d")
    sink.close()
    assert (tmp_path / "file").read_bytes() == bytes(2 * PIECE) + b"abcd"


def test_a_write_that_begins_at_no_block_is_made_through_the_cache(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    try:
        # Where it is refused at once, all of it goes through the cache.
        write_directly(descriptor)
        os.lseek(descriptor, 3, os.SEEK_SET)
        writer = DirectWriter(descriptor)
        writer.write(b"x" * (2 * PIECE + 1))
        writer.finish()
    finally:
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == bytes(3) + b"x" * (2 * PIECE + 1)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_an_error_of_the_disk_is_one_of_the_file(tmp_path: Path, end: str) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = FileSink(str(tmp_path / "file"), large=True)
    sink.write(bytes(PIECE + 1))
    # Python ignores SIGXFSZ, so that the write itself fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PIECE, limit[1]))
    try:
        if end == "abort":
            sink.write(bytes(PIECE))
            sink.abort()
            return
        with pytest.raises(StorageError, match="cannot write .*file: File too large"):
            for _number in range(4):
                sink.write(bytes(PIECE))
        sink.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
