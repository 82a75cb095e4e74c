# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Damaged and hostile archives: one kind of error, bounded memory, no hang."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tarfile
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, UsageError
from dbfleet.postgresql.archive.copy_text import CopyTextSource
from dbfleet.postgresql.archive.header import FORMAT_TAR, encode_header, version_for
from dbfleet.postgresql.archive.primitives import encode_int, encode_string
from dbfleet.postgresql.archive.reader import ArchiveReader, open_archive
from dbfleet.postgresql.archive.toc import encode_toc
from dbfleet.postgresql.toc import TocEntry
from dbfleet.streams.compression import Compression
from tests.unit.postgresql.archive.memory import (
    GZIP,
    HEADER,
    NONE,
    MemoryArtifact,
    large_objects,
    table,
    write_archive,
)

ENTRIES = [
    TocEntry(1, False, 0, 0, "ENCODING", "ENCODING", 2, "SET client_encoding = 'UTF8';\n", ""),
    TocEntry(2, False, 1259, 16390, "orders", "TABLE", 2, "CREATE TABLE shop.orders (a int);\n", namespace="shop"),
    table(3),
    large_objects(4),
    table(5, name="customers"),
]
DATA = {3: b"1\n" * 400, 4: {16: b"abc" * 100, 17: b""}, 5: bytes(range(32, 127)) * 20}
COMPRESSIONS = [Compression.parse(text) for text in ("none", "gzip:6", "lz4", "zstd:3")]
SAMPLES = [
    write_archive(
        ENTRIES,
        DATA,
        header=dataclasses.replace(HEADER, version=version_for(compression, least=version)),
        compression=compression,
        can_patch=patch,
    )
    for compression in COMPRESSIONS
    for version in ((1, 12), (1, 16))
    for patch in (True, False)
]


def walk(files: bytes | dict[str, bytes]) -> ArchiveReader:
    """Read everything of an archive, as verifying does."""
    reader = open_archive(MemoryArtifact(files))
    for entry in reader.entries:
        if not entry.had_dumper:
            continue
        if entry.desc == "BLOBS":
            for _oid, source in reader.large_objects(entry):
                while source.read(1 << 16):
                    pass
        else:
            rows = CopyTextSource(reader.data(entry), entry.tag)
            while rows.read(1 << 16):
                pass
    reader.check_complete()
    return reader


def survives(files: bytes | dict[str, bytes]) -> None:
    """Reading ends well or with the error for it; any other exception fails the test."""
    with contextlib.suppress(CorruptArtifactError, UsageError):
        walk(files)


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_the_samples_are_whole(number: int) -> None:
    assert walk(SAMPLES[number]).entries[2].tag == "orders"


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_truncation_is_found(number: int) -> None:
    sample = SAMPLES[number]
    for length in range(len(sample)):
        with pytest.raises(CorruptArtifactError):
            walk(sample[:length])


