# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, DbfleetError, UsageError
from dbfleet.postgresql.archive.copy_text import CopyTextSource, has_rows
from dbfleet.postgresql.archive.header import version_for
from dbfleet.postgresql.archive.reader import ArchiveReader, open_archive
from dbfleet.postgresql.toc import TocEntry
from dbfleet.streams.base import ByteSource
from dbfleet.streams.compression import Compression
from tests.unit.postgresql.archive.memory import (
    GZIP,
    HEADER,
    NONE,
    MemoryArtifact,
    MemoryFile,
    entry_lists,
    large_objects,
    table,
    write_archive,
)

VERSIONS = [(1, minor) for minor in range(12, 17)]
COMPRESSIONS = [Compression.parse(text) for text in ("none", "gzip:1", "gzip:6", "gzip:9", "lz4", "zstd:3")]


def drain(source: ByteSource, size: int = 4096) -> bytes:
    parts = []
    while data := source.read(size):
        assert len(data) <= size
        parts.append(data)
    assert source.read(size) == b""
    return b"".join(parts)


def rows_of(reader: ArchiveReader, entry: TocEntry) -> bytes:
    source = reader.data(entry)
    return drain(CopyTextSource(source, "orders") if has_rows(entry) else source)


def as_stored(entry: TocEntry, version: tuple[int, int]) -> TocEntry:
    """What of an entry an archive of this version can hold."""
    return dataclasses.replace(
        entry,
        table_am=entry.table_am if version >= (1, 14) else None,
        relkind=entry.relkind if version >= (1, 16) else "",
    )


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@given(entries=entry_lists(), rows=st.binary(max_size=300), patch=st.booleans(), compressed=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(
    version: tuple[int, int], entries: list[TocEntry], rows: bytes, patch: bool, compressed: bool
) -> None:
    header = dataclasses.replace(HEADER, version=version)
    compression = GZIP if compressed else NONE
    content = write_archive(
        entries, {e.dump_id: rows for e in entries}, header=header, compression=compression, can_patch=patch
    )
    reader = open_archive(MemoryArtifact(content))
    assert reader.header == header
    assert reader.layout.compression.method == compression.method
    assert reader.entries == tuple(as_stored(entry, version) for entry in entries)
    for entry in reader.entries:
        if entry.had_dumper:
            assert rows_of(reader, entry) == rows
    reader.check_complete()


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
@pytest.mark.parametrize("size", [0, 1, 5, 65_536, 3_000_000])
def test_sizes_and_compressions(compression: Compression, size: int) -> None:
    header = dataclasses.replace(HEADER, version=version_for(compression))
    rows = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
    entries = [table(1), table(2, name="empty"), table(3, name="again")]
    content = write_archive(entries, {1: rows, 3: rows}, header=header, compression=compression)
    reader = open_archive(MemoryArtifact(content))
    assert rows_of(reader, entries[2]) == rows
    assert rows_of(reader, entries[0]) == rows
    assert rows_of(reader, entries[1]) == b""
    reader.check_complete()


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_large_objects(compression: Compression) -> None:
    header = dataclasses.replace(HEADER, version=version_for(compression))
    objects = {16: b"", 4711: b"\x00\xff" * 200_000, 2**32 - 1: b"x"}
    entries = [large_objects(1), table(2)]
    content = write_archive(entries, {1: objects, 2: b"1\n"}, header=header, compression=compression)
    reader = open_archive(MemoryArtifact(content))
    assert {oid: drain(source) for oid, source in reader.large_objects(entries[0])} == objects
    assert [oid for oid, _unread in reader.large_objects(entries[0])] == list(objects)
    assert rows_of(reader, entries[1]) == b"1\n"
    reader.check_complete()


@given(chunks=st.lists(st.binary(max_size=40), max_size=30), size=st.integers(1, 100))
def test_chunks_of_any_size_are_joined(chunks: list[bytes], size: int) -> None:
    """pg_dump up to 15 writes a chunk for every row."""
    head = write_archive([table(1)], {}, compression=NONE, can_patch=False)
    head = head[: -len(b"\x00\x05\x00\x00\x00\\.\n\n\n" + bytes(5))]
    body = b"".join(b"\x00" + len(chunk).to_bytes(4, "little") + chunk for chunk in (*chunks, b"\\.\n\n\n") if chunk)
    reader = open_archive(MemoryArtifact(head + body + bytes(5)))
    assert drain(CopyTextSource(reader.data(reader.entries[0]), "t"), size) == b"".join(chunks)
    reader.check_complete()


def test_without_offsets_blocks_are_found_in_any_order() -> None:
    entries = [table(5, name="a"), large_objects(9), table(7, name="b"), table(3, name="c")]
    data = {5: b"1\n" * 50_000, 9: {1: b"x", 2: b"y" * 100_000}, 7: b"2\n", 3: b"3\n"}
    content = write_archive(entries, data, can_patch=False, compression=NONE)
    reader = open_archive(MemoryArtifact(content))
    for entry in (entries[3], entries[0], entries[2], entries[0]):
        assert rows_of(reader, entry) == data[entry.dump_id]
    assert [drain(source) for _oid, source in reader.large_objects(entries[1])] == [b"x", b"y" * 100_000]
    reader.check_complete()


def test_the_writer_refuses_disorder() -> None:
    entries = [table(1), table(2)]
    file = MemoryFile()
    from dbfleet.postgresql.archive.custom import CustomWriter

    writer = CustomWriter(file, header=HEADER, entries=entries, compression=NONE, can_patch=True)
    with pytest.raises(DbfleetError, match="out of turn"):
        writer.begin_data(entries[1])
    sink = writer.begin_data(entries[0])
    with pytest.raises(DbfleetError, match="out of turn"):
        writer.begin_data(entries[1])
    sink.close()
    with pytest.raises(DbfleetError, match="missing of TABLE DATA orders"):
        writer.finish()
    assert not file.closed


def test_new_compressions_need_a_new_version() -> None:
    with pytest.raises(UsageError, match=r"1\.14 cannot hold zstd"):
        write_archive([], {}, compression=Compression("zstd", 3))
    with pytest.raises(UsageError, match=r"1\.17 cannot be written"):
        write_archive([], {}, header=dataclasses.replace(HEADER, version=(1, 17)))


def test_text_of_other_encodings_is_kept() -> None:
    entry = TocEntry(1, False, 0, 0, b"caf\xe9".decode("utf-8", "surrogateescape"), "TABLE", 2)
    content = write_archive([entry], {})
    assert b"caf\xe9" in content
    assert open_archive(MemoryArtifact(content)).entries[0].tag == entry.tag


def test_a_table_without_its_end_marker_is_cut_short() -> None:
    content = write_archive([table(1)], {1: b"1\n2\n"}, compression=NONE)
    damaged = content.replace(b"\\.\n\n\n", b"3\n4\n5")
    reader = open_archive(MemoryArtifact(damaged))
    with pytest.raises(CorruptArtifactError, match="orders does not end as it must"):
        rows_of(reader, reader.entries[0])


def test_bytes_that_belong_to_nothing_are_found() -> None:
    content = write_archive([table(1)], {1: b"1\n"}) + b"rest"
    reader = open_archive(MemoryArtifact(content))
    rows_of(reader, reader.entries[0])
    with pytest.raises(CorruptArtifactError, match="belong to no entry"):
        reader.check_complete()
