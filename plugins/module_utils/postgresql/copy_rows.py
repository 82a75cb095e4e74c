# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Takes the protocol's headers out of a block of COPY rows: two ways with one result.

The server sends every row as a message of its own: ``d``, four bytes of length (big-endian, itself included), the row.
Both functions accept a row only when the chain of headers from the block's beginning leads to it, so nothing depends
on what rows hold. The fast way guesses where rows end by their newlines, which text COPY has nowhere else, and checks
all guesses at once with numpy; the exact way follows the chain row by row.
"""

from __future__ import annotations

import struct
import typing as t

HEADER_SIZE = 5
ROW = 0x64  # b"d", CopyData
_NEWLINE = 0x0A
_LENGTH = struct.Struct(">I")


class Rows(t.NamedTuple):
    """The rows at the beginning of a block.

    :param text: the rows without headers, one after the other.
    :param consumed: how many bytes of the block they took, headers included.
    :param number: how many rows they are.
    """

    text: bytes
    consumed: int
    number: int


def take_rows(block: memoryview) -> Rows:
    """All whole rows at the beginning of ``block``, found one by one."""
    size = len(block)
    position = 0
    parts: list[memoryview] = []
    add = parts.append
    length_at = _LENGTH.unpack_from
    while position + HEADER_SIZE <= size and block[position] == ROW:
        end = position + 1 + length_at(block, position + 1)[0]
        if end > size:
            break
        add(block[position + HEADER_SIZE : end])
        position = end
    return Rows(b"".join(parts), position, len(parts))


def take_rows_fast(block: memoryview, numpy: t.Any) -> Rows:
    """The same for many short rows; it may stop early (at a row whose end it cannot guess), never take a wrong row."""
    data = numpy.frombuffer(block, dtype=numpy.uint8)
    newlines = numpy.flatnonzero(data == _NEWLINE)
    ends = numpy.empty(len(newlines) + 1, dtype=numpy.int64)
    ends[0] = -1
    ends[1:] = newlines
    # A newline within five bytes after a row's end is a byte of the next header: a header that holds one belongs to a
    # row of at least six bytes, so no real end is that near.
    ends = ends[numpy.concatenate(([True], numpy.diff(ends) > HEADER_SIZE))]
    before = ends[:-1]
    lengths = (
        (data[before + 2].astype(numpy.int64) << 24)
        | (data[before + 3].astype(numpy.int64) << 16)
        | (data[before + 4].astype(numpy.int64) << 8)
        | data[before + 5]
    )
    right = (ends[1:] == before + 1 + lengths) & (data[before + 1] == ROW)
    count = len(right) if right.all() else int(right.argmin())
    consumed = int(ends[count]) + 1
    wanted = numpy.ones(consumed, dtype=bool)
    for offset in range(1, HEADER_SIZE + 1):
        wanted[before[:count] + offset] = False
    return Rows(data[:consumed][wanted].tobytes(), consumed, count)
