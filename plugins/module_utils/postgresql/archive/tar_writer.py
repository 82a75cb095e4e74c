# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the tar format: the files of the directory format as members of one tar file, never compressed.

A member's header holds its length, which is known only after its data was read. Where the file can be patched the
header is put right afterwards; elsewhere a member is first gathered in a temporary file that has no name.
"""

from __future__ import annotations

import tempfile
import typing as t

from ...errors import DbfleetError
from ...interfaces import ArtifactFile
from ...streams.base import Buffer, ByteSink
from ...streams.compression import Compression
from ...streams.file import storage_error
from ..toc import TocEntry
from .copy_text import data_sink
from .directory_writer import data_file_name, large_object_file_name, object_list_name
from .entries import entry_name
from .files_reader import TOC_NAME
from .header import FORMAT_TAR, ArchiveHeader, encode_header
from .primitives import encode_string
from .tar import BLOCK_SIZE
from .toc import encode_toc

_SCRIPT_NAME = "restore.sql"
_MODE, _USER, _GROUP = 0o600, 0o4000, 0o2000
_NAME = b"postgres"
_LARGEST_OCTAL = 1 << 33
#: What a gathered member may take of memory before it goes to the disk.
_IN_MEMORY = 1 << 20
_PIECE = 1 << 20


class TarWriter:
    """One tar-format archive being written.

    :param file: empty; it is closed by :meth:`finish`.
    :param entries: the whole table of contents, in restore order.
    :param script: the text of ``restore.sql``, with which psql can restore the extracted files.
    :param can_patch: whether ``file.patch`` may be used.
    :raises UsageError: the version cannot be written.

    The data of the entries with ``had_dumper`` must be written one after the other, in their order.
    """

    def __init__(
        self,
        file: ArtifactFile,
        *,
        header: ArchiveHeader,
        entries: t.Sequence[TocEntry],
        script: bytes,
        can_patch: bool,
    ) -> None:
        self._file = file
        self._version = header.version
        self._script = script
        self._waiting = [entry for entry in reversed(entries) if entry.had_dumper]
        self._can_patch = can_patch
        self._size = 0
        self._modified = int(header.created)
        self._open: ByteSink | None = None
        toc = self.member(TOC_NAME)
        toc.write(encode_header(header, archive_format=FORMAT_TAR, compression=Compression("none", 0)))
        toc.write(encode_toc(entries, version=self._version, extra=_file_name))
        toc.close()

    def begin_data(self, entry: TocEntry) -> ByteSink:
        self._begin(entry)
        return data_sink(entry, self.member(data_file_name(entry)))

    def begin_large_objects(self, entry: TocEntry) -> TarLargeObjects:
        self._begin(entry)
        return TarLargeObjects(self, object_list_name(entry, self._version))

    def finish(self) -> None:
        """Complete and close the file.

        :raises DbfleetError: an entry's data was not written.
        """
        if self._open or self._waiting:
            missing = ", ".join(entry_name(entry) for entry in reversed(self._waiting))
            raise DbfleetError(f"the archive is not complete: the data is missing of {missing or 'an open member'}")
        script = self.member(_SCRIPT_NAME)
        script.write(self._script)
        script.close()
        self._file.write(bytes(2 * BLOCK_SIZE))
        self._file.close()

    def abort(self) -> None:
        """Release the file unfinished."""
        if self._open is not None:
            self._open.abort()
        self._file.abort()

    def member(self, name: str) -> ByteSink:
        """A new member; close it before the next is begun."""
        if self._open is not None:
            raise DbfleetError(f"the member {name} is begun before the one before it was closed")
        self._open = _PatchedMember(self, name) if self._can_patch else _GatheredMember(self, name)
        return self._open

    def begin_member(self, name: str, size: int) -> int:
        """Write a member's header; where it stands. For the members of this file only."""
        position = self._size
        self.write_raw(_member_header(name, size, self._modified))
        return position

    def write_raw(self, data: Buffer) -> None:
        self._file.write(data)
        self._size += memoryview(data).nbytes

    def end_member(self, size: int) -> None:
        """Fill the member's last block up."""
        self.write_raw(bytes(-size % BLOCK_SIZE))
        self._open = None

    def patch_size(self, name: str, position: int, size: int) -> None:
        self._file.patch(position, _member_header(name, size, self._modified))

    def _begin(self, entry: TocEntry) -> None:
        if not self._waiting or self._waiting[-1].dump_id != entry.dump_id:
            raise DbfleetError(f"the data of {entry_name(entry)} is written out of turn")
        self._waiting.pop()


