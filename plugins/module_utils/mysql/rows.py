# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Turns rows as the server sends them into the text of INSERT statements: what the text is, and the exact way to it.

A row packet is a header (length in three bytes, sequence number in one) and then every value of the text protocol with
its length before it. This module writes the text value by value; :mod:`.rows_fast` writes the same bytes for a whole
batch at once. Rows too large for a batch pass through :class:`LargeRow` in pieces.

The text of a value by its column's :class:`ValueForm`:

========== ============================== =====================================================
form       the server sends               the statement holds
========== ============================== =====================================================
NUMBER     the number's text              the same
TEXT       utf8mb4 text                   a string literal with backslash escapes
HEX        hexadecimal digits             ``0x…``, or ``''`` where there are none
VERBATIM   SQL text (``_cp932 0x…``)      the same, or ``''`` where it is empty
========== ============================== =====================================================

NULL is always ``NULL``.
"""

from __future__ import annotations

import typing as t

from ..errors import QueryError
from ..lazy_dataclass import dataclass
from ..streams.base import Buffer

NUMBER, TEXT, HEX, VERBATIM = range(4)
ValueForm = int

HEADER_SIZE = 4
NULL_LENGTH = 251
# What follows a length byte of 252, 253 and 254: the length itself in so many bytes.
LENGTH_SIZES = {252: 2, 253: 3, 254: 8}
# Values longer than this come undecoded in a column of their own, see RowFormat.
LARGE_VALUE = 1 << 18
_PIECE = 1 << 17
_BACKSLASH_ESCAPE = ((b"\\", b"\\\\"),)
_QUOTE_ESCAPE = ((b"'", b"\\'"),)
_CONTROL_ESCAPES = (
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b"\0", b"\\0"),
    (b"\x1a", b"\\Z"),
)


@dataclass(frozen=True)
class ColumnFormat:
    """One column of the result.

    :param form: how its values are written.
    :param has_large: a second column follows in the result: NULL, or the raw bytes of a value longer than
        :data:`LARGE_VALUE` (the first column is NULL then). The server's HEX() cannot be trusted with such values: it
        answers NULL where the result would exceed max_allowed_packet.
    :param large_prefix: what stands before the hexadecimal digits of such a value, for example ``_cp932 0x``.
    """

    form: ValueForm
    has_large: bool = False
    large_prefix: bytes = b"0x"


RowFormat = tuple[ColumnFormat, ...]


def field_count(row_format: RowFormat) -> int:
    """How many columns the result has."""
    return sum(2 if column.has_large else 1 for column in row_format)


def escape(data: bytes, *, controls: bool = True, quotes: bool = True) -> bytes:
    """Text for the inside of a string literal in single quotes.

    :param controls: whether there may be characters below the blank.
    :param quotes: likewise quotes.
    """
    escapes = _BACKSLASH_ESCAPE + (_QUOTE_ESCAPE if quotes else ()) + (_CONTROL_ESCAPES if controls else ())
    for raw, escaped in escapes:
        if raw in data:
            data = data.replace(raw, escaped)
    return data


def value_text(form: ValueForm, value: bytes | None) -> bytes:
    """The text of one value; the meaning that every faster way must reproduce."""
    if value is None:
        return b"NULL"
    if form == TEXT:
        return b"'" + escape(value) + b"'"
    if not value and form != NUMBER:
        return b"''"
    return b"0x" + value if form == HEX else value


def rows_text(buffer: Buffer, starts: t.Sequence[int], stop: int, row_format: RowFormat) -> bytes:
    """Rows as ``(…),(…)``, value by value.

    :param starts: where each row's packet header begins in ``buffer``.
    :param stop: where the last row ends.
    :raises QueryError: a packet is not a row of this format.
    """
    view = memoryview(buffer)
    parts: list[bytes] = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else stop
        parts.append(b"(" + b",".join(_row_values(bytes(view[start + HEADER_SIZE : end]), row_format)) + b")")
    return b",".join(parts)


def _row_values(packet: bytes, row_format: RowFormat) -> t.Iterator[bytes]:
    position = 0
    for column in row_format:
        value, position = _value(packet, position)
        if column.has_large:
            large, position = _value(packet, position)
            if large is not None:
                yield column.large_prefix + large.hex().upper().encode()
                continue
        yield value_text(column.form, value)
    if position != len(packet):
        raise malformed()


def _value(packet: bytes, position: int) -> tuple[bytes | None, int]:
    if position >= len(packet):
        raise malformed()
    length = packet[position]
    position += 1
    if length == NULL_LENGTH:
        return None, position
    if length > NULL_LENGTH:
        size = LENGTH_SIZES.get(length, 0)
        length = int.from_bytes(packet[position : position + size], "little")
        position += size
    end = position + length
    if end > len(packet):
        raise malformed()
    return packet[position:end], end


def values_at(packet: bytes, fields: t.Sequence[int]) -> tuple[bytes | None, ...]:
    """Some values of a row, as the server sent them.

    :param packet: the row without its header.
    :param fields: which, from 0 and ascending.
    :raises QueryError: the packet is not such a row.
    """
    found: dict[int, bytes | None] = {}
    position = 0
    for number in range(fields[-1] + 1):
        found[number], position = _value(packet, position)
    return tuple(found[number] for number in fields)


def malformed() -> QueryError:
    """The error for a row packet that does not fit its result."""
    return QueryError("the server sent a row that does not fit its result", hint="the connection is damaged: run again")


class LargeRow:
    """One row in pieces of bounded size, whatever its length.

    :param read: gives exactly so many bytes of the row.
    :param at_end: whether the row is used up.
    :param fields: the values, from 0, that :attr:`kept` holds at the end. They must not be large.
    """

    def __init__(
        self,
        read: t.Callable[[int], bytes],
        at_end: t.Callable[[], bool],
        row_format: RowFormat,
        fields: t.Collection[int] = (),
    ) -> None:
        self._read = read
        self._at_end = at_end
        self._format = row_format
        self._fields = fields
        self.kept: dict[int, bytes] = {}

    def pieces(self) -> t.Iterator[bytes]:
        """The row as ``(…)``, piece by piece.

        :raises QueryError: it is not a row of this format.
        """
        before = b"("
        field = 0
        for column in self._format:
            yield before
            yield from self._kept(column, field) if field in self._fields else self._column(column)
            before = b","
            field += 2 if column.has_large else 1
        if not self._at_end():
            raise malformed()
        yield b")"

    def _kept(self, column: ColumnFormat, field: int) -> t.Iterator[bytes]:
        length = self._length()
        if length is None or column.has_large:
            raise malformed()
        value = self.kept[field] = self._read(length)
        yield value_text(column.form, value)

    def _column(self, column: ColumnFormat) -> t.Iterator[bytes]:
        length = self._length()
        if length is not None:
            yield from self._value(column.form, length)
            if column.has_large and self._length() is not None:
                raise malformed()
        elif column.has_large:
            large = self._length()
            if large is None:
                yield b"NULL"
            else:
                yield column.large_prefix
                for piece in self._chunks(large):
                    yield piece.hex().upper().encode()
        else:
            yield b"NULL"

    def _value(self, form: ValueForm, length: int) -> t.Iterator[bytes]:
        if form == TEXT:
            yield b"'"
            for piece in self._chunks(length):
                yield escape(piece)
            yield b"'"
        elif not length:
            yield value_text(form, b"")
        else:
            if form == HEX:
                yield b"0x"
            yield from self._chunks(length)

    def _length(self) -> int | None:
        first = self._read(1)[0]
        if first < NULL_LENGTH:
            return first
        if first == NULL_LENGTH:
            return None
        if first not in LENGTH_SIZES:
            raise malformed()
        return int.from_bytes(self._read(LENGTH_SIZES[first]), "little")

    def _chunks(self, length: int) -> t.Iterator[bytes]:
        while length:
            piece = self._read(min(length, _PIECE))
            length -= len(piece)
            yield piece
