# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What pg_dump wrote, read to its end by our own readers: that it is whole, and what a manifest says of it."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import CorruptArtifactError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..postgresql.archive.entries import LARGE_OBJECTS, TABLE_DATA, object_name
from ..postgresql.archive.header import version_text
from ..postgresql.archive.reader import ArchiveReader, open_archive
from ..postgresql.large_object_digest import LargeObjectsDigest
from ..postgresql.restore_sql import made_large_objects
from ..postgresql.script_source import ScriptSource
from ..postgresql.script_tables import records
from ..postgresql.script_verify import verify_script
from ..postgresql.toc import TocEntry
from ..postgresql.verify import BLOCK_SIZE, drain, table_rows
from ..progress import Progress
from ..repository.records import LargeObjectsRecord, TableRecord

# What a table of contents has beside objects.
_NO_OBJECTS = frozenset(
    ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES", TABLE_DATA, LARGE_OBJECTS,
     "SEQUENCE SET", "STATISTICS DATA", "ACL", "COMMENT", "SECURITY LABEL")
)  # fmt: skip
# Stands for "digest it": what the digest is to be is not known.
_DIGESTED = TableRecord("", "", 0, 0, "0" * 64)


@dataclass(frozen=True)
class Written:
    """What a program wrote.

    :param version: the archive's; empty for a script.
    """

    tables: tuple[TableRecord, ...]
    large_objects: tuple[LargeObjectsRecord, ...]
    objects: t.Mapping[str, int]
    version: str = ""


def read_script(artifact: ArtifactReader, progress: Progress) -> Written:
    """Walk a script.

    :raises CorruptArtifactError: it is not whole.
    """
    head = ScriptSource(artifact)
    try:
        head.read(BLOCK_SIZE)
        if head.subject != "database":
            raise CorruptArtifactError(f"{artifact.description} does not begin as pg_dump begins a script")
    finally:
        head.close()
    summary = verify_script(artifact, None, progress, several_databases=True)
    return Written(records(summary.tables), (), summary.objects)


def read_archive(artifact: ArtifactReader, progress: Progress) -> Written:
    """Walk an archive.

    :raises CorruptArtifactError: it is not whole.
    """
    with contextlib.closing(open_archive(artifact)) as archive:
        return _read(archive, progress)


def _read(archive: ArchiveReader, progress: Progress) -> Written:
    tables: list[TableRecord] = []
    large_objects: list[LargeObjectsRecord] = []
    found: set[int] = set()
    objects: dict[str, int] = {}
    progress.phase("checking")
    for entry in archive.entries:
        if entry.desc not in _NO_OBJECTS:
            kind = entry.desc.lower()
            objects[kind] = objects.get(kind, 0) + 1
        if not entry.had_dumper:
            continue
        progress.item(object_name(entry))
        if entry.desc == LARGE_OBJECTS:
            large_objects.append(_large_objects(archive, entry, found, progress))
        elif entry.desc == TABLE_DATA and entry.copy_stmt:
            tables.append(_table(archive, entry, progress))
        else:
            drain(archive.data(entry), progress)
    archive.check_complete()
    missing = [oid for entry in archive.entries for oid in made_large_objects(entry) if oid not in found]
    if missing and large_objects:
        raise CorruptArtifactError(f"{archive.name} lacks the content of {len(missing)} large objects that it makes")
    return Written(tuple(tables), tuple(large_objects), objects, version_text(archive.header.version))


def _table(archive: ArchiveReader, entry: TocEntry, progress: Progress) -> TableRecord:
    source = table_rows(archive, entry, _DIGESTED)
    rows = 0
    while True:
        data = source.read(BLOCK_SIZE)
        if not data:
            return TableRecord(entry.namespace or "", entry.tag, rows, source.size, source.hexdigest())
        new = data.count(b"\n")
        rows += new
        progress.advance(len(data), new)


def _large_objects(archive: ArchiveReader, entry: TocEntry, found: set[int], progress: Progress) -> LargeObjectsRecord:
    digest = LargeObjectsDigest()
    for oid, source in archive.large_objects(entry):
        found.add(oid)
        digest.end(oid, drain(source, progress, digest.update))
    return digest.record()
