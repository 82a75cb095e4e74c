# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""MySQL's binary JSON as text, as the server itself shows it, and as an expression in SQL that makes the same again."""

from __future__ import annotations

import base64
import json
import math
import struct
import typing as t

from ..quoting import literal
from . import table_map
from .packed_decimal import decimal_size, decimal_text
from .temporal_values import packed_datetime_text, packed_time_text

_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY, _LITERAL = range(5)
_INT16, _UINT16, _INT32, _UINT32, _INT64, _UINT64, _DOUBLE, _STRING = range(5, 13)
_OPAQUE = 15
_NUMBERS = {
    _INT16: struct.Struct("<h"),
    _UINT16: struct.Struct("<H"),
    _INT32: struct.Struct("<i"),
    _UINT32: struct.Struct("<I"),
    _INT64: struct.Struct("<q"),
    _UINT64: struct.Struct("<Q"),
}
_DOUBLE_STRUCT = struct.Struct("<d")
#: Types whose value stands in the entry itself, in a small document and in a large one.
_INLINED_SMALL = frozenset((_LITERAL, _INT16, _UINT16))
_INLINED_LARGE = _INLINED_SMALL | {_INT32, _UINT32}
_LITERALS: tuple[bool | None, ...] = (None, True, False)
_DEEPEST = 100
#: Numbers outside of these powers of ten are shown with an exponent.
_PLAIN_EXPONENTS = range(-14, 16)
#: Digits and power of ten up to which a double is read exactly by the simplest of means.
_EXACT_DIGITS, _EXACT_EXPONENT = 15, 8


class Opaque(t.NamedTuple):
    """A scalar of a type that JSON does not have.

    :param type: the column type's number.
    :param text: how the server shows it.
    """

    type: int
    text: str

    @property
    def is_number(self) -> bool:
        return self.type == table_map.NEWDECIMAL


Json = t.Union[None, bool, int, float, str, Opaque, "list[t.Any]", "Members"]


class Members(t.NamedTuple):
    """An object's members in their order."""

    items: tuple[tuple[str, t.Any], ...]


def parse_json(data: bytes) -> Json:
    """The document in a column's bytes.

    :raises ValueError, IndexError, struct.error: it is not one.
    """
    if not data:
        # The server's way to write NULL where a column that does not allow it has no value.
        return None
    return _Parser(data).value(data[0], 1, len(data), 0)


def json_text(value: Json) -> str:
    """A document as MySQL shows it."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def json_expression(value: Json) -> str:
    """An expression that makes the document, with the types of its scalars."""
    if not _loses_as_text(value):
        return f"CAST({literal(json_text(value))} AS JSON)"
    if isinstance(value, Members):
        members = ", ".join(f"{literal(key)}, {json_expression(member)}" for key, member in value.items)
        return f"JSON_OBJECT({members})"
    if isinstance(value, list):
        return f"JSON_ARRAY({', '.join(map(json_expression, value))})"
    if isinstance(value, float):
        return f"CAST({value!r}{'' if 'e' in repr(value) else 'e0'} AS JSON)"
    return _opaque_expression(t.cast(Opaque, value))


class _Parser:
    """Reads a document whose parts point at each other.

    A damaged one may point at the same part from many places: what is read in all is bounded by the document's size,
    which an honest one does not reach, since its parts do not overlap.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = len(data)

    def value(self, kind: int, at: int, end: int, depth: int) -> Json:
        """The value of a type whose bytes begin at ``at`` and end before ``end``."""
        if kind <= _LARGE_ARRAY:
            if depth > _DEEPEST:
                raise ValueError("a JSON document of more than 100 levels")
            return self._container(kind, at, end, depth)
        if kind == _LITERAL:
            return _LITERALS[self._data[at]]
        if kind in _NUMBERS:
            return t.cast(int, _NUMBERS[kind].unpack_from(self._data, at)[0])
        if kind == _DOUBLE:
            return t.cast(float, _DOUBLE_STRUCT.unpack_from(self._data, at)[0])
        if kind == _STRING:
            size, at = self._length(at)
            return self._take(at, size).decode("utf-8", "surrogateescape")
        if kind == _OPAQUE:
            size, start = self._length(at + 1)
            return _opaque(self._data[at], self._take(start, size))
        raise ValueError(f"a JSON value of the unknown type {kind}")

    def _container(self, kind: int, at: int, end: int, depth: int) -> Json:
        large = kind in (_LARGE_OBJECT, _LARGE_ARRAY)
        width = 4 if large else 2
        is_object = kind in (_SMALL_OBJECT, _LARGE_OBJECT)
        count, size = self._number(at, width), self._number(at + width, width)
        if at + size > end:
            raise ValueError("a JSON value that is longer than what holds it")
        end = at + size
        entry = 1 + width
        keys_at = at + 2 * width
        values_at = keys_at + (count * (width + 2) if is_object else 0)
        self._spend(2 * width + count * (entry + (width + 2 if is_object else 0)))
        inlined = _INLINED_LARGE if large else _INLINED_SMALL
        values: list[t.Any] = []
        for index in range(count):
            place = values_at + index * entry
            of_kind = self._data[place]
            where = place + 1 if of_kind in inlined else at + self._number(place + 1, width)
            if of_kind not in inlined and of_kind <= _LARGE_ARRAY and where <= at:
                raise ValueError("a JSON value that holds itself")
            values.append(self.value(of_kind, where, end, depth + 1))
        if not is_object:
            return values
        keys = []
        for index in range(count):
            place = keys_at + index * (width + 2)
            key = self._take(at + self._number(place, width), self._number(place + width, 2))
            keys.append(key.decode("utf-8", "surrogateescape"))
        return Members(tuple(zip(keys, values)))

    def _length(self, at: int) -> tuple[int, int]:
        """A length of seven bits a byte, and where it ends."""
        size = 0
        for index in range(5):
            byte = self._data[at + index]
            size |= (byte & 0x7F) << 7 * index
            if not byte & 0x80:
                return size, at + index + 1
        raise ValueError("a length of more than five bytes in JSON")

    def _number(self, at: int, width: int) -> int:
        if at + width > len(self._data):
            raise ValueError("a JSON document that ends within a number")
        return int.from_bytes(self._data[at : at + width], "little")

    def _take(self, at: int, size: int) -> bytes:
        if at + size > len(self._data):
            raise ValueError("a JSON document that ends within a text")
        self._spend(size)
        return self._data[at : at + size]

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError("a JSON document whose parts overlap")


