# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Row values for people and as JSON, as far as the log tells what they mean."""

from __future__ import annotations

import json
import typing as t

from . import table_map
from .row_image import NOT_LOGGED, Absent, Image
from .row_values import Value
from .table_details import ColumnDetails, TableDetails, real_type
from .table_map import Column, TableMap

PlainRow = dict[str, t.Any]

_BITS = {table_map.TINY: 8, table_map.SHORT: 16, table_map.INT24: 24, table_map.LONG: 32, table_map.LONGLONG: 64}
#: Values that are what they are in JSON, whatever their column.
_PLAIN = frozenset((type(None), float, str))
#: Python's codecs for the character sets of texts; MySQL's latin1 is cp1252.
_CODECS = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "latin1": "cp1252",
    "ascii": "ascii",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "ucs2": "utf-16-be",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
    "gbk": "gbk",
    "gb2312": "gb2312",
    "gb18030": "gb18030",
    "big5": "big5",
    "sjis": "shift_jis",
    "cp932": "cp932",
    "ujis": "euc_jp",
    "euckr": "euc_kr",
    "tis620": "tis-620",
    **{name: name for name in ("cp850", "cp852", "cp866", "cp1250", "cp1251", "cp1256", "cp1257")},
}


def plain_row(table: TableMap, details: TableDetails, image: Image) -> PlainRow:
    """A row as plain data, by column; columns that were not logged are left out."""
    return {
        of.name: plain_value(value, column, of) if type(value) not in _PLAIN else value
        for value, column, of in zip(image, table.columns, details.columns)
        if value is not NOT_LOGGED
    }


def plain_value(value: Value | Absent, column: Column, details: ColumnDetails) -> t.Any:
    """A value as JSON has it: numbers and texts as such; ``{"hex": …}`` for bytes that are no text; ``{"signed": …,
    "unsigned": …}`` for a number of whose sign the log does not tell; ``{"absent": why}``."""
    if isinstance(value, Absent):
        return {"absent": value.why}
    kind = real_type(column)
    if isinstance(value, int) and kind in _BITS and value < 0 and details.unsigned is None:
        return {"signed": value, "unsigned": value + (1 << _BITS[kind])}
    if isinstance(value, int) and details.labels and kind in (table_map.ENUM, table_map.SET):
        return _label(value, details.labels, is_set=kind == table_map.SET)
    if isinstance(value, bytes):
        text = _text(value, details.character_set) if kind in table_map.TEXT_TYPES else None
        return {"hex": value.hex()} if text is None else text
    # A document's own class would be written like a text too, but is more than that.
    return str(value) if isinstance(value, str) else value


def value_text(value: t.Any) -> str:
    """What :func:`plain_value` gives, for a person."""
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        if "hex" in value:
            return f"0x{value['hex']}" if value["hex"] else "''"
        return f"({value['absent']})" if "absent" in value else f"{value['signed']} ({value['unsigned']})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _label(value: int, labels: t.Sequence[str], *, is_set: bool) -> t.Any:
    if is_set:
        if value >> len(labels):
            return value
        return ",".join(label for place, label in enumerate(labels) if value >> place & 1)
    return labels[value - 1] if 0 < value <= len(labels) else value


def _text(value: bytes, character_set: str | None) -> str | None:
    """The text of bytes, ``None`` where they are none; where the log does not say the character set, of UTF-8."""
    codec = _CODECS.get(character_set or "utf8mb4")
    if codec is None:
        return None
    try:
        text = value.decode(codec)
    except UnicodeDecodeError:
        return None
    # Without a character set it may be anything.
    return text if character_set is not None or text.isprintable() else None
