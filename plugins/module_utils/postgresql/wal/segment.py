# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Files of PostgreSQL's write-ahead log: their names, and whether a file is the segment that its name says.

A segment's name is its timeline and its number in three times eight hexadecimal digits; every page of it begins with a
header that says the same once more (``access/xlog_internal.h``; the magic numbers were read from servers 10 to 18).
"""

from __future__ import annotations

import dataclasses
import re
import struct
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...streams.base import Buffer

PAGE_SIZE = 8192
SMALLEST_SEGMENT, LARGEST_SEGMENT = 1 << 20, 1 << 30
PARTIAL = ".partial"
#: History files are a line for each timeline.
LARGEST_HISTORY = 1 << 20

#: The first two bytes of each page, and the major version that writes them.
VERSIONS = {
    0xD097: 10,
    0xD098: 11,
    0xD101: 12,
    0xD106: 13,
    0xD10D: 14,
    0xD110: 15,
    0xD113: 16,
    0xD116: 17,
    0xD118: 18,
}

_SHORT = struct.Struct("<HHIQI4x")
_LONG = struct.Struct("<QII")
_LONG_HEADER = 2
_KNOWN_FLAGS = 0xF
_SEGMENT = re.compile(r"[0-9A-F]{24}\Z")
_PARTIAL = re.compile(r"[0-9A-F]{24}\.partial\Z")
_BACKUP_HISTORY = re.compile(r"[0-9A-F]{24}\.[0-9A-F]{8}\.backup\Z")
_HISTORY = re.compile(r"[0-9A-F]{8}\.history\Z")
_LOG_BYTES = 1 << 32


@dataclasses.dataclass(frozen=True, order=True)
class SegmentName:
    """The place of a segment, in the order of the log.

    :param log: the number of the part of 4 GiB, the upper half of an LSN.
    :param part: which of the segments of that.
    """

    timeline: int
    log: int
    part: int

    def __str__(self) -> str:
        return f"{self.timeline:08X}{self.log:08X}{self.part:08X}"

    def start(self, size: int) -> int:
        """The LSN of its first byte, for segments of ``size`` bytes."""
        return self.log * _LOG_BYTES + self.part * size

    def next(self, size: int) -> SegmentName:
        """The one that follows it on the same timeline."""
        return segment_at(self.start(size) + size, self.timeline, size)

    def fits(self, size: int) -> bool:
        """Whether there is such a segment where they have ``size`` bytes."""
        return self.part < _LOG_BYTES // size


def segment_at(lsn: int, timeline: int, size: int) -> SegmentName:
    """The segment that holds the byte at ``lsn``."""
    return SegmentName(timeline, lsn // _LOG_BYTES, lsn % _LOG_BYTES // size)


def parse_segment(name: str) -> SegmentName | None:
    """The place of a segment by its file's name, ``None`` for another file."""
    if not _SEGMENT.match(name) or name.startswith("00000000"):
        return None
    return SegmentName(int(name[:8], 16), int(name[8:16], 16), int(name[16:], 16))


def is_partial(name: str) -> bool:
    """Whether it is a timeline's last segment, which ends somewhere inside (``….partial``)."""
    return bool(_PARTIAL.match(name))


def is_backup_history(name: str) -> bool:
    """Whether it tells of a base backup (``….backup``)."""
    return bool(_BACKUP_HISTORY.match(name))


def is_history(name: str) -> bool:
    """Whether it tells where a timeline comes from (``….history``)."""
    return bool(_HISTORY.match(name))


def is_segment_size(size: int) -> bool:
    """Whether segments can have so many bytes: a power of two of at least 1 MiB and at most 1 GiB."""
    return SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT and size & (size - 1) == 0


@dataclass(frozen=True)
class SegmentHeader:
    """What a segment's first page says.

    :param version: PostgreSQL's major version.
    :param timeline: that it began on, which a segment of a new timeline has from the one before.
    :param address: the LSN of its first byte.
    :param system_identifier: the cluster's.
    :param segment_size: in bytes.
    """

    version: int
    timeline: int
    address: int
    system_identifier: int
    segment_size: int


