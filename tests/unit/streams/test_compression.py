# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import io
import random
import subprocess
import sys
import weakref
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet import drivers
from dbfleet.errors import CorruptArtifactError, DriverMissingError, StorageError, UsageError
from dbfleet.streams.base import Buffer
from dbfleet.streams.compression import (
    OUTPUT_LIMIT,
    Compression,
    CompressSink,
    DecompressSource,
    compress_sink,
    compressor,
    decompress_source,
    detect_method,
)
from dbfleet.streams.digest import digest_of

ALL_LEVELS = [
    *(f"gzip:{level}" for level in range(1, 10)),
    *(f"lz4:{level}" for level in range(13)),
    *(f"zstd:{level}" for level in range(1, 20)),
]
FAST_LEVELS = ["gzip:1", "gzip:6", "gzip:9", "lz4", "lz4:9", "zstd:1", "zstd:3"]
FORMATS = [("gzip:1", "gzip"), ("gzip:9", "gzip"), ("gzip:6", "zlib"), ("lz4", "gzip"), ("zstd:3", "gzip")]
SAMPLE = b"1\tAda\t\\N\n2\tGrace\t1906-12-09\n" * 30 + random.Random(7).randbytes(60)


class Collected:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = False
        self.aborted = False

    def write(self, data: Buffer) -> None:
        self.data += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


