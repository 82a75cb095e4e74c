# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import array
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.streams.base import Buffer, read_exactly
from dbfleet.streams.digest import (
    DigestSink,
    DigestSource,
    PartsDigestSource,
    StoredDigestSink,
    combined_digest,
    digest_of,
)


class Inner:
    def __init__(self) -> None:
        self.data = bytearray()
        self.calls: list[str] = []

    def write(self, data: Buffer) -> None:
        self.data += data

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")


@given(st.lists(st.binary(max_size=100)))
def test_a_sink_counts_and_digests_what_passes(pieces: list[bytes]) -> None:
    inner = Inner()
    sink = DigestSink(inner)
    for index, piece in enumerate(pieces):
        sink.write((piece, bytearray(piece), memoryview(piece))[index % 3])
    whole = b"".join(pieces)
    assert (bytes(inner.data), sink.size, sink.hexdigest()) == (whole, len(whole), hashlib.sha256(whole).hexdigest())


def test_size_is_in_bytes_whatever_the_items() -> None:
    inner = Inner()
    sink = DigestSink(inner)
    sink.write(memoryview(array.array("I", [1, 2, 3])))
    assert sink.size == 12


def test_close_and_abort_reach_the_sink_below() -> None:
    inner = Inner()
    DigestSink(inner).close()
    DigestSink(inner).abort()
    assert inner.calls == ["close", "abort"]


@given(st.binary(max_size=1000), st.integers(1, 300))
def test_a_source_counts_and_digests_what_passes(data: bytes, size: int) -> None:
    source = DigestSource(io.BytesIO(data))
    parts = []
    while part := source.read(size):
        parts.append(part)
    source.close()
    assert (b"".join(parts), source.size) == (data, len(data))
    assert source.hexdigest() == hashlib.sha256(data).hexdigest()
    assert digest_of(io.BytesIO(data)) == (hashlib.sha256(data).hexdigest(), len(data))


@given(st.binary(max_size=200), st.integers(0, 250), st.integers(1, 30))
def test_read_exactly_collects_short_reads(data: bytes, size: int, most: int) -> None:
    class Short(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, most))

    assert read_exactly(Short(data), size) == data[:size]


@given(parts=st.lists(st.binary(max_size=50), min_size=1, max_size=8), size=st.integers(1, 60))
def test_a_stream_in_parts_has_the_digest_of_its_parts(parts: list[bytes], size: int) -> None:
    expected = combined_digest(hashlib.sha256(part).hexdigest() for part in parts)
    source = PartsDigestSource(io.BytesIO(b"".join(parts)), [len(part) for part in parts])
    while source.read(size):
        pass
    assert (source.hexdigest(), source.size) == (expected, sum(map(len, parts)))


@pytest.mark.parametrize("content", [b"abcdeX", b"abcde", b"abcdefg", b"", b"abcde" * 3])
def test_another_stream_in_parts_has_another_digest(content: bytes) -> None:
    expected = combined_digest(hashlib.sha256(part).hexdigest() for part in (b"abc", b"def"))
    source = PartsDigestSource(io.BytesIO(content), [3, 3])
    while source.read(4):
        pass
    assert source.hexdigest() != expected


class Digesting(Inner):
    def digest_so_far(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@given(st.lists(st.binary(max_size=100)), st.binary(max_size=5))
def test_the_digest_of_a_file_is_taken_before_its_end_is_written(pieces: list[bytes], end: bytes) -> None:
    file = Digesting()
    sink = StoredDigestSink(file, end)
    for index, piece in enumerate(pieces):
        sink.write((piece, bytearray(piece), memoryview(piece))[index % 3])
    sink.close()
    whole = b"".join(pieces)
    assert (bytes(file.data), file.calls) == (whole + end, ["close"])
    assert (sink.size, sink.hexdigest()) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_a_file_that_is_given_up_gets_no_end() -> None:
    file = Digesting()
    sink = StoredDigestSink(file, b"end")
    sink.write(b"rows")
    sink.abort()
    assert (bytes(file.data), file.calls) == (b"rows", ["abort"])
