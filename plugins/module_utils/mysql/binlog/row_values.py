# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Values of row events: how the bytes of every column type become a value.

A value is ``None`` (NULL), an int (whole numbers, BIT, the number of an ENUM's label, a SET's bits), a float (FLOAT and
DOUBLE), a str (decimals, dates and times, JSON documents, as the server shows them) or bytes (texts in their column's
character set, and everything else that is stored as bytes).
"""

from __future__ import annotations

import struct
import typing as t
import zlib

from . import table_map
from .body import BodyReader
from .json_values import json_expression, json_text, parse_json
from .packed_decimal import decimal_reader, decimal_size
from .table_details import ColumnDetails, real_type
from .table_map import Column
from .temporal_values import (
    date_text,
    datetime_text,
    fraction_text,
    old_datetime_text,
    old_time_text,
    time_text,
    timestamp_text,
    year_text,
)

Value = t.Union[None, int, float, str, bytes]
#: The bytes of the rows and where the value begins, to the value and where it ends.
Decoder = t.Callable[[bytes, int], "tuple[Value, int]"]

_INTEGERS = {table_map.TINY: "b", table_map.SHORT: "h", table_map.LONG: "i", table_map.LONGLONG: "q"}
_PREFIXED = frozenset(
    (
        table_map.BLOB,
        table_map.TINY_BLOB,
        table_map.MEDIUM_BLOB,
        table_map.LONG_BLOB,
        table_map.GEOMETRY,
        table_map.VECTOR,
    )
)
#: Of a compressed column: the lowest bits of its first byte, how many bytes hold the length.
_LENGTH_SIZE, _RAW_DEFLATE, _DEFLATED = 7, 8, 8
_LONGEST_COMPRESSED = 1 << 30


def decoder_of(column: Column, details: ColumnDetails, what: str) -> Decoder:
    """The function that reads a column's values.

    It raises ``ValueError``, ``IndexError``, ``struct.error`` or ``zlib.error`` for bytes that are no value.

    :param details: numbers are taken as signed unless they say otherwise.
    :param what: the event, for messages.
    :raises CorruptArtifactError: the type is not known.
    """
    kind, metadata = real_type(column), column.metadata
    if kind in _TEMPORAL:
        return _temporal(kind, metadata)
    decoder = _number(kind, metadata, details, what) or _bytes(kind, metadata, details)
    if decoder is not None:
        return decoder
    if kind == table_map.JSON:
        return _prefixed(metadata[0], _json)
    if kind == table_map.NULL:
        return _null
    raise BodyReader(b"", what).damaged(f"a column of the unknown type {kind}")


def _number(kind: int, metadata: bytes, details: ColumnDetails, what: str) -> Decoder | None:
    if kind in _INTEGERS:
        code = _INTEGERS[kind]
        return _struct(f"<{code.upper() if details.unsigned else code}")
    if kind in (table_map.FLOAT, table_map.DOUBLE) and metadata[0] in (4, 8):
        return _struct("<f" if metadata[0] == 4 else "<d")
    if kind == table_map.INT24:
        return _sized(3, _integer(signed=not details.unsigned))
    if kind == table_map.NEWDECIMAL:
        return _decimal(metadata[0], metadata[1], what)
    if kind == table_map.BIT:
        return _sized(metadata[1] + (metadata[0] > 0), _big_endian)
    if kind in (table_map.ENUM, table_map.SET):
        return _sized(metadata[1], _integer(signed=False))
    return None


def _bytes(kind: int, metadata: bytes, details: ColumnDetails) -> Decoder | None:
    if kind == table_map.STRING:
        return _string(metadata, details)
    if kind in (table_map.VARCHAR, table_map.VAR_STRING, table_map.VARCHAR_COMPRESSED):
        prefix = 2 if int.from_bytes(metadata, "little") > 255 else 1
        return _prefixed(prefix, _inflated if kind == table_map.VARCHAR_COMPRESSED else None)
    if kind in _PREFIXED:
        return _prefixed(metadata[0])
    if kind == table_map.BLOB_COMPRESSED:
        return _prefixed(metadata[0], _inflated)
    return None


def _struct(layout: str) -> Decoder:
    compiled = struct.Struct(layout)
    unpack, size = compiled.unpack_from, compiled.size

    def decode(data: bytes, at: int) -> tuple[Value, int]:
        return unpack(data, at)[0], at + size

    return decode


def _sized(size: int, convert: t.Callable[[bytes], Value]) -> Decoder:
    def decode(data: bytes, at: int) -> tuple[Value, int]:
        end = at + size
        piece = data[at:end]
        if len(piece) < size:
            raise ValueError("a value that is cut off")
        return convert(piece), end

    return decode


def _prefixed(prefix: int, convert: t.Callable[[bytes], Value] | None = None) -> Decoder:
    def decode(data: bytes, at: int) -> tuple[Value, int]:
        start = at + prefix
        end = start + int.from_bytes(data[at:start], "little")
        if end > len(data):
            raise ValueError("a value that is cut off")
        piece = data[start:end]
        return (piece if convert is None else convert(piece)), end

    return decode


def _null(_data: bytes, at: int) -> tuple[Value, int]:
    return None, at


def _integer(*, signed: bool) -> t.Callable[[bytes], Value]:
    def convert(piece: bytes) -> Value:
        return int.from_bytes(piece, "little", signed=signed)

    return convert


def _big_endian(piece: bytes) -> Value:
    return int.from_bytes(piece, "big")


class JsonDocument(str):
    """A JSON document as its text, with the expression in SQL that makes it with all of its types."""

    expression: str

    def __new__(cls, data: bytes) -> JsonDocument:
        document = parse_json(data)
        made = super().__new__(cls, json_text(document))
        made.expression = json_expression(document)
        return made


def _json(piece: bytes) -> Value:
    return JsonDocument(piece)


def _decimal(precision: int, scale: int, what: str) -> Decoder:
    if precision < 1 or scale > precision:
        raise BodyReader(b"", what).damaged(f"a decimal of {precision} digits, {scale} of them behind the point")

    return _sized(decimal_size(precision, scale), decimal_reader(precision, scale))


def _string(metadata: bytes, details: ColumnDetails) -> Decoder:
    """CHAR and BINARY, whose ends of spaces and zeros are not stored."""
    kind, length = metadata[0], metadata[1]
    if kind & 0x30 != 0x30:
        length |= (kind & 0x30 ^ 0x30) << 4
    prefix = 2 if length > 255 else 1
    if details.character_set != "binary":
        return _prefixed(prefix)

    def padded(piece: bytes) -> Value:
        return piece.ljust(length, b"\0")

    return _prefixed(prefix, padded)


def _inflated(piece: bytes) -> Value:
    """MariaDB's compressed column: a byte that says how, the length, and a stream of zlib or of bare deflate."""
    if not piece:
        return piece
    first = piece[0]
    if not first >> 4:
        return piece[1:]
    if first >> 4 != _DEFLATED:
        raise ValueError(f"a column compressed in the unknown way {first >> 4}")
    start = 1 + (first & _LENGTH_SIZE)
    size = int.from_bytes(piece[1:start], "big")
    if size > _LONGEST_COMPRESSED:
        raise ValueError(f"a value of {size} bytes")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS if first & _RAW_DEFLATE else zlib.MAX_WBITS)
    # One byte more than there may be, to see it.
    data = inflater.decompress(piece[start:], size + 1)
    if len(data) != size:
        raise ValueError(f"a compressed value that does not hold the {size} bytes that it says")
    return data


