# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What an archive or a script is and holds, as plain data: read without a server, and whole or not."""

from __future__ import annotations

import datetime
import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from ..interfaces import ArtifactReader
from .archive.entries import shown
from .archive.header import version_text
from .archive.reader import ArchiveReader, open_archive
from .script_source import ScriptSource, is_script
from .script_verify import ScriptSummary, look_through
from .toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry

_SECTIONS = {SECTION_NONE: "none", SECTION_PRE_DATA: "pre-data", SECTION_DATA: "data", SECTION_POST_DATA: "post-data"}
_SERVER_VERSION = re.compile(rb"^-- Dumped from database version ([^\r\n]{1,200})", re.MULTILINE)
_DUMP_VERSION = re.compile(rb"^-- Dumped by (?:pg_dump version )?([^\r\n]{1,200})", re.MULTILINE)
_HEAD_SIZE = 4096
_OTHER_SYSTEM = re.compile(rb"^(?:/\*M!|-- (MySQL|MariaDB) dump)", re.MULTILINE)


def archive_contents(artifact: ArtifactReader) -> dict[str, t.Any]:
    """What an artifact without a manifest is.

    ``kind`` is ``archive`` or ``script``; of both there are ``format``, ``server_version``, ``dump_version``,
    ``complete`` and, where that is false, the ``problem``. An archive has its ``entries`` in order, of a script there
    are ``tables`` with rows and bytes, ``objects``, the ``databases`` it connects to, and what it is a dump ``of``:
    ``server``, ``database``, or empty where it does not say that it is a dump.

    :raises CorruptArtifactError: it is neither, or its table of contents is damaged.
    :raises UsageError: it is a script of another database system.
    """
    if is_script(artifact):
        return _script(artifact)
    archive = open_archive(artifact)
    try:
        return _archive(archive)
    finally:
        archive.close()


def _archive(archive: ArchiveReader) -> dict[str, t.Any]:
    header, layout = archive.header, archive.layout
    problem = ""
    try:
        archive.check_extent()
    except CorruptArtifactError as error:
        problem = error.message
    return {
        "kind": "archive",
        "format": archive.format,
        "compression": layout.compression.method,
        "archive_version": version_text(header.version),
        "integer_size": layout.int_size,
        "offset_size": layout.offset_size,
        "created_at": datetime.datetime.fromtimestamp(header.created).astimezone().isoformat(),
        "database": shown(header.database),
        "server_version": shown(header.server_version),
        "dump_version": shown(header.dump_version),
        "entries": [_entry(entry) for entry in archive.entries],
        "complete": not problem,
        "problem": problem,
    }


def _entry(entry: TocEntry) -> dict[str, t.Any]:
    return {
        "id": entry.dump_id,
        "catalog_oid": entry.table_oid,
        "oid": entry.oid,
        "kind": shown(entry.desc),
        "schema": shown(entry.namespace or ""),
        "name": shown(entry.tag),
        "owner": shown(entry.owner),
        "section": _SECTIONS[entry.section],
        "has_data": entry.had_dumper,
        "dependencies": list(entry.dependencies),
    }


def _script(artifact: ArtifactReader) -> dict[str, t.Any]:
    source = ScriptSource(artifact)
    try:
        _refuse_other_system(source)
    finally:
        source.close()
    source = ScriptSource(artifact)
    try:
        summary, problem = look_through(source)
    finally:
        source.close()
    return {
        "kind": "script",
        "format": "plain",
        "of": source.subject,
        "server_version": _found(_SERVER_VERSION, source.head),
        "dump_version": _found(_DUMP_VERSION, source.head),
        "databases": [shown(name) for name in summary.databases],
        "tables": _tables(summary),
        "objects": dict(summary.objects),
        "complete": not problem,
        "problem": problem,
    }


def _refuse_other_system(source: ScriptSource) -> None:
    other = _OTHER_SYSTEM.search(source.read(_HEAD_SIZE))
    if other is not None:
        raise UsageError(
            f"{source.name} is a script of {(other.group(1) or b'MariaDB').decode()}",
            hint="only archives and scripts of PostgreSQL can be looked into",
        )


def _tables(summary: ScriptSummary) -> list[dict[str, t.Any]]:
    return [
        {
            "database": shown(table.database),
            "schema": shown(table.record.schema),
            "name": shown(table.record.name),
            "rows": table.record.rows,
            "bytes": table.record.bytes,
        }
        for table in summary.tables
    ]


def _found(pattern: re.Pattern[bytes], head: bytes) -> str:
    match = pattern.search(head)
    return match.group(1).decode("utf-8", "replace").strip() if match else ""