def read_header(page: Buffer, *, name: str) -> SegmentHeader:
    """Understand the beginning of a segment.

    :param page: its first page, or at least 40 bytes of it.
    :param name: the file, for messages.
    :raises CorruptArtifactError: it is not the beginning of a segment of a version that is known.
    """
    if len(page) < _SHORT.size + _LONG.size:
        raise _bad(name, "it is shorter than a page's header")
    magic, flags, timeline, address, _rest = _SHORT.unpack_from(page)
    version = VERSIONS.get(magic)
    if version is None:
        if not any(page[: _SHORT.size]):
            raise _bad(name, "it begins with zeros: nothing was written into it")
        raise _bad(name, f"its first page has the magic number {magic:04X}, which no version from 10 to 18 writes")
    if not flags & _LONG_HEADER:
        raise _bad(name, "its first page has the header of one in the middle")
    system_identifier, size, page_size = _LONG.unpack_from(page, _SHORT.size)
    if not is_segment_size(size) or page_size != PAGE_SIZE:
        raise _bad(name, f"its first page tells of segments of {size} and pages of {page_size} bytes")
    return SegmentHeader(version, timeline, address, system_identifier, size)


def check_header(page: Buffer, place: SegmentName, *, name: str) -> SegmentHeader:
    """Find out whether a file begins as the segment at ``place`` does.

    :raises CorruptArtifactError: it does not.
    """
    header = read_header(page, name=name)
    size = header.segment_size
    if not place.fits(size):
        raise _bad(name, f"there is no segment {place} among segments of {size} bytes")
    if header.address != place.start(size):
        there = segment_at(header.address, header.timeline, size)
        raise _bad(name, f"its content is of the segment {there}, not of {place}")
    if not 0 < header.timeline <= place.timeline:
        raise _bad(name, f"its content is of timeline {header.timeline}, its name of timeline {place.timeline}")
    return header


class SegmentPages:
    """Looks at every page of a segment while it goes by, in pieces of any size.

    Behind a switch to the next segment (``pg_switch_wal()``) there are empty pages: all zeros, or with a header alone.

    :param place: which segment it should be.
    :param name: the file, for messages.
    :param partial: it ends somewhere inside; what is behind is left from what the file held before.
    """

    def __init__(self, place: SegmentName, *, name: str, partial: bool = False) -> None:
        self._place = place
        self._name = name
        self._partial = partial
        self._rest = b""
        self._offset = 0
        self._timeline = 0
        self._ended_at = -1
        self.header: SegmentHeader | None = None

    def feed(self, data: Buffer) -> None:
        """Look at what follows.

        :raises CorruptArtifactError: a page is not what it must be.
        """
        piece = self._rest + bytes(data) if self._rest else bytes(data)
        whole = len(piece) // PAGE_SIZE * PAGE_SIZE
        for start in range(0, whole, PAGE_SIZE):
            self._page(piece, start)
        self._rest = piece[whole:]

    def finish(self) -> SegmentHeader:
        """Nothing follows.

        :raises CorruptArtifactError: it is not a whole segment.
        """
        header = self.header
        size = self._offset + len(self._rest)
        if header is None or size != header.segment_size:
            expected = f" and not {header.segment_size}" if header is not None else ""
            raise _bad(self._name, f"it has {size} bytes{expected}")
        return header

    def _page(self, data: bytes, start: int) -> None:
        if self.header is None:
            self.header = check_header(data[start : start + PAGE_SIZE], self._place, name=self._name)
            self._timeline = self.header.timeline
        elif self._offset >= self.header.segment_size:
            raise _bad(self._name, f"it has more than {self.header.segment_size} bytes")
        else:
            self._later_page(data, start, self.header)
        self._offset += PAGE_SIZE

    def _later_page(self, data: bytes, start: int, header: SegmentHeader) -> None:
        if self._ended_at >= 0 and self._partial:
            return
        magic, flags, timeline, address, _rest = _SHORT.unpack_from(data, start)
        fits = (
            VERSIONS.get(magic) == header.version
            and address == header.address + self._offset
            and self._timeline <= timeline <= self._place.timeline
            and not flags & ~_KNOWN_FLAGS
        )
        if fits and self._ended_at < 0:
            self._timeline = timeline
            return
        if self._partial or not any(data[start : start + PAGE_SIZE]):
            self._ended_at = self._offset if self._ended_at < 0 else self._ended_at
            return
        what = f"behind the end of the log at {self._ended_at}" if self._ended_at >= 0 else "with a wrong header"
        raise _bad(self._name, f"there is a page {what} at {self._offset}")


class _Reader(t.Protocol):
    def read(self, size: int) -> bytes: ...


_BLOCK = 1 << 20


def check_segment(source: _Reader, place: SegmentName, *, name: str, partial: bool = False) -> SegmentHeader:
    """Read a file and find out whether it is the whole segment at ``place``.

    :raises CorruptArtifactError: it is not.
    """
    pages = SegmentPages(place, name=name, partial=partial)
    while True:
        data = source.read(_BLOCK)
        if not data:
            return pages.finish()
        pages.feed(data)


def _bad(name: str, cause: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"{name} is not a segment of the write-ahead log as it must be: {cause}", path=name)