def _opaque(kind: int, data: bytes) -> Opaque:
    if kind == table_map.NEWDECIMAL:
        precision, scale = data[0], data[1]
        if scale > precision or len(data) - 2 != decimal_size(precision, scale):
            raise ValueError("a decimal of the wrong size in JSON")
        return Opaque(kind, decimal_text(data[2:], precision, scale))
    if kind in (table_map.DATE, table_map.DATETIME, table_map.TIMESTAMP, table_map.TIME) and len(data) == 8:
        value = int.from_bytes(data, "little", signed=True)
        if kind == table_map.TIME:
            return Opaque(kind, packed_time_text(value))
        return Opaque(kind, packed_datetime_text(value, only_date=kind == table_map.DATE))
    return Opaque(kind, f"base64:type{kind}:{base64.b64encode(data).decode('ascii')}")


def _write(value: Json, parts: list[str]) -> None:
    if isinstance(value, Members):
        opening = "{"
        for key, member in value.items:
            parts += [opening, _quoted(key), ": "]
            _write(member, parts)
            opening = ", "
        parts.append("{}" if opening == "{" else "}")
    elif isinstance(value, list):
        opening = "["
        for member in value:
            parts.append(opening)
            _write(member, parts)
            opening = ", "
        parts.append("[]" if opening == "[" else "]")
    else:
        parts.append(_scalar_text(value))


def _scalar_text(value: t.Any) -> str:
    if isinstance(value, Opaque):
        return value.text if value.is_number else _quoted(value.text)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def double_text(value: float) -> str:
    """A double as MySQL shows it in JSON: the fewest digits that give it again, with a point or an exponent."""
    if not math.isfinite(value):
        raise ValueError("a JSON number that is none")
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _e, exponent = f"{abs(value)!r}".partition("e")
    whole, _point, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0.0"
    if point not in _PLAIN_EXPONENTS:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[:point]:0<{point}}.{digits[point:] or '0'}"


def _loses_as_text(value: Json) -> bool:
    """Whether the server would not make the same document of its text."""
    if isinstance(value, Opaque):
        return True
    if isinstance(value, float):
        # MySQL 5.7 reads the others with an error in the last bit.
        mantissa, _e, exponent = f"{value!r}".partition("e")
        return len(mantissa.strip("-0").replace(".", "")) > _EXACT_DIGITS or abs(int(exponent or 0)) > _EXACT_EXPONENT
    if isinstance(value, Members):
        return any(_loses_as_text(member) for _key, member in value.items)
    return isinstance(value, list) and any(map(_loses_as_text, value))


def _opaque_expression(value: Opaque) -> str:
    if value.type == table_map.NEWDECIMAL:
        return f"CAST({value.text} AS JSON)"
    kinds = {table_map.DATE: "DATE", table_map.TIME: "TIME(6)", table_map.DATETIME: "DATETIME(6)"}
    if value.type in kinds:
        return f"CAST(CAST({literal(value.text)} AS {kinds[value.type]}) AS JSON)"
    raise ValueError(f"a value of type {value.type} inside a JSON document")