class TarLargeObjects:
    """The large objects of one entry being written: a member each, then the list of them."""

    def __init__(self, writer: TarWriter, list_name: str) -> None:
        self._writer = writer
        self._list_name = list_name
        self._lines: list[str] = []

    def begin(self, oid: int) -> ByteSink:
        name = large_object_file_name(oid)
        self._lines.append(f"{oid} {name}\n")
        return self._writer.member(name)

    def close(self) -> None:
        listed = self._writer.member(self._list_name)
        listed.write("".join(self._lines).encode())
        listed.close()


class _PatchedMember:
    """A member written where it belongs, its header put right at the end."""

    def __init__(self, writer: TarWriter, name: str) -> None:
        self._writer = writer
        self._name = name
        self._size = 0
        self._position = writer.begin_member(name, 0)

    def write(self, data: Buffer) -> None:
        self._writer.write_raw(data)
        self._size += memoryview(data).nbytes

    def close(self) -> None:
        if self._size:
            self._writer.patch_size(self._name, self._position, self._size)
        self._writer.end_member(self._size)

    def abort(self) -> None:
        """The file is of no use any more."""


class _GatheredMember:
    """A member gathered elsewhere until its length is known."""

    def __init__(self, writer: TarWriter, name: str) -> None:
        self._writer = writer
        self._name = name
        self._size = 0
        self._gathered = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by close()

    def write(self, data: Buffer) -> None:
        try:
            self._gathered.write(bytes(data))
        except OSError as error:
            raise storage_error("write a temporary file in", tempfile.gettempdir(), error) from error
        self._size += memoryview(data).nbytes

    def close(self) -> None:
        self._writer.begin_member(self._name, self._size)
        try:
            self._gathered.seek(0)
            while True:
                piece = self._gathered.read(_PIECE)
                if not piece:
                    break
                self._writer.write_raw(piece)
        except OSError as error:
            raise storage_error("read a temporary file in", tempfile.gettempdir(), error) from error
        finally:
            self._gathered.close()
        self._writer.end_member(self._size)

    def abort(self) -> None:
        self._gathered.close()


def _file_name(entry: TocEntry) -> bytes:
    return encode_string(data_file_name(entry) if entry.had_dumper else "")


def _member_header(name: str, size: int, modified: int) -> bytes:
    """The header block of a regular file (POSIX ustar), as pg_dump fills it."""
    header = bytearray(BLOCK_SIZE)

    def put(offset: int, field: bytes) -> None:
        header[offset : offset + len(field)] = field

    put(0, name.encode("ascii"))
    put(100, b"%07o " % _MODE)
    put(108, b"%07o " % _USER)
    put(116, b"%07o " % _GROUP)
    put(124, b"%011o " % size if size < _LARGEST_OCTAL else b"\x80" + size.to_bytes(11, "big"))
    put(136, b"%011o " % modified)
    put(148, b" " * 8)
    put(156, b"0")
    put(257, b"ustar\x0000")
    put(265, _NAME)
    put(297, _NAME)
    put(329, b"%07o " % 0)
    put(337, b"%07o " % 0)
    put(148, b"%06o\x00 " % sum(header))
    return bytes(header)
