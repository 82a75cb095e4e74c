# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Walking a whole archive without a server: every stream to its end, compared with the manifest."""

from __future__ import annotations

import typing as t

from ..errors import CorruptArtifactError
from ..progress import Progress
from ..repository.records import LargeObjectsRecord, Manifest, TableRecord
from ..streams.base import Buffer, ByteSource
from ..streams.digest import CountingSource, DigestSource, PartsDigestSource, RowsDigest
from .archive.copy_text import CopyTextSource
from .archive.entries import LARGE_OBJECTS, TABLE_DATA, object_name
from .archive.reader import ArchiveReader
from .large_object_digest import LargeObjectsDigest
from .toc import TocEntry

BLOCK_SIZE = 1 << 18


def table_rows(archive: ArchiveReader, entry: TocEntry, recorded: TableRecord | None) -> RowsDigest:
    """The rows of a ``TABLE DATA`` entry as COPY text, digested on the way as the manifest's record of it is.

    :param recorded: ``None``, or a record without a digest: none is made.
    """
    rows = CopyTextSource(archive.data(entry), f"{object_name(entry)} in {archive.name}")
    if recorded is None or not recorded.sha256:
        return CountingSource(rows)
    parts = recorded.parts
    return PartsDigestSource(rows, parts) if parts else DigestSource(rows)


def verify_archive(archive: ArchiveReader, manifest: Manifest | None, progress: Progress) -> dict[int, int]:
    """Read all data of an archive and compare rows and digests with the manifest, where there is one.

    :returns: how many bytes of data the entries have, by their numbers.
    :raises CorruptArtifactError: something is damaged, missing or different; the first table is named.
    """
    sizes: dict[int, int] = {}
    groups = _recorded_large_objects(manifest)
    recorded = {} if manifest is None else {(table.schema, table.name): table for table in manifest.contents.tables}
    progress.phase("verifying", total_bytes=sum(table.bytes for table in recorded.values()))
    for entry in archive.entries:
        if not entry.had_dumper:
            continue
        progress.item(object_name(entry))
        if entry.desc == LARGE_OBJECTS:
            found_objects = _read_large_objects(archive, entry, progress)
            sizes[entry.dump_id] = found_objects.bytes
            if groups is not None and next(groups, None) != found_objects:
                raise CorruptArtifactError(
                    f"the large objects of {archive.name} are not those that were backed up",
                    hint="restore another backup; this one is damaged",
                    found=found_objects.count,
                )
        elif entry.desc == TABLE_DATA and entry.copy_stmt:
            expected = recorded.pop((entry.namespace or "", entry.tag), None)
            found = _read_table(archive, entry, expected, progress)
            sizes[entry.dump_id] = found.bytes
            if manifest is not None:
                _compare(archive, found, expected)
        else:
            # Statements instead of rows: that they are whole is known from the file's own digest.
            recorded.pop((entry.namespace or "", entry.tag), None)
            sizes[entry.dump_id] = _drain(archive.data(entry), progress)
    archive.check_complete()
    if groups is not None and next(groups, None) is not None:
        raise CorruptArtifactError(f"{archive.name} lacks large objects that its manifest names")
    if recorded:
        missing = ", ".join(f"{schema}.{name}" for schema, name in list(recorded)[:5])
        raise CorruptArtifactError(f"{archive.name} lacks the data of {missing}, which its manifest names")
    return sizes


def _recorded_large_objects(manifest: Manifest | None) -> t.Iterator[LargeObjectsRecord] | None:
    """The manifest's records of large objects; ``None`` where it keeps none, as the earliest did not."""
    if manifest is None or not manifest.contents.large_objects:
        return None
    return iter(manifest.contents.large_objects)


def _read_large_objects(archive: ArchiveReader, entry: TocEntry, progress: Progress) -> LargeObjectsRecord:
    digest = LargeObjectsDigest()
    for oid, source in archive.large_objects(entry):
        digest.end(oid, _drain(source, progress, digest.update))
    return digest.record()


def _read_table(
    archive: ArchiveReader, entry: TocEntry, recorded: TableRecord | None, progress: Progress
) -> TableRecord:
    source = table_rows(archive, entry, recorded)
    rows = 0
    while True:
        data = source.read(BLOCK_SIZE)
        if not data:
            break
        found = data.count(b"\n")
        rows += found
        progress.advance(len(data), found)
    return TableRecord(entry.namespace or "", entry.tag, rows, source.size, source.hexdigest())


def _drain(source: ByteSource, progress: Progress, update: t.Callable[[Buffer], None] | None = None) -> int:
    size = 0
    while True:
        data = source.read(BLOCK_SIZE)
        if not data:
            return size
        if update is not None:
            update(data)
        size += len(data)
        progress.advance(len(data))


def _compare(archive: ArchiveReader, found: TableRecord, recorded: TableRecord | None) -> None:
    name = f"{found.schema}.{found.name}"
    if recorded is None:
        raise CorruptArtifactError(f"{archive.name} holds data of {name}, which its manifest does not know", table=name)
    if (found.rows, found.bytes, found.sha256) == (recorded.rows, recorded.bytes, recorded.sha256):
        return
    if found.rows != recorded.rows:
        difference = f"{found.rows} rows instead of {recorded.rows}"
    else:
        difference = "other content"
    raise CorruptArtifactError(
        f"the data of table {name} in {archive.name} is not what was backed up: {difference}",
        hint="restore another backup; this one is damaged",
        table=name,
        **_both(found, recorded),
    )


def _both(found: TableRecord, recorded: TableRecord) -> dict[str, t.Any]:
    return {
        "found_rows": found.rows,
        "recorded_rows": recorded.rows,
        "found_sha256": found.sha256,
        "recorded_sha256": recorded.sha256,
    }
