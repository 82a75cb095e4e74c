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
from .restore_sql import made_large_objects
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
    objects: set[int] = set()
    groups = _recorded_large_objects(manifest)
    recorded = {} if manifest is None else {(table.schema, table.name): table for table in manifest.contents.tables}
    progress.phase("verifying", total_bytes=sum(table.bytes for table in recorded.values()))
    for entry in archive.entries:
        if not entry.had_dumper:
            continue
        progress.item(object_name(entry))
        if entry.desc == LARGE_OBJECTS:
            found_objects = _read_large_objects(archive, entry, objects, progress)
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
            sizes[entry.dump_id] = drain(archive.data(entry), progress)
    archive.check_complete()
    _check_large_objects(archive, objects)
    _check_nothing_lacks(archive, recorded, groups)
    return sizes


def check_recorded(archive: ArchiveReader, manifest: Manifest) -> dict[int, int]:
    """Compare an archive's table of contents with the manifest, and that all it names is there; no data are read.

    Enough where the archive's files were found to be those of the manifest, byte for byte.

    :returns: how many bytes of data the entries have, by their numbers.
    :raises CorruptArtifactError: something is missing or too much; the first table is named.
    """
    archive.check_extent()
    recorded = {(table.schema, table.name): table for table in manifest.contents.tables}
    groups = _recorded_large_objects(manifest)
    sizes: dict[int, int] = {}
    for entry in archive.entries:
        if not entry.had_dumper:
            continue
        if entry.desc == LARGE_OBJECTS:
            group = None if groups is None else next(groups, None)
            sizes[entry.dump_id] = 0 if group is None else group.bytes
            continue
        table = recorded.pop((entry.namespace or "", entry.tag), None)
        if table is None and entry.desc == TABLE_DATA and entry.copy_stmt:
            raise _unknown(archive, f"{entry.namespace}.{entry.tag}")
        sizes[entry.dump_id] = 0 if table is None else table.bytes
    _check_nothing_lacks(archive, recorded, groups)
    return sizes


def _check_nothing_lacks(
    archive: ArchiveReader,
    recorded: t.Mapping[tuple[str, str], TableRecord],
    groups: t.Iterator[LargeObjectsRecord] | None,
) -> None:
    """What the manifest names and was not found in the archive."""
    if groups is not None and next(groups, None) is not None:
        raise CorruptArtifactError(f"{archive.name} lacks large objects that its manifest names")
    if recorded:
        missing = ", ".join(f"{schema}.{name}" for schema, name in list(recorded)[:5])
        raise CorruptArtifactError(f"{archive.name} lacks the data of {missing}, which its manifest names")


def _check_large_objects(archive: ArchiveReader, found: t.Container[int]) -> None:
    """A list of large objects that was cut off between two of them says nothing of itself; other entries do."""
    if not any(entry.desc == LARGE_OBJECTS and entry.had_dumper for entry in archive.entries):
        return
    named = (oid for entry in archive.entries for oid in made_large_objects(entry))
    missing = [oid for oid in named if oid not in found]
    if missing:
        raise CorruptArtifactError(
            f"{archive.name} lacks the content of {len(missing)} large objects that it makes, first of {missing[0]}",
            hint="use another copy; this one was not written or copied completely",
        )


def _recorded_large_objects(manifest: Manifest | None) -> t.Iterator[LargeObjectsRecord] | None:
    """The manifest's records of large objects; ``None`` where it keeps none, as the earliest did not."""
    if manifest is None or not manifest.contents.large_objects:
        return None
    return iter(manifest.contents.large_objects)


def _read_large_objects(
    archive: ArchiveReader, entry: TocEntry, found: set[int], progress: Progress
) -> LargeObjectsRecord:
    digest = LargeObjectsDigest()
    for oid, source in archive.large_objects(entry):
        found.add(oid)
        digest.end(oid, drain(source, progress, digest.update))
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


def drain(source: ByteSource, progress: Progress, update: t.Callable[[Buffer], None] | None = None) -> int:
    """Read a source to its end; how many bytes it had."""
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
        raise _unknown(archive, name)
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


def _unknown(archive: ArchiveReader, name: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"{archive.name} holds data of {name}, which its manifest does not know", table=name)


def _both(found: TableRecord, recorded: TableRecord) -> dict[str, t.Any]:
    return {
        "found_rows": found.rows,
        "recorded_rows": recorded.rows,
        "found_sha256": found.sha256,
        "recorded_sha256": recorded.sha256,
    }
