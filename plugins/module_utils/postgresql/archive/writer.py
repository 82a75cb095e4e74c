# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What every archive format gives to its writers, and making the one that was asked for."""

from __future__ import annotations

import typing as t

from ...interfaces import ArtifactWriter
from ...streams.base import ByteSink
from ...streams.compression import Compression, compress_sink
from ..text import to_bytes
from ..toc import TocEntry
from .custom import CustomWriter
from .header import ArchiveHeader
from .script import ScriptOptions

FORMATS = ("custom", "directory", "tar", "plain")
DEFAULT_COMPRESSION = {"custom": "gzip:6", "directory": "gzip:6", "tar": "none", "plain": "none"}
_SUFFIXES = {"custom": ".dump", "directory": ".dir", "tar": ".tar", "plain": ".sql"}


class LargeObjectsWriter(t.Protocol):
    """The large objects of one entry being written, one after the other."""

    def begin(self, oid: int) -> ByteSink:
        """A sink for one large object's bytes; close it before the next is begun."""

    def close(self) -> None: ...


class ArchiveWriter(t.Protocol):
    """An archive being written. Everything of it from one thread at a time, in the entries' order."""

    def begin_data(self, entry: TocEntry) -> ByteSink:
        """A sink for the rows of one table as COPY text (the end marker is added), or its INSERT statements."""

    def begin_large_objects(self, entry: TocEntry) -> LargeObjectsWriter: ...

    def finish(self) -> None:
        """Complete and close everything.

        :raises DbfleetError: an entry's data was not written.
        """

    def abort(self) -> None:
        """Release everything unfinished."""


def artifact_suffix(archive_format: str, compression: Compression) -> str:
    """What an artifact's name ends with: ``.dump``, ``.dir``, ``.tar``, ``.sql`` or ``.sql.gz``."""
    return _SUFFIXES[archive_format] + (compression.suffix if archive_format == "plain" else "")


def new_archive(
    archive_format: str,
    writer: ArtifactWriter,
    name: str,
    *,
    header: ArchiveHeader,
    entries: t.Sequence[TocEntry],
    compression: Compression,
    script: ScriptOptions,
    server_version: int,
) -> ArchiveWriter:
    """Begin an archive.

    :param name: of its file or folder.
    :param script: for the plain format.
    :param server_version: ``server_version_num`` of the source.
    """
    # Each format is imported by who writes it.
    if archive_format == "directory":
        from .directory_writer import DirectoryWriter

        return DirectoryWriter(writer, name, header=header, entries=entries, compression=compression)
    if archive_format == "plain":
        from .plain_writer import PlainWriter
        from .script import Script

        text = Script(header, entries, server_version=server_version, options=script)
        return PlainWriter(compress_sink(writer.create(name), compression), text)
    file = writer.create(name, patched=writer.can_patch)
    if archive_format == "tar":
        from .directory_writer import data_file_name, large_object_file_name
        from .script import Script, extracted_script
        from .tar_writer import TarWriter

        options = ScriptOptions(clean=True, create=True)
        text = Script(header, entries, server_version=server_version, options=options)
        extracted = extracted_script(text, file_name=data_file_name, large_object_file_name=large_object_file_name)
        return TarWriter(file, header=header, entries=entries, script=to_bytes(extracted), can_patch=writer.can_patch)
    return CustomWriter(file, header=header, entries=entries, compression=compression, can_patch=writer.can_patch)
