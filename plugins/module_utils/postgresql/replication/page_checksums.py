# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The checksums of PostgreSQL's pages (``storage/checksum_impl.h``), for many pages at once where numpy is installed.

A page is seen as 64 rows of 32 words; each of 32 sums takes its column in, by a variant of FNV-1a.
"""

from __future__ import annotations

import re
import struct
import typing as t

from ... import drivers

PAGE_SIZE = 8192
#: How many pages a file of a relation has at most, in every build with the usual size of a gigabyte.
PAGES_PER_FILE = 131072
_LANES = 32
_WORDS = PAGE_SIZE // 4
_PRIME = 16777619
_MASK = 0xFFFFFFFF
_OFFSETS = (
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
)  # fmt: skip
# LSN (two words), checksum, flags, pd_lower, pd_upper.
_HEADER = struct.Struct("<IIHHHH")
_WORDS_OF_PAGE = struct.Struct(f"<{_WORDS}I")
_RELATION = re.compile(
    r"(?:base/[0-9]+|global|pg_tblspc/[0-9]+/PG_[0-9]+_[0-9]+/[0-9]+)/[0-9]+(?:_(?:fsm|vm|init))?(?:\.([0-9]+))?\Z"
)
# As many as fit into a processor's cache with what is calculated from them.
_BATCH = 128


def first_page_of(path: str) -> int | None:
    """The number of the first page in a file of a relation; ``None`` for another file, which has no checksums.

    :param path: relative to the data folder.
    """
    found = _RELATION.match(path)
    return None if found is None else int(found.group(1) or 0) * PAGES_PER_FILE


def page_checksum(page: bytes, number: int) -> int:
    """The checksum that a page should have: exact and slow."""
    words = list(_WORDS_OF_PAGE.unpack(page))
    # The checksum's own field counts as zero.
    words[2] &= 0xFFFF0000
    result = 0
    for lane, offset in enumerate(_OFFSETS):
        value = offset
        for word in (*words[lane::_LANES], 0, 0):
            mixed = value ^ word
            value = (mixed * _PRIME & _MASK) ^ (mixed >> 17)
        result ^= value
    return (result ^ number) % 65535 + 1


def damaged_pages(data: bytes, first: int, *, written_before: int) -> list[int]:
    """The numbers of the pages whose checksums do not match.

    Pages that were never written have none. Of those that were written since ``written_before`` any state may have
    been read: the WAL puts them right.

    :param data: whole pages.
    :param first: the number of the first one.
    :param written_before: an LSN.
    """
    numpy = drivers.numpy()
    damaged: list[int] = []
    for start in range(0, len(data), _BATCH * PAGE_SIZE):
        piece = data[start : start + _BATCH * PAGE_SIZE]
        number = first + start // PAGE_SIZE
        checksums = _checksums(numpy, piece, number) if numpy is not None else None
        for index in range(len(piece) // PAGE_SIZE):
            high, low, stored, _flags, _lower, upper = _HEADER.unpack_from(piece, index * PAGE_SIZE)
            if upper == 0 or (high << 32 | low) >= written_before:
                continue
            if checksums is not None:
                right = checksums[index]
            else:
                right = page_checksum(piece[index * PAGE_SIZE : (index + 1) * PAGE_SIZE], number + index)
            if right != stored:
                damaged.append(number + index)
    return damaged


def _checksums(numpy: t.Any, data: bytes, first: int) -> t.Any:
    """The checksums that some pages should have."""
    count = len(data) // PAGE_SIZE
    pages = numpy.frombuffer(data, dtype="<u4").reshape(count, _WORDS // _LANES, _LANES)
    # A row of all pages after the other, so that what is calculated with lies together.
    rows = pages.transpose(1, 0, 2).copy(order="C")
    rows[0, :, 2] &= numpy.uint32(0xFFFF0000)
    sums = numpy.empty((count, _LANES), dtype=numpy.uint32)
    sums[:] = numpy.array(_OFFSETS, dtype=numpy.uint32)
    shifted = numpy.empty_like(sums)
    prime, shift = numpy.uint32(_PRIME), numpy.uint32(17)
    for number in range(_WORDS // _LANES + 2):
        if number < _WORDS // _LANES:
            numpy.bitwise_xor(sums, rows[number], out=sums)
        numpy.right_shift(sums, shift, out=shifted)
        numpy.multiply(sums, prime, out=sums)
        numpy.bitwise_xor(sums, shifted, out=sums)
    result = numpy.bitwise_xor.reduce(sums, axis=1)
    result ^= numpy.arange(first, first + count, dtype=numpy.uint32)
    return (result % numpy.uint32(65535) + numpy.uint32(1)).tolist()


class PageCheck:
    """The check of one file of a relation while its bytes pass by.

    :param first: the number of its first page.
    """

    def __init__(self, first: int, *, written_before: int) -> None:
        self._next = first
        self._written_before = written_before
        self._rest = b""
        self.damaged: list[int] = []

    def update(self, data: t.Any) -> None:
        piece = self._rest + bytes(data) if self._rest else bytes(data)
        whole = len(piece) // PAGE_SIZE * PAGE_SIZE
        if whole:
            self.damaged += damaged_pages(piece[:whole], self._next, written_before=self._written_before)
            self._next += whole // PAGE_SIZE
        self._rest = piece[whole:]