class Source:
    """A source that gives at most ``most`` bytes at a time, as a network would."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self._file = io.BytesIO(data)
        self._most = most
        self.closed = False

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._most))

    def close(self) -> None:
        self.closed = True


def compress(data: bytes, spec: str, container: str = "gzip") -> bytes:
    sink = Collected()
    stream = CompressSink(sink, Compression.parse(spec), container=container)
    stream.write(data)
    stream.close()
    assert sink.closed
    return bytes(sink.data)


def decompress(data: bytes, spec: str, container: str = "gzip", *, size: int = 1 << 16, most: int = 1 << 30) -> bytes:
    source = DecompressSource(Source(data, most), Compression.parse(spec).method, container=container)
    parts = []
    while part := source.read(size):
        assert len(part) <= size
        parts.append(part)
    assert source.read(size) == b"", "the end stays the end"
    return b"".join(parts)


@pytest.fixture(params=["with isal", "without isal"])
def either_zlib(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without isal":
        monkeypatch.setattr(drivers, "isal_zlib", lambda: None)


@pytest.mark.parametrize(
    ("text", "method", "level"),
    [
        ("none", "none", 0),
        ("none:0", "none", 0),
        ("gzip", "gzip", 6),
        ("gzip:1", "gzip", 1),
        ("lz4", "lz4", 0),
        ("lz4:12", "lz4", 12),
        ("zstd", "zstd", 3),
        ("zstd:22", "zstd", 22),
    ],
)
def test_specifications_are_read(text: str, method: str, level: int) -> None:
    assert Compression.parse(text) == Compression(method, level)
    assert Compression.parse(str(Compression(method, level))) == Compression(method, level)


@pytest.mark.parametrize(
    "text",
    [
        *("", "gz", "GZIP", "bzip2", "none:1", "lz4:13", "zstd:23", "zstd:3:4", "zstd:1.5"),
        *("gzip:", "gzip:0", "gzip:10", "gzip:-1", "gzip:6 ", "gzip:²", "gzip:٣"),
    ],
)
def test_wrong_specifications_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Compression.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("spec", ALL_LEVELS)
@pytest.mark.usefixtures("either_zlib")
def test_every_level_gives_back_what_it_got(spec: str) -> None:
    assert decompress(compress(SAMPLE, spec), spec) == SAMPLE


def test_the_largest_zstd_window_is_read() -> None:
    assert decompress(compress(SAMPLE, "zstd:22"), "zstd") == SAMPLE


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.usefixtures("either_zlib")
def test_zlib_streams_of_custom_archives(level: int) -> None:
    stored = compress(SAMPLE, f"gzip:{level}", "zlib")
    assert zlib.decompress(stored) == SAMPLE
    assert decompress(stored, "gzip", "zlib") == SAMPLE


@given(
    st.lists(st.binary(max_size=2000), max_size=6),
    st.sampled_from(FAST_LEVELS),
    st.integers(1, 5000),
    st.integers(1, 300),
)
def test_round_trip_in_any_pieces(pieces: list[bytes], spec: str, size: int, most: int) -> None:
    sink = Collected()
    stream = CompressSink(sink, Compression.parse(spec))
    for index, piece in enumerate(pieces):
        stream.write((piece, bytearray(piece), memoryview(piece))[index % 3])
    stream.close()
    assert decompress(bytes(sink.data), spec, size=size, most=most) == b"".join(pieces)


@pytest.mark.parametrize("spec", FAST_LEVELS)
@pytest.mark.usefixtures("either_zlib")
def test_several_members_are_one_stream(spec: str) -> None:
    stored = compress(SAMPLE, spec) + compress(b"", spec) + compress(b"end", spec)
    assert decompress(stored, spec) == SAMPLE + b"end"
    assert decompress(stored, spec, size=1, most=1) == SAMPLE + b"end"


@pytest.mark.parametrize("spec", FAST_LEVELS)
def test_an_empty_stream_is_not_an_empty_file(spec: str) -> None:
    assert compress(b"", spec), "even nothing has a header"
    assert decompress(compress(b"", spec), spec) == b""
    with pytest.raises(CorruptArtifactError, match="it is empty"):
        decompress(b"", spec)


@pytest.mark.parametrize(("spec", "container"), FORMATS)
@pytest.mark.usefixtures("either_zlib")
def test_every_truncation_is_found(spec: str, container: str) -> None:
    stored = compress(SAMPLE, spec, container)
    for size in range(len(stored)):
        with pytest.raises(CorruptArtifactError, match="cannot decompress"):
            decompress(stored[:size], spec, container)


@pytest.mark.parametrize(("spec", "container"), FORMATS)
@pytest.mark.usefixtures("either_zlib")
def test_no_flipped_bit_gives_other_content(spec: str, container: str) -> None:
    """A bit of a header that says nothing of the content may go unnoticed here; the manifest's checksum sees it."""
    stored = compress(SAMPLE, spec, container)
    found = 0
    for position in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[position // 8] ^= 1 << position % 8
        try:
            assert decompress(bytes(damaged), spec, container) == SAMPLE, f"bit {position}"
        except CorruptArtifactError:
            found += 1
    assert found > len(stored) * 7


@pytest.mark.parametrize("spec", FAST_LEVELS)
def test_garbage_behind_the_end_is_found(spec: str) -> None:
    with pytest.raises(CorruptArtifactError):
        decompress(compress(SAMPLE, spec) + b"garbage", spec)


@pytest.mark.parametrize("spec", ["gzip", "lz4", "zstd"])
def test_a_damaged_stream_stays_damaged(spec: str) -> None:
    """A second read after the error must not look like the end of the stream."""
    source = DecompressSource(Source(compress(SAMPLE, spec)[:-3]), Compression.parse(spec).method)
    for _attempt in range(3):
        with pytest.raises(CorruptArtifactError):
            digest_of(source)


@pytest.mark.parametrize("method", ["gzip", "lz4", "zstd"])
def test_another_format_is_an_error(method: str) -> None:
    others = [compress(SAMPLE, spec) for spec in ("gzip", "lz4", "zstd") if spec != method]
    for stored in [*others, b"\0" * 1000, b"plain text\n"]:
        with pytest.raises(CorruptArtifactError):
            decompress(stored, method)


def test_errors_name_the_file() -> None:
    source = DecompressSource(Source(b"nothing of the kind"), "gzip", name="3041.dat.gz")
    with pytest.raises(CorruptArtifactError, match=r"3041\.dat\.gz") as caught:
        source.read(10)
    assert caught.value.context["path"] == "3041.dat.gz"


BOMB = """
import resource, sys
from dbfleet.streams.compression import Compression, DecompressSource, compressor
spec, size = sys.argv[1], int(sys.argv[2])
made = compressor(Compression.parse(spec))
stored = b"".join([made.compress(bytes(1 << 20)) for _ in range(size >> 20)] + [made.flush()])

class Source:
    def __init__(self): self.position = 0
    def read(self, size):
        piece = stored[self.position : self.position + size]
        self.position += size
        return piece
    def close(self): pass

source = DecompressSource(Source(), Compression.parse(spec).method)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = largest = 0
while piece := source.read(1 << 30):
    total += len(piece)
    largest = max(largest, len(piece))
print(total, largest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("spec", ["gzip:6", "gzip:9", "lz4", "zstd"])
def test_a_bomb_stays_small_in_memory(spec: str) -> None:
    """The peak of a process of its own, because the libraries' buffers are invisible to tracemalloc."""
    size = 128 << 20
    done = subprocess.run([sys.executable, "-c", BOMB, spec, str(size)], capture_output=True, text=True, check=True)
    total, largest, grown_kib = map(int, done.stdout.split())
    assert total == size
    assert largest <= OUTPUT_LIMIT
    assert grown_kib < 16 << 10


@pytest.mark.parametrize(
    ("spec", "program"), [("gzip:6", "gzip"), ("gzip:9", "gzip"), ("lz4", "lz4"), ("lz4:9", "lz4"), ("zstd", "zstd")]
)
def test_the_genuine_tools_read_and_write_the_same(spec: str, program: str) -> None:
    try:
        read = subprocess.run([program, "-dc"], input=compress(SAMPLE, spec), capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"{program} is not installed")
    assert read.stdout == SAMPLE
    written = subprocess.run([program, "-c"], input=SAMPLE, capture_output=True, check=True)
    assert decompress(written.stdout, spec) == SAMPLE
    assert detect_method(written.stdout[:4]) == Compression.parse(spec).method


def test_python_s_gzip_reads_ours() -> None:
    assert gzip.decompress(compress(SAMPLE, "gzip")) == SAMPLE


def test_none_is_the_stream_itself() -> None:
    sink, source = Collected(), Source(b"x")
    assert compress_sink(sink, Compression("none", 0)) is sink
    assert decompress_source(source, "none") is source
    assert detect_method(b"PGDMP") == "none"
    with pytest.raises(UsageError):
        compressor(Compression("none", 0))


def test_abort_and_close_reach_the_stream_below() -> None:
    sink = Collected()
    stream = compress_sink(sink, Compression("gzip", 6))
    stream.write(b"x")
    stream.abort()
    assert sink.aborted
    assert not sink.closed
    source = Source(b"")
    decompress_source(source, "gzip").close()
    assert source.closed


def test_an_error_below_is_not_taken_for_damage() -> None:
    class Broken(Source):
        def read(self, size: int) -> bytes:
            raise StorageError("cannot read x: Input/output error")

    for method in ("gzip", "lz4", "zstd"):
        with pytest.raises(StorageError, match="Input/output"):
            DecompressSource(Broken(b""), method).read(1)


@pytest.mark.parametrize(("spec", "name"), [("zstd", "_load_zstandard"), ("lz4", "_load_lz4_frame")])
def test_a_missing_package_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch, spec: str, name: str) -> None:
    monkeypatch.setattr(drivers, name, lambda: None)
    with pytest.raises(DriverMissingError) as caught:
        Compression.parse(spec).check_available()
    assert caught.value.context["package"] in {"zstandard", "lz4"}
    with pytest.raises(DriverMissingError):
        DecompressSource(Source(b""), spec)


@pytest.mark.parametrize("method", ["gzip", "lz4", "zstd"])
def test_what_is_not_read_to_its_end_is_freed_without_the_cycle_collector(method: str) -> None:
    stream = compressor(Compression.parse(method))
    source = DecompressSource(io.BytesIO(stream.compress(bytes(1 << 20)) + stream.flush()), method)
    assert source.read(10) == bytes(10)
    freed = weakref.ref(source)
    source.close()
    del source
    assert freed() is None
