# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives in memory: files, artifacts, and samples of entries with data."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from dbfleet.postgresql.archive.custom import CustomWriter
from dbfleet.postgresql.archive.header import ArchiveHeader
from dbfleet.postgresql.toc import TocEntry
from dbfleet.streams.compression import Compression

HEADER = ArchiveHeader((1, 14), 1_750_000_000.0, "shop", "15.20", "15.20 (test)")
NONE = Compression("none", 0)
GZIP = Compression("gzip", 6)

_text = st.text(
    st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)) | st.sampled_from("\udce4\udcff"),
    max_size=30,
)
_optional = st.none() | _text


class MemoryFile:
    """An ArtifactFile that keeps its bytes."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.content += data

    def patch(self, offset: int, data: bytes) -> None:
        assert offset + len(data) <= len(self.content)
        self.content[offset : offset + len(data)] = data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class MemorySource(io.BytesIO):
    """A SeekableSource; gives fewer bytes than asked for, as a pipe may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1000) if size and size > 0 else size)


class MemoryArtifact:
    """An ArtifactReader of files in memory; the single file has the name ""."""

    description = "memory.dump"

    def __init__(self, files: Mapping[str, bytes] | bytes) -> None:
        self._files = {"": files} if isinstance(files, bytes) else dict(files)

    def names(self) -> tuple[str, ...]:
        return tuple(self._files)

    def open(self, path: str) -> MemorySource:
        return MemorySource(self._files[path])


@st.composite
def entry_lists(draw: st.DrawFn) -> list[TocEntry]:
    """Tables of contents of any content that the record allows."""
    ids = draw(st.lists(st.integers(1, 2**31 - 1), unique=True, max_size=6))
    return [draw(_entries(dump_id)) for dump_id in ids]


def _entries(dump_id: int) -> st.SearchStrategy[TocEntry]:
    return st.builds(
        TocEntry,
        dump_id=st.just(dump_id),
        had_dumper=st.booleans(),
        table_oid=st.integers(0, 2**32 - 1),
        oid=st.integers(0, 2**32 - 1),
        tag=_text,
        desc=st.sampled_from(("TABLE", "TABLE DATA", "FUNCTION", "ACL")),
        section=st.integers(1, 4),
        defn=_optional,
        drop_stmt=_optional,
        copy_stmt=_optional,
        namespace=_optional,
        tablespace=_optional,
        table_am=_optional,
        relkind=st.sampled_from(("", "r", "p", "v")),
        owner=_text,
        dependencies=st.lists(st.integers(0, 2**31 - 1), max_size=4).map(tuple),
    )


def table(number: int, *, name: str = "orders") -> TocEntry:
    """A TABLE DATA entry."""
    return TocEntry(
        number, True, 0, 16384 + number, name, "TABLE DATA", 3,
        copy_stmt=f"COPY shop.{name} (a) FROM stdin;\n", namespace="shop", owner="ann",
    )  # fmt: skip


def large_objects(number: int) -> TocEntry:
    """A BLOBS entry."""
    return TocEntry(number, True, 0, 0, "BLOBS", "BLOBS", 3)


def write_archive(
    entries: Sequence[TocEntry],
    data: Mapping[int, bytes | Mapping[int, bytes]],
    *,
    header: ArchiveHeader = HEADER,
    compression: Compression = GZIP,
    can_patch: bool = True,
    piece: int = 70_000,
) -> bytes:
    """A custom archive: rows of every table, or contents of every large object, by dump id."""
    file = MemoryFile()
    writer = CustomWriter(file, header=header, entries=entries, compression=compression, can_patch=can_patch)
    for entry in entries:
        if not entry.had_dumper:
            continue
        content = data.get(entry.dump_id, b"")
        if isinstance(content, bytes):
            sink = writer.begin_data(entry)
            for start in range(0, len(content), piece):
                sink.write(content[start : start + piece])
            sink.close()
        else:
            objects = writer.begin_large_objects(entry)
            for oid, body in content.items():
                one = objects.begin(oid)
                one.write(body)
                one.close()
            objects.close()
    writer.finish()
    assert file.closed
    return bytes(file.content)
