# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reading the directory and the tar format: a table of contents in ``toc.dat`` and one file for every data entry."""

from __future__ import annotations

import copy
import re
import typing as t

from ...errors import CorruptArtifactError
from ...interfaces import ArtifactReader, SeekableSource
from ...streams.base import ByteSource
from ..toc import TocEntry
from .entries import LARGE_OBJECTS, entry_name
from .extent import Extent
from .header import FORMAT_TAR, ArchiveHeader, Layout, read_header
from .primitives import ArchiveInput
from .toc import StoredEntry, read_toc

TOC_NAME = "toc.dat"

_LONGEST_FILE_NAME = 255
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LARGE_OBJECT_LINE = re.compile(rb"([0-9]{1,10}) ([A-Za-z0-9_][A-Za-z0-9_.-]*)")
_LARGEST_OBJECT_LIST = 64 << 20
_READ_SIZE = 1 << 17


class Members(t.Protocol):
    """The files of an archive, wherever they are."""

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def open(self, name: str) -> ByteSource | None:
        """A file's decompressed content by its name without a compression's suffix; ``None``: there is none."""

    @property
    def file(self) -> SeekableSource | None:
        """The stored file that holds what was opened last."""

    @property
    def extent(self) -> Extent | None:
        """Where what was opened last lies in :attr:`file`; ``None``: it is compressed there."""

    def reopened(self, artifact: ArtifactReader) -> Members:
        """The same, to be read beside this one."""

    def close(self) -> None: ...


class FilesReader:
    """One archive of several files; an ``ArchiveReader``.

    :param archive_format: ``directory`` or ``tar``.
    :raises CorruptArtifactError: the table of contents is missing or damaged.
    """

    def __init__(self, members: Members, name: str, *, archive_format: str) -> None:
        self.name = name
        self.format = archive_format
        self._members = members
        self._current: ByteSource | None = None
        toc = self._open(TOC_NAME, "the table of contents")
        data = ArchiveInput(toc, f"{name}, {TOC_NAME}")
        self._input = data
        self.header: ArchiveHeader
        self.layout: Layout
        try:
            self.header, self.layout = read_header(data)
            if self.layout.format != FORMAT_TAR:
                raise data.corrupt("it says that it is not of the directory or tar format", offset=0)
            entries: list[TocEntry] = []
            self._files: dict[int, str] = {}
            for stored in read_toc(data, version=self.header.version, read_extra=self._read_extra):
                entries.append(stored.entry)
                if stored.file_name:
                    self._files[stored.entry.dump_id] = stored.file_name
        finally:
            self._close_current()
        self.entries: tuple[TocEntry, ...] = tuple(entries)

    def reopened(self, artifact: ArtifactReader) -> FilesReader:
        """Another reader of the same archive, which shares what was found out of it."""
        other = copy.copy(self)
        other._members = self._members.reopened(artifact)
        other._current = None
        return other

    def data(self, entry: TocEntry) -> ByteSource:
        return self._open(self._files.get(entry.dump_id, ""), entry_name(entry))

    @property
    def file(self) -> SeekableSource | None:
        return self._members.file

    def extents(self, entry: TocEntry) -> t.Iterator[Extent] | None:
        self.data(entry)
        extent = self._members.extent
        return None if extent is None else iter((extent,))

    def large_objects(self, entry: TocEntry) -> t.Iterator[tuple[int, ByteSource]]:
        for oid, file_name in self._listed_objects(entry):
            source = self._open(file_name, f"large object {oid}")
            yield oid, source
            while source.read(_READ_SIZE):
                pass

    def check_extent(self) -> None:
        for entry in self.entries:
            if not entry.had_dumper:
                continue
            if entry.desc != LARGE_OBJECTS:
                self._require(self._files.get(entry.dump_id, ""), entry_name(entry))
                continue
            for oid, file_name in self._listed_objects(entry):
                self._require(file_name, f"large object {oid}")

    def check_complete(self) -> None:
        """Files that no entry names (``restore.sql`` of a tar) are no part of the archive."""

    def close(self) -> None:
        self._close_current()
        self._members.close()

    def _listed_objects(self, entry: TocEntry) -> t.Iterator[tuple[int, str]]:
        listed = self._open_object_list(entry)
        text = _read_whole(listed, f"{self.name}, the list of {entry_name(entry)}")
        for line in text.splitlines():
            match = _LARGE_OBJECT_LINE.fullmatch(line)
            if match is None:
                raise CorruptArtifactError(f"{self.name} is not a whole archive: its list of large objects is damaged")
            yield int(match.group(1)), match.group(2).decode("ascii")

    def _open_object_list(self, entry: TocEntry) -> ByteSource:
        # A tar's table of contents names a file that is not there; the list has a name of its own.
        for file_name in (f"blobs_{entry.dump_id}.toc", "blobs.toc"):
            if self._members.has(file_name):
                return self._open(file_name, entry_name(entry))
        return self._open(self._files.get(entry.dump_id, ""), entry_name(entry))

    def _close_current(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None

    def _open(self, file_name: str, what: str) -> ByteSource:
        self._close_current()
        source = self._members.open(file_name) if file_name else None
        if source is None:
            raise self._missing(file_name, what)
        self._current = source
        return source

    def _require(self, file_name: str, what: str) -> None:
        if not self._members.has(file_name):
            raise self._missing(file_name, what)

    def _missing(self, file_name: str, what: str) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"{self.name} is not a whole archive: the file {file_name!r} of {what} is missing", path=file_name
        )

    def _read_extra(self, entry: TocEntry) -> StoredEntry:
        data = self._input
        start = data.offset
        file_name = data.read_string(f"the file name of {entry_name(entry)}", _LONGEST_FILE_NAME) or ""
        if bool(file_name) != entry.had_dumper:
            raise data.corrupt(f"{entry_name(entry)} contradicts itself about having data", offset=start)
        # The name is looked up among the archive's own files, and still must not look like a path.
        if file_name and not _FILE_NAME.fullmatch(file_name):
            raise data.corrupt(f"the file name of {entry_name(entry)} is not allowed", offset=start)
        return StoredEntry(entry, file_name=file_name)


def _read_whole(source: ByteSource, name: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        data = source.read(_READ_SIZE)
        if not data:
            return b"".join(parts)
        size += len(data)
        if size > _LARGEST_OBJECT_LIST:
            raise CorruptArtifactError(f"{name} is impossibly long", path=name)
        parts.append(data)
