# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the directory format: ``toc.dat``, one file for every table's rows and one for every large object.

The genuine pg_restore reads it, also with several jobs. Every data file is independent of the others, so several
processes can write them (:class:`DirectoryFiles`); the table of contents comes last.
"""

from __future__ import annotations

import typing as t

from ...errors import DbfleetError
from ...interfaces import ArtifactFile
from ...streams.base import ByteSink
from ...streams.compression import Compression, compress_sink
from ...streams.digest import DigestingFile, StoredDigestSink
from ..toc import TocEntry
from .copy_text import END_MARKER, data_sink, has_rows
from .entries import LARGE_OBJECTS, entry_name
from .files_reader import TOC_NAME
from .header import FORMAT_TAR, VERSION_RELKIND, ArchiveHeader, encode_header
from .primitives import encode_string
from .toc import encode_toc


class NewFiles(t.Protocol):
    """Where the files are made."""

    def create(self, path: str) -> ArtifactFile: ...


def data_file_name(entry: TocEntry) -> str:
    """The name of an entry's rows, without the suffix of a compression."""
    return f"{entry.dump_id}.dat"


def large_object_file_name(oid: int) -> str:
    return f"blob_{oid}.dat"


def object_list_name(entry: TocEntry, version: tuple[int, int]) -> str:
    """The list of an entry's large objects; before 1.16 there is one for all."""
    return f"blobs_{entry.dump_id}.toc" if version >= VERSION_RELKIND else "blobs.toc"


class DirectoryFiles:
    """The data files of one archive, in any order and by any process.

    :param folder: the archive's folder among ``files``.
    """

    def __init__(self, files: NewFiles, folder: str, *, version: tuple[int, int], compression: Compression) -> None:
        self._files = files
        self._folder = folder
        self._version = version
        self._compression = compression

    def begin_data(self, entry: TocEntry) -> ByteSink:
        """A sink for one table's rows; the end marker is added when it is closed.

        It is a :class:`StoredDigestSink` where the digest of the rows is part of the file's own.
        """
        file = self.create(data_file_name(entry) + self._compression.suffix)
        if isinstance(file, DigestingFile) and self._compression.method == "none":
            return StoredDigestSink(file, END_MARKER if has_rows(entry) else b"")
        return data_sink(entry, compress_sink(file, self._compression))

    def begin_large_objects(self, entry: TocEntry) -> DirectoryLargeObjects:
        """The large objects of one ``BLOBS`` entry."""
        return DirectoryLargeObjects(self, object_list_name(entry, self._version))

    def compressed(self, name: str) -> ByteSink:
        """A new file in the folder that is compressed as its suffix says."""
        return compress_sink(self.create(name + self._compression.suffix), self._compression)

    def create(self, name: str) -> ArtifactFile:
        return self._files.create(f"{self._folder}/{name}")


class DirectoryLargeObjects:
    """The large objects of one entry being written: a file each, and the list of them."""

    def __init__(self, files: DirectoryFiles, list_name: str) -> None:
        self._files = files
        self._list_name = list_name
        self._lines: list[str] = []

    def begin(self, oid: int) -> ByteSink:
        name = large_object_file_name(oid)
        self._lines.append(f"{oid} {name}\n")
        return self._files.compressed(name)

    def close(self) -> None:
        file = self._files.create(self._list_name)
        file.write("".join(self._lines).encode())
        file.close()


class DirectoryWriter:
    """One directory-format archive being written.

    :param folder: its name among ``files``.
    :param entries: the whole table of contents, in restore order.
    :raises UsageError: the version cannot be written, or not with this compression.
    """

    def __init__(
        self,
        files: NewFiles,
        folder: str,
        *,
        header: ArchiveHeader,
        entries: t.Sequence[TocEntry],
        compression: Compression,
    ) -> None:
        self._data = DirectoryFiles(files, folder, version=header.version, compression=compression)
        self.version = header.version
        self._entries = tuple(entries)
        self._head = encode_header(header, archive_format=FORMAT_TAR, compression=compression)
        self._waiting = {entry.dump_id: entry for entry in entries if entry.had_dumper}

    @property
    def waiting(self) -> int:
        """How many entries' data is still to be written."""
        return len(self._waiting)

    def begin_data(self, entry: TocEntry) -> ByteSink:
        self.written_elsewhere(entry)
        return self._data.begin_data(entry)

    def begin_large_objects(self, entry: TocEntry) -> DirectoryLargeObjects:
        self.written_elsewhere(entry)
        return self._data.begin_large_objects(entry)

    def written_elsewhere(self, entry: TocEntry) -> None:
        """Note that another process has written the entry's data with :class:`DirectoryFiles`."""
        if self._waiting.pop(entry.dump_id, None) is None:
            raise DbfleetError(f"the data of {entry_name(entry)} is written twice")

    def finish(self) -> None:
        """Write the table of contents.

        :raises DbfleetError: an entry's data was not written.
        """
        if self._waiting:
            missing = ", ".join(map(entry_name, self._waiting.values()))
            raise DbfleetError(f"the archive is not complete: the data is missing of {missing}")
        file = self._data.create(TOC_NAME)
        file.write(self._head)
        file.write(encode_toc(self._entries, version=self.version, extra=self._file_name))
        file.close()

    def abort(self) -> None:
        """Every file is released by the sink that writes it."""

    def _file_name(self, entry: TocEntry) -> bytes:
        if not entry.had_dumper:
            return encode_string("")
        large = entry.desc == LARGE_OBJECTS
        return encode_string(object_list_name(entry, self.version) if large else data_file_name(entry))
