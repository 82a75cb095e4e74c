# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.streams.compression import DecompressSource
from dbfleet.streams.zstd_frames import ZstdFrames

MAGIC = (0xFD2FB528).to_bytes(4, "little")
LARGEST_BLOCK = 1 << 17


class Source:
    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._most))

    def close(self) -> None:
        self._file.close()


def pieces(data: bytes, most: int = 1 << 30) -> list[tuple[bytes, bool]]:
    return list(ZstdFrames(Source(data, most), "x.zst").pieces())


def skippable(content: bytes, number: int = 0) -> bytes:
    return (0x184D2A50 + number).to_bytes(4, "little") + len(content).to_bytes(4, "little") + content


def read_all(data: bytes) -> bytes:
    source = DecompressSource(Source(data), "zstd", name="x.zst")
    parts = []
    while part := source.read(1 << 20):
        parts.append(part)
    return b"".join(parts)


def frame_of_zeros(blocks: int, *, last_size: int = LARGEST_BLOCK) -> bytes:
    """A frame whose blocks are all of the run-length kind: three bytes of header and one of content each."""
    header = bytes([0, 0x38])  # no checksum, no content size, a window of 128 KiB
    sizes = [LARGEST_BLOCK] * (blocks - 1) + [last_size]
    bodies = [
        ((size << 3) | (1 << 1) | (index == blocks - 1)).to_bytes(3, "little") + b"\0"
        for index, size in enumerate(sizes)
    ]
    return MAGIC + header + b"".join(bodies)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("content_size", [True, False])
@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000, 300_000])
def test_the_pieces_are_the_stream(size: int, content_size: bool, checksum: bool) -> None:
    options = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=content_size)
    stored = options.compress(bytes(range(256)) * (size // 256 + 1))
    found = pieces(stored)
    assert b"".join(piece for piece, _last in found) == stored
    assert [last for _piece, last in found].count(True) == 1
    assert found[-1][1]
    assert pieces(stored, most=1) == found


def test_skippable_frames_are_skipped_anywhere() -> None:
    one, two = zstandard.compress(b"one"), zstandard.compress(b"two")
    stored = skippable(b"x" * 300_000) + one + skippable(b"", 15) + two + skippable(b"index", 3)
    assert read_all(stored) == b"onetwo"
    assert read_all(one + skippable(one)) == b"one", "what a skippable frame holds is not data"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (MAGIC[:3], "truncated"),
        (MAGIC, "truncated"),
        (skippable(b"abc")[:-1], "truncated"),
        (skippable(b"abc")[:6], "truncated"),
        (zstandard.compress(b"one") + b"\x28", "truncated"),
        (zstandard.compress(b"one") + b"\0\0\0\0", "magic"),
        (MAGIC + bytes([0, 0x38]) + (3 << 1 | 1).to_bytes(3, "little"), "impossible header"),
        (MAGIC + bytes([0, 0x38]) + ((LARGEST_BLOCK + 1) << 3 | 1).to_bytes(3, "little"), "impossible header"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, cause: str) -> None:
    with pytest.raises(CorruptArtifactError, match=cause) as caught:
        pieces(data)
    assert "x.zst" in caught.value.message


def test_only_skippable_frames_are_no_data() -> None:
    with pytest.raises(CorruptArtifactError, match="empty"):
        read_all(skippable(b"abc"))


def test_frames_that_want_a_dictionary_or_too_much_memory_are_refused() -> None:
    dictionary = zstandard.ZstdCompressionDict(b"some words that come again " * 20)
    with pytest.raises(CorruptArtifactError):
        read_all(zstandard.ZstdCompressor(dict_data=dictionary).compress(b"some words that come again"))
    enormous = MAGIC + bytes([0, 0xF8]) + (1).to_bytes(3, "little")  # the window is 2 TiB
    with pytest.raises(CorruptArtifactError):
        read_all(enormous)


def test_a_lie_about_the_content_size_is_found() -> None:
    honest = bytearray(zstandard.ZstdCompressor(write_checksum=False).compress(b"x" * 100))
    assert honest[4] == 0x20, "one byte of content size follows"
    honest[5] = 101
    with pytest.raises(CorruptArtifactError):
        read_all(bytes(honest))


def test_each_piece_expands_to_one_block_at_most() -> None:
    """Four bytes of input can be 128 KiB of output; fed whole, one read would make gigabytes."""
    stored = frame_of_zeros(4000)
    assert len(stored) < 17_000
    source = DecompressSource(Source(stored), "zstd")
    total = 0
    while part := source.read(1 << 30):
        assert len(part) <= LARGEST_BLOCK
        total += len(part)
    assert total == 4000 * LARGEST_BLOCK


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 400))
def test_any_frames_in_any_reads(contents: list[bytes], most: int) -> None:
    stored = b"".join(zstandard.compress(content) + skippable(content) for content in contents)
    source = DecompressSource(Source(stored, most), "zstd")
    found = b""
    while part := source.read(64):
        found += part
    assert found == b"".join(contents)


@given(st.binary(max_size=200))
def test_any_bytes_are_data_or_an_error(data: bytes) -> None:
    for stored in (data, MAGIC + data):
        with contextlib.suppress(CorruptArtifactError):
            read_all(stored)
