# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finds where packets begin in a buffer: by following their lengths, or for many short ones by a guess and its proof.

Where a packet begins only the length of the one before tells, so the exact way is a loop over the rows. The guess takes
every place whose length has its high bytes zero and leads to another such place with the next sequence number, all at
once. Then the beginnings are proven: each must lie where the length of the one before leads, from the first on. What is
not on that chain is thrown away, and where the chain cannot be followed further the exact way takes over.
"""

from __future__ import annotations

import bisect
import struct
import typing as t

from .. import drivers
from ..streams.base import Buffer
from .rows import HEADER_SIZE

#: Where packets begin in a buffer: a list, or an array of numpy's.
Starts = t.Any

_LENGTH_MASK = 0xFFFFFF
# The guess costs by the byte and the loop by the row; these are bytes a row.
_WORTH_GUESSING = 500
_FALSE_GUESSES = 64
# The array functions are not called for less.
_SMALLEST = 4096

_header = struct.Struct("<I").unpack_from


def follow(buffer: Buffer, position: int, end: int) -> tuple[list[int], int]:
    """The exact way.

    :param position: where a packet begins.
    :param end: of what has arrived.
    :return: where each whole packet begins, and where the last one ends.
    """
    starts: list[int] = []
    append, header = starts.append, _header
    last = end - HEADER_SIZE
    while position <= last:
        append(position)
        (word,) = header(buffer, position)
        position += HEADER_SIZE + (word & _LENGTH_MASK)
    # The last one may not have arrived completely.
    return (starts, starts.pop()) if position > end else (starts, position)


class Guesser:
    """The fast way, for the packets of one result. Only where numpy is loaded.

    :param buffer: all packets come through it.
    """

    def __init__(self, buffer: Buffer) -> None:
        self._np: t.Any = drivers.numpy()
        self._data = self._np.frombuffer(buffer, dtype=self._np.uint8)
        # Rows of 256 bytes and more among short ones make more places possible, which costs more.
        self._wide = False
        self._given_up = False

    def is_worth(self, rows: int, size: int) -> bool:
        """Whether packets like those before, so many rows in so many bytes, are found faster by guessing."""
        return not self._given_up and rows * _WORTH_GUESSING > size

    def walk(self, position: int, end: int) -> tuple[Starts, int]:
        """Where packets begin, as an array, and where the last of them ends; whole ones may follow there."""
        if end - position < _SMALLEST:
            return (), position
        starts, stop = self._guess(position, end)
        if end - stop > (end - position) // 2:
            # Most had to be left: the next guess will not be better.
            self._given_up = self._wide
            self._wide = True
        return starts, stop

    def _guess(self, position: int, end: int) -> tuple[Starts, int]:
        np = self._np
        data = self._data[position:end]
        size = len(data)
        zero = data[2 : size - 1] if self._wide else data[1 : size - 2] | data[2 : size - 1]
        possible = zero == 0
        places = np.flatnonzero(possible)
        lengths = data[places].astype(np.int64)
        if self._wide:
            lengths |= data[places + 1].astype(np.int64) << 8
        following = lengths
        following += places
        following += HEADER_SIZE
        inside = following < len(possible)
        places, following = places[inside], following[inside]
        likely = possible[following]
        likely &= data[following + 3] == data[places + 3] + np.uint8(1)
        places, following = places[likely], following[likely]
        return self._proven(places, following, position)

    def _proven(self, places: t.Any, following: t.Any, position: int) -> tuple[Starts, int]:
        """Those of the places that are on the chain from the first byte on."""
        np = self._np
        if not len(places) or places[0]:
            return (), position
        breaks = np.flatnonzero(places[1:] != following[:-1]).tolist()
        if len(breaks) > _FALSE_GUESSES:
            del breaks[_FALSE_GUESSES:]
        else:
            breaks.append(len(places) - 1)
        parts = []
        first = 0
        while True:
            number = bisect.bisect_left(breaks, first)
            if number == len(breaks):
                break
            last = breaks[number]
            parts.append(places[first : last + 1])
            stop = int(following[last])
            first = int(np.searchsorted(places, stop))
            if first == len(places) or places[first] != stop:
                break
        starts = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return starts + position, stop + position