_SIMPLE_TEMPORAL: dict[int, tuple[int, t.Callable[[bytes], str]]] = {
    table_map.DATE: (3, date_text),
    table_map.NEWDATE: (3, date_text),
    table_map.TIME: (3, old_time_text),
    table_map.DATETIME: (8, old_datetime_text),
    table_map.YEAR: (1, lambda piece: year_text(piece[0])),
    table_map.TIMESTAMP: (4, lambda piece: timestamp_text(int.from_bytes(piece, "little"), "")),
}
_TEMPORAL = frozenset((*_SIMPLE_TEMPORAL, table_map.TIMESTAMP2, table_map.DATETIME2, table_map.TIME2))


def _temporal(kind: int, metadata: bytes) -> Decoder:
    if kind in _SIMPLE_TEMPORAL:
        return _sized(*_SIMPLE_TEMPORAL[kind])
    digits = metadata[0]
    if digits > 6:

        def refuse(_data: bytes, _at: int) -> tuple[Value, int]:
            raise ValueError(f"a time with {digits} digits behind the second")

        return refuse
    size = (digits + 1) // 2
    if kind == table_map.TIMESTAMP2:
        return _sized(
            4 + size,
            lambda piece: timestamp_text(int.from_bytes(piece[:4], "big"), fraction_text(piece[4:], digits)),
        )
    if kind == table_map.DATETIME2:
        return _sized(5 + size, lambda piece: datetime_text(piece, digits))
    return _sized(3 + size, lambda piece: time_text(piece, digits))
