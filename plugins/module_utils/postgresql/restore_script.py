# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An archive as the script that would be run to restore it; no server is needed."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from ..interfaces import ArtifactReader, RestoreContents
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import ByteSink, ByteSource
from .archive.copy_text import has_rows
from .archive.entries import LARGE_OBJECTS, TABLE_DATA, object_name
from .archive.plain_writer import PlainWriter
from .archive.reader import ArchiveReader, open_archive
from .archive.script import Script, ScriptOptions
from .restore_order import RestoreOrder, restore_order
from .restore_selection import RestoreSelection, select_entries
from .script_source import is_script
from .toc import TocEntry
from .verify import table_rows, verify_archive

_BLOCK_SIZE = 1 << 18
_OLDEST_SERVER = 100000
_LARGEST_MAJOR = 3
_END_MARKER = re.compile(rb"\n\\\.\r?\n")
_LONGEST_MARKER = 5


@dataclass(frozen=True)
class ScriptRestoreOptions:
    """Which part of an archive becomes a script, and how it is written."""

    selection: RestoreSelection = dataclasses.field(default_factory=RestoreSelection)
    script: ScriptOptions = dataclasses.field(default_factory=ScriptOptions)


def verify_for_script(
    artifact: ArtifactReader, manifest: Manifest | None, options: ScriptRestoreOptions, progress: Progress
) -> RestoreOrder:
    """Read the whole archive; what of it the script will hold.

    :raises CorruptArtifactError: it is damaged, or not what the manifest says.
    :raises UsageError: it is a script already.
    :raises NotFoundError: it holds nothing of what is selected.
    """
    if is_script(artifact):
        raise UsageError(f"{artifact.description} is a script already", hint="use it as it is")
    archive = open_archive(artifact)
    try:
        order = restore_order(select_entries(archive.entries, options.selection))
        verify_archive(archive, manifest, progress)
    finally:
        archive.close()
    return order


def write_script(
    artifact: ArtifactReader,
    manifest: Manifest | None,
    options: ScriptRestoreOptions,
    file: ByteSink,
    progress: Progress,
) -> RestoreContents:
    """Write the script; ``file`` is closed.

    :raises CorruptArtifactError: the archive is damaged.
    :raises StorageError: it could not be written.
    """
    archive = open_archive(artifact)
    try:
        entries = select_entries(archive.entries, options.selection)
        script = Script(
            archive.header,
            entries,
            server_version=_server_version(archive.header.server_version),
            options=dataclasses.replace(options.script, owners=not options.selection.no_owner),
            all_entries=archive.entries,
        )
        writer = PlainWriter(file, script)
        try:
            tables = _Data(archive, writer, manifest, progress).write(script.steps)
            writer.finish()
        except BaseException:
            writer.abort()
            raise
    finally:
        archive.close()
    return RestoreContents(tables=tables, objects=restore_order(entries).counts())


class _Data:
    """The data of entries on their way into a script."""

    def __init__(
        self, archive: ArchiveReader, writer: PlainWriter, manifest: Manifest | None, progress: Progress
    ) -> None:
        self._archive = archive
        self._writer = writer
        self._progress = progress
        recorded = () if manifest is None else manifest.contents.tables
        self._recorded = {(table.schema, table.name): table for table in recorded}

    def write(self, entries: t.Iterable[TocEntry]) -> tuple[TableRecord, ...]:
        tables = []
        for entry in entries:
            if not entry.had_dumper:
                continue
            self._progress.item(object_name(entry))
            if entry.desc == LARGE_OBJECTS:
                self._write_large_objects(entry)
            elif entry.desc == TABLE_DATA and has_rows(entry):
                tables.append(self._write_rows(entry))
            else:
                self._pass_on(self._archive.data(entry), self._writer.begin_data(entry))
        return tuple(tables)

    def _write_rows(self, entry: TocEntry) -> TableRecord:
        schema, name = entry.namespace or "", entry.tag
        rows = table_rows(self._archive, entry, self._recorded.get((schema, name)))
        guarded = _NoEndMarker(rows, f"{self._archive.name}: the data of {object_name(entry)}")
        count = self._pass_on(guarded, self._writer.begin_data(entry))
        return TableRecord(schema, name, count, rows.size, rows.hexdigest())

    def _write_large_objects(self, entry: TocEntry) -> None:
        objects = self._writer.begin_large_objects(entry)
        for oid, source in self._archive.large_objects(entry):
            self._pass_on(source, objects.begin(oid))
        objects.close()

    def _pass_on(self, source: ByteSource, sink: ByteSink) -> int:
        lines = 0
        while True:
            data = source.read(_BLOCK_SIZE)
            if not data:
                break
            sink.write(data)
            found = data.count(b"\n")
            lines += found
            self._progress.advance(len(data), found)
        sink.close()
        return lines


class _NoEndMarker:
    """Rows that hold no end marker of their own: psql would take what comes after it for statements.

    :raises CorruptArtifactError: they hold one; no table's rows do.
    """

    def __init__(self, inner: ByteSource, name: str) -> None:
        self._inner = inner
        self._name = name
        # Where a row begins, so that a marker in the first row is found as well.
        self._tail = b"\n"

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        seen = self._tail + data
        if _END_MARKER.search(seen):
            raise CorruptArtifactError(f"{self._name} hold an end marker in their midst: what follows would be run")
        self._tail = seen[-_LONGEST_MARKER:]
        return data

    def close(self) -> None:
        self._inner.close()


def _server_version(text: str) -> int:
    """``server_version_num`` of a version as archives hold it (``16.4 (Debian 16.4-1)``); the oldest if it is odd."""
    major = text.partition(" ")[0].partition(".")[0]
    if not (major.isascii() and major.isdigit() and len(major) <= _LARGEST_MAJOR):
        return _OLDEST_SERVER
    return int(major) * 10000
