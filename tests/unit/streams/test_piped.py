# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import zlib

import pytest

from dbfleet.errors import CorruptArtifactError, StorageError
from dbfleet.streams.base import ByteSource
from dbfleet.streams.compression import decompress_source
from dbfleet.streams.piped import PipedSink


def test_what_is_written_is_read() -> None:
    taken: list[bytes] = []

    def consume(source: ByteSource) -> None:
        plain = decompress_source(source, "gzip")
        while True:
            piece = plain.read(1000)
            if not piece:
                break
            taken.append(piece)

    content = bytes(range(256)) * 5000
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    data = packer.compress(content) + packer.flush()
    sink = PipedSink(consume, depth=2)
    for start in range(0, len(data), 700):
        sink.write(memoryview(data)[start : start + 700])
    sink.write(b"")
    sink.close()
    assert b"".join(taken) == content
    with pytest.raises(StorageError):
        sink.write(b"more")


def test_what_the_reader_raises_ends_the_writer() -> None:
    def consume(source: ByteSource) -> None:
        source.read(10)
        raise CorruptArtifactError("bad")

    sink = PipedSink(consume, depth=1)
    with pytest.raises(CorruptArtifactError, match="bad"):
        for _number in range(1000):
            sink.write(b"x" * 100)
    with pytest.raises(CorruptArtifactError):
        sink.close()


def test_abort_ends_the_thread() -> None:
    before = threading.active_count()
    sink = PipedSink(_read_all)
    sink.write(b"x")
    sink.abort()
    sink.abort()
    assert threading.active_count() == before


def _read_all(source: ByteSource) -> None:
    while source.read(100):
        continue