@given(
    number=st.integers(0, len(SAMPLES) - 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
)
@settings(max_examples=1500, deadline=None)
def test_changed_bytes_give_the_one_error_or_none(number: int, changes: list[tuple[float, int]]) -> None:
    sample = bytearray(SAMPLES[number])
    for place, value in changes:
        sample[int(place * len(sample))] = value
    survives(bytes(sample))


@given(number=st.integers(0, len(SAMPLES) - 1), start=st.integers(0, 2000), junk=st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_inserted_bytes_give_the_one_error_or_none(number: int, start: int, junk: bytes) -> None:
    sample = SAMPLES[number]
    survives(sample[:start] + junk + sample[start:])


@given(data=st.binary(max_size=400), with_magic=st.booleans())
@example(data=b"\x01\x0e\x00\x04\x08\x01", with_magic=True)
@settings(max_examples=500, deadline=None)
def test_anything_at_all(data: bytes, with_magic: bool) -> None:
    survives(b"PGDMP" + data if with_magic else data)


def _head(count: int) -> bytes:
    return encode_header(HEADER, archive_format=1, compression=NONE) + encode_int(count)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (_head(-1), "the number of entries is -1"),
        (_head(2**31), "the number of entries is 2147483648"),
        (_head(1) + encode_int(0), "has the number 0"),
        (_head(1) + encode_int(-7), "is -7"),
        (_head(1) + encode_int(7) + encode_int(2), "the data flag"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_string("12x"), "is not a number"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_string("٣"), "is not a number"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_string("99999999999"), "is not a number"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_int(2**31 - 1), "would be 2147483647 bytes long"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_int(-2), "would be -2 bytes long"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_int(400 << 20), "ends inside"),
        (_head(1) + encode_int(7) + encode_int(0) + encode_string("1") * 2 + encode_string("a\0b"), "a zero byte"),
        (b"PGDMP\x01\x0a\x00\x04\x08\x01", r"its version is 1\.10"),
        (b"PGDMP\x01\x0e\x00\x00\x08\x01", "integers of 0"),
        (b"PGDMP\x01\x0e\x00\x04\x08\x05", "its format code 5"),
        (b"PGDMP\x01\x0f\x00\x04\x08\x01\x04", "its compression code 4"),
        (b"PGDMP\x01\x0e\x00\x04\x08\x01" + encode_int(77), "its compression level 77"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, cause: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CorruptArtifactError, match=cause) as caught:
            walk(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "offset" in caught.value.context
    assert peak < 4 << 20, "a lying length must not take memory"


def test_the_same_number_twice() -> None:
    with pytest.raises(CorruptArtifactError, match="entry number 3 occurs twice"):
        walk(write_archive([table(3), dataclasses.replace(table(3), tag="b", had_dumper=False)], {}))


def test_a_position_that_lies() -> None:
    content = write_archive([table(1), table(2)], {1: b"1\n", 2: b"2\n"}, compression=NONE)
    marker = b"\x01" + encode_int(2)
    position = content.index(marker, content.index(b"1\n\\."))
    for wrong in (0, 3, position + 1, 2**63, 2**64 - 1):
        lied = content.replace(b"\x02" + position.to_bytes(8, "little"), b"\x02" + wrong.to_bytes(8, "little"))
        with pytest.raises(CorruptArtifactError, match="TABLE DATA shop.orders"):
            walk(lied)


@pytest.mark.parametrize("method", ["gzip:9", "lz4", "zstd:19"])
def test_a_bomb_takes_no_memory(method: str) -> None:
    compression = Compression.parse(method)
    header = dataclasses.replace(HEADER, version=version_for(compression))
    content = write_archive([table(1)], {1: b"0" * (100 << 20)}, header=header, compression=compression, piece=1 << 20)
    assert len(content) < 1 << 20
    tracemalloc.start()
    try:
        walk(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def _folder(entries: list[TocEntry], names: dict[int, str], files: dict[str, bytes]) -> dict[str, bytes]:
    toc = encode_header(HEADER, archive_format=FORMAT_TAR, compression=GZIP) + encode_toc(
        entries, version=HEADER.version, extra=lambda entry: encode_string(names.get(entry.dump_id, ""))
    )
    return {"toc.dat": toc, **files}


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


FOLDER = _folder(
    [table(3), large_objects(4)],
    {3: "3.dat", 4: "blobs.toc"},
    {"3.dat": b"1\n2\n\\.\n\n\n", "blobs.toc": b"16 blob_16.dat\n", "blob_16.dat": b"xyz"},
)


def test_folder_and_tar_are_read() -> None:
    for files in (FOLDER, tar_of(FOLDER)):
        assert [entry.desc for entry in walk(files).entries] == ["TABLE DATA", "BLOBS"]


@pytest.mark.parametrize("name", ["../3.dat", "/etc/passwd", "a/b", ".hidden", "", "x" * 300])
def test_no_file_name_leaves_the_folder(name: str) -> None:
    files = _folder([table(3)], {3: name}, {"../3.dat": b"\\.\n\n\n", ".hidden": b"\\.\n\n\n"})
    with pytest.raises(CorruptArtifactError):
        walk(files)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CorruptArtifactError, match=r"'3\.dat' of TABLE DATA shop\.orders is missing"):
        walk(_folder([table(3)], {3: "3.dat"}, {}))
    listed = {**FOLDER, "blobs.toc": b"16 ../../etc/passwd\n"}
    with pytest.raises(CorruptArtifactError, match="list of large objects is damaged"):
        walk(listed)


@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.integers(0, 4000))
@settings(max_examples=600, deadline=None)
def test_damaged_tar_files(place: float, value: int, cut: int) -> None:
    content = bytearray(tar_of(FOLDER))
    content[int(place * 4000)] = value
    for damaged in (bytes(content), bytes(content[:cut])):
        survives(damaged)


@pytest.mark.parametrize(
    ("content", "error", "cause"),
    [
        (b"", CorruptArtifactError, "is empty"),
        (b"--\n-- PostgreSQL database dump\n--\n", UsageError, "plain SQL script"),
        (b"\x1f\x8b\x08rubbish", CorruptArtifactError, "no PostgreSQL archive"),
    ],
)
def test_other_files_are_told_apart(content: bytes, error: type[Exception], cause: str) -> None:
    with pytest.raises(error, match=cause):
        open_archive(MemoryArtifact(content))


def test_a_folder_without_a_table_of_contents() -> None:
    with pytest.raises(CorruptArtifactError, match=r"no toc\.dat"):
        open_archive(MemoryArtifact({"3.dat": b""}))
