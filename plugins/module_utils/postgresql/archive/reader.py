# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What every archive format gives to its readers, and finding out which format an artifact has."""

from __future__ import annotations

import typing as t

from ...errors import CorruptArtifactError, UsageError
from ...interfaces import ArtifactReader, SeekableSource
from ...streams.base import ByteSource, read_exactly
from ..toc import TocEntry
from .custom_reader import CustomReader
from .directory import DirectoryMembers, is_directory
from .extent import Extent
from .files_reader import FilesReader
from .header import MAGIC, ArchiveHeader, Layout
from .tar import TarMembers, is_tar

_HEAD_SIZE = 512
_PLAIN_STARTS = (b"--", b"\\restrict", b"SET ", b"CREATE ", b"SELECT ")


class ArchiveReader(t.Protocol):
    """An archive opened for reading. Streams are read one at a time: opening one ends the one before."""

    @property
    def name(self) -> str:
        """What to call the archive in messages."""

    @property
    def format(self) -> str:
        """``custom``, ``directory`` or ``tar``."""

    @property
    def header(self) -> ArchiveHeader: ...

    @property
    def layout(self) -> Layout: ...

    @property
    def entries(self) -> tuple[TocEntry, ...]:
        """The table of contents, in restore order."""

    def data(self, entry: TocEntry) -> ByteSource:
        """The stored data of an entry, decompressed (for table data see :class:`copy_text.CopyTextSource`).

        :raises CorruptArtifactError: it is missing; also raised while reading.
        """

    @property
    def file(self) -> SeekableSource | None:
        """The file that the stream opened last is read from, as it is stored; ``None`` where it is not known."""

    def extents(self, entry: TocEntry) -> t.Iterator[Extent] | None:
        """Where the data of an entry lie in :attr:`file`, byte for byte; ``None`` where they lie there otherwise.

        The stream opened before ends, as with :meth:`data`.
        """

    def large_objects(self, entry: TocEntry) -> t.Iterator[tuple[int, ByteSource]]:
        """The large objects of a ``BLOBS`` entry: OID and content. What is left unread of one is passed over."""

    def check_extent(self) -> None:
        """Everything that the table of contents names is there, to the archive's end; the data are not read.

        :raises CorruptArtifactError: something is cut off or missing.
        """

    def check_complete(self) -> None:
        """After every stream was read to its end: nothing else may be in the archive.

        :raises CorruptArtifactError: there are bytes that belong to no entry.
        """

    def reopened(self, artifact: ArtifactReader) -> ArchiveReader:
        """Another reader of the same archive, for another process, which shares what was found out of it."""

    def close(self) -> None: ...


def open_archive(artifact: ArtifactReader) -> ArchiveReader:
    """Open a backup as the format that its content tells.

    :raises CorruptArtifactError: it is none of the formats, or its table of contents is damaged.
    :raises UsageError: it is a plain script or a compressed file.
    """
    names = artifact.names()
    if is_directory(names):
        return FilesReader(DirectoryMembers(artifact), artifact.description, archive_format="directory")
    if "" not in names:
        raise CorruptArtifactError(f"{artifact.description} is no PostgreSQL archive: it holds no toc.dat")
    source = artifact.open("")
    try:
        return _open_file(source, artifact.description)
    except BaseException:
        source.close()
        raise


def _open_file(source: SeekableSource, name: str) -> ArchiveReader:
    head = read_exactly(source, _HEAD_SIZE)
    source.seek(0)
    if head.startswith(MAGIC):
        return CustomReader(source, name)
    if is_tar(head):
        return FilesReader(TarMembers(source, name), name, archive_format="tar")
    if head.startswith(_PLAIN_STARTS):
        raise UsageError(
            f"{name} is a plain SQL script, not an archive", hint="scripts are restored whole, as they are"
        )
    if not head:
        raise CorruptArtifactError(f"{name} is empty", path=name)
    raise CorruptArtifactError(f"{name} is no PostgreSQL archive: its first bytes are of no known format", path=name)
