# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Turns a batch of row packets into INSERT text in place, column by column, with numpy.

Every value's length byte is overwritten by a marker that says how the text before it ends and how it begins itself;
a few replacements over the whole batch then expand the markers. The markers are bytes that no UTF-8 text holds (0xF5
to 0xFF); where a value holds one all the same, the count of markers gives it away and the caller takes the exact way of
:mod:`.rows`, which defines the result. Where no value holds a quote, those behind the rows are their own markers.
"""

from __future__ import annotations

import sys
import typing as t

from .. import drivers
from ..streams.base import Buffer
from .packet_walk import Starts
from .rows import HEADER_SIZE, HEX, NUMBER, TEXT, VERBATIM, RowFormat, escape

_FIRST_MARKER = 0xF5
_QUOTE, _FILL, _QUOTE_QUOTE, _QUOTE_PLAIN, _PLAIN_QUOTE = 0xF5, 0xF6, 0xF7, 0xF8, 0xF9
_PLAIN_NULL, _QUOTE_NULL, _PLAIN_HEX, _QUOTE_HEX, _FIRST_NULL, _FIRST_HEX = range(0xFA, 0x100)
_COMMA, _FIRST_PRINTED, _REAL_QUOTE = 0x2C, 0x20, 0x27

# How a value begins, and the marker by that: after a plain value, after a quoted one, at the beginning of a row.
_PLAIN, _QUOTED, _NULL, _HEX = range(4)
_AFTER_PLAIN = (_COMMA, _PLAIN_QUOTE, _PLAIN_NULL, _PLAIN_HEX)
_AFTER_QUOTE = (_QUOTE_PLAIN, _QUOTE_QUOTE, _QUOTE_NULL, _QUOTE_HEX)
_AT_FIRST = (_FILL, _QUOTE, _FIRST_NULL, _FIRST_HEX)
_EXPANSIONS = {
    _QUOTE_QUOTE: b"','",
    _QUOTE_PLAIN: b"',",
    _PLAIN_QUOTE: b",'",
    _PLAIN_NULL: b",NULL",
    _QUOTE_NULL: b"',NULL",
    _PLAIN_HEX: b",0x",
    _QUOTE_HEX: b"',0x",
    _FIRST_NULL: b"NULL",
    _FIRST_HEX: b"0x",
}
_BEGINNINGS = {NUMBER: _PLAIN, TEXT: _QUOTED, HEX: _HEX, VERBATIM: _PLAIN}
_QUOTE_BYTE, _FILL_BYTE = bytes((_QUOTE,)), bytes((_FILL,))


# Fewer values than these are faster written one by one.
WORTH_A_BATCH = 400
# Importing numpy takes as long as writing so many.
WORTH_LOADING = 60_000
# Tables of so many bytes in all probably hold them.
WORTH_LOADING_BYTES = 1 << 20


def available() -> bool:
    """Whether numpy is there, which is loaded by this; without it only the exact way works."""
    return drivers.numpy() is not None


def is_worth(values: int) -> bool:
    """Whether to go on by the fast way where so many values were written by the exact one."""
    return (values >= WORTH_LOADING or "numpy" in sys.modules) and available()


class FastRows:
    """Encodes batches of rows of one format. Only where :func:`available`."""

    def __init__(self, row_format: RowFormat) -> None:
        self._np: t.Any = drivers.numpy()
        self._format = row_format
        self._after = self._np.array(_AFTER_PLAIN + _AFTER_QUOTE, dtype=self._np.uint8)
        self._first = self._np.array(_AT_FIRST * 2, dtype=self._np.uint8)
        self._is_marker = self._np.empty(0, dtype=bool)

    def text(self, buffer: Buffer, starts: Starts, stop: int) -> bytes | None:
        """Rows as ``(…),(…)``, or ``None`` where the exact way must be taken.

        :param starts: where each row's packet header begins in ``buffer``.
        :param stop: where the last row ends.
        """
        begin = int(starts[0])
        np = self._np
        # Several times as fast as numpy's copy().
        copied = bytearray(memoryview(buffer)[begin:stop])
        rows = np.asarray(starts, dtype=np.int64) - begin
        if len(self._is_marker) < len(copied):
            self._is_marker = np.empty(len(copied), dtype=bool)
        batch = _Batch(np, copied, rows + HEADER_SIZE)
        try:
            for number, column in enumerate(self._format):
                batch.column(column.form, self._after if number else self._first)
                if column.has_large:
                    batch.absent_column()
        except (IndexError, _NotHere):
            return None
        if not batch.ends_at(rows):
            return None
        return batch.finish(rows, self._is_marker)


class _NotHere(Exception):
    """A value that the fast way does not handle."""


class _Batch:
    """One batch while its length bytes become markers.

    :param np: numpy.
    :param packets: their bytes, changed in place.
    :param at: where the next value of each row begins.
    """

    def __init__(self, np: t.Any, packets: bytearray, at: t.Any) -> None:
        self._np = np
        self._bytes = packets
        self._work = np.frombuffer(packets, dtype=np.uint8)
        self._at = at
        self._count = len(at)
        self._placed = 0
        self._used: set[int] = set()
        # Whether the last value needs a closing quote: one bool where it is the same in all rows, else an array.
        self._closing: t.Any = False

    def column(self, form: int, markers: t.Any) -> None:
        """Put the markers of the next column.

        :param markers: by 4 * (the value before is quoted) + how this one begins.
        """
        at, work = self._at, self._work
        lead = work[at]
        beginning: t.Any = _BEGINNINGS[form]
        top = int(self._np.maximum.reduce(lead))
        if top < 251:
            advance = lead.astype(self._np.int64)
            null = None
        else:
            advance, null = self._long_lengths(lead, top)
        if form in (HEX, VERBATIM) and not lead.all():
            beginning = self._np.where(lead == 0, _QUOTED, beginning)
        if null is not None:
            beginning = self._np.where(null, _NULL, beginning)
        self._mark(at, beginning, markers)
        self._closing = beginning == _QUOTED
        advance += 1
        self._at = at + advance

    def absent_column(self) -> None:
        """The next column must be NULL in every row and leaves nothing."""
        if not (self._work[self._at] == 251).all():
            raise _NotHere
        self._fill(self._at)
        self._at = self._at + 1

    def _long_lengths(self, lead: t.Any, top: int) -> tuple[t.Any, t.Any]:
        """The lengths where some are NULL or have more bytes, which become filler."""
        if top > 253:
            raise _NotHere
        work, at = self._work, self._at
        lengths = lead.astype(self._np.int64)
        null = lead == 251
        has_null = bool(null.any())
        if has_null:
            lengths[null] = 0
        if top > 251:
            for code, size in ((252, 2), (253, 3)):
                where = self._np.flatnonzero(lead == code)
                if not len(where):
                    continue
                place = at[where]
                value = self._np.zeros(len(where), dtype=self._np.int64)
                for byte in range(size):
                    place = place + 1
                    value |= work[place].astype(self._np.int64) << (8 * byte)
                    self._fill(place)
                lengths[where] = value + size
        return lengths, null if has_null else None

    def _mark(self, at: t.Any, beginning: t.Any, markers: t.Any) -> None:
        if isinstance(beginning, int) and isinstance(self._closing, bool):
            marker = int(markers[4 * self._closing + beginning])
            self._work[at] = marker
            if marker >= _FIRST_MARKER:
                self._placed += self._count
                self._used.add(marker)
            return
        chosen = markers[self._closing * 4 + beginning]
        self._work[at] = chosen
        counts = self._np.bincount(chosen, minlength=256)
        self._placed += int(counts[_FIRST_MARKER:].sum())
        self._used.update(int(marker) for marker in self._np.flatnonzero(counts[_FIRST_MARKER:]) + _FIRST_MARKER)

    def _fill(self, at: t.Any) -> None:
        self._work[at] = _FILL
        self._placed += len(at)

    def ends_at(self, rows: t.Any) -> bool:
        """Whether every row's last value ended where the next row begins."""
        return bool((self._at[:-1] == rows[1:]).all()) and int(self._at[-1]) == len(self._work)

    def finish(self, rows: t.Any, is_marker: t.Any) -> bytes | None:
        """Replace the packet headers and expand the markers; ``None`` where a value holds a marker's byte.

        :param is_marker: room for a bool for each byte.
        """
        work, closing = self._work, self._closing
        work[rows] = _FILL
        work[rows + 1] = ord(")")
        work[rows + 2] = _COMMA
        work[rows + 3] = ord("(")
        work[:3] = _FILL
        self._placed += self._count + 2
        has_quotes = _REAL_QUOTE in self._bytes
        last_quoted = closing if isinstance(closing, bool) else bool(closing[-1])
        ends = rows[1:] if isinstance(closing, bool) else rows[1:][closing[:-1]]
        if last_quoted or not isinstance(closing, bool):
            self._end_quotes(ends, has_quotes)
        found = self._np.greater_equal(work, _FIRST_MARKER, out=is_marker[: len(work)])
        if int(self._np.count_nonzero(found)) != self._placed:
            return None
        controls = int(self._np.minimum.reduce(work)) < _FIRST_PRINTED
        data = escape(work.tobytes(), controls=controls, quotes=has_quotes)
        for marker in self._used:
            expansion = _EXPANSIONS.get(marker)
            if expansion is not None:
                data = data.replace(bytes((marker,)), expansion)
        # Each several times as fast as translate().
        if _QUOTE in self._used:
            data = data.replace(_QUOTE_BYTE, b"'")
        data = data.replace(_FILL_BYTE, b"")
        return data + (b"')" if last_quoted else b")")

    def _end_quotes(self, ends: t.Any, has_quotes: bool) -> None:
        """Close the last values of rows; where no value holds a quote, it is its own marker."""
        if has_quotes:
            self._work[ends] = _QUOTE
            self._used.add(_QUOTE)
        else:
            self._work[ends] = _REAL_QUOTE
            self._placed -= len(ends)
