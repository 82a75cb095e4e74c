# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a table map says of its columns beyond how they are stored: names, signs, character sets, labels.

The server writes what ``binlog_row_metadata`` asks for: MySQL since 8.0 at least signs and character sets, with FULL
everything; MySQL 5.7 and, by default, MariaDB nothing.
"""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from . import table_map
from .body import BodyReader
from .table_map import Column, TableMap

_SIGNEDNESS, _DEFAULT_COLLATION, _COLLATIONS, _NAMES, _SET_LABELS, _ENUM_LABELS = range(1, 7)
_PRIMARY_KEY, _PRIMARY_KEY_WITH_PREFIX, _ENUM_DEFAULT_COLLATION, _ENUM_COLLATIONS = range(8, 12)

_INTEGERS = frozenset((table_map.TINY, table_map.SHORT, table_map.INT24, table_map.LONG, table_map.LONGLONG))
_NUMBERS = _INTEGERS | {table_map.NEWDECIMAL, table_map.FLOAT, table_map.DOUBLE, table_map.YEAR}
#: The character sets that text of row values is decoded from, by the numbers of their collations.
_CHARACTER_SETS = {
    "binary": (63,),
    "utf8mb4": (45, 46, *range(224, 248), *range(255, 324), *range(608, 612), *range(2304, 2560)),
    "utf8mb3": (33, 76, 83, *range(192, 216), 223, *range(576, 580), *range(2048, 2304)),
    "latin1": (5, 8, 15, 31, 47, 48, 49, 94),
    "ascii": (11, 65),
    "latin2": (2, 9, 21, 27, 77),
    "latin5": (30, 78),
    "latin7": (20, 41, 42, 79),
    "cp850": (4, 80),
    "cp852": (40, 81),
    "cp866": (36, 68),
    "cp1250": (26, 34, 44, 66, 99),
    "cp1251": (14, 23, 50, 51, 52),
    "cp1256": (57, 67),
    "cp1257": (29, 58, 59),
    "koi8r": (7, 74),
    "koi8u": (22, 75),
    "greek": (25, 70),
    "hebrew": (16, 71),
    "ucs2": (35, 90, *range(128, 152), 159, 640, 641, 642, *range(2560, 2816)),
    "utf16": (54, 55, *range(101, 125), 672, 673, 674, *range(2816, 3072)),
    "utf16le": (56, 62),
    "utf32": (60, 61, *range(160, 184), 736, 737, 738, *range(3072, 3328)),
    "gbk": (28, 87),
    "gb2312": (24, 86),
    "gb18030": (248, 249, 250),
    "big5": (1, 84),
    "sjis": (13, 88),
    "cp932": (95, 96),
    "ujis": (12, 91),
    "eucjpms": (97, 98),
    "euckr": (19, 85),
    "tis620": (18, 89),
}
#: MariaDB's collations that do not pad are this many after those that do.
_NO_PAD = range(1024, 2048)
_CHARACTER_SET_OF = {number: name for name, numbers in _CHARACTER_SETS.items() for number in numbers}


@dataclass(frozen=True)
class ColumnDetails:
    """What is known of a column. What the server did not say is ``None``, or empty.

    :param character_set: ``binary`` for bytes; ``unknown`` for one that is not in our list.
    :param labels: of an ENUM or SET.
    """

    name: str
    unsigned: bool | None = None
    character_set: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableDetails:
    """A table's columns, one for one with those of its map.

    :param primary_key: indexes of its columns; empty where there is none or it was not said.
    """

    columns: tuple[ColumnDetails, ...]
    primary_key: tuple[int, ...] = ()


def real_type(column: Column) -> int:
    """The type of a column, where ENUM and SET pass for strings."""
    if column.type == table_map.STRING and len(column.metadata) == 2:
        kind = column.metadata[0] | 0x30
        return kind if kind in (table_map.ENUM, table_map.SET) else table_map.STRING
    return column.type


def parse_table_details(table: TableMap, what: str) -> TableDetails:
    """Read all that a map says; columns without a name get ``@1``, ``@2``, … as mysqlbinlog has it.

    Kinds of details that are not known are left out: they say nothing that changes the meaning of the others.

    :raises CorruptArtifactError: it cannot be read.
    """
    fields: dict[int, BodyReader] = {}
    reader = BodyReader(table.details, what)
    while reader.left:
        kind = reader.number(1)
        fields[kind] = BodyReader(reader.take(reader.packed()), what)
    kinds = [real_type(column) for column in table.columns]
    names = _names(fields.get(_NAMES), len(kinds))
    numbers = [index for index, kind in enumerate(kinds) if kind in _NUMBERS]
    unsigned = _signs(fields.get(_SIGNEDNESS), numbers)
    texts = [index for index, kind in enumerate(kinds) if kind in table_map.TEXT_TYPES]
    choices = [index for index, kind in enumerate(kinds) if kind in (table_map.ENUM, table_map.SET)]
    collations = {
        **_collations(fields.get(_DEFAULT_COLLATION), fields.get(_COLLATIONS), texts),
        **_collations(fields.get(_ENUM_DEFAULT_COLLATION), fields.get(_ENUM_COLLATIONS), choices),
    }
    labels: dict[int, list[bytes]] = {}
    for field, kind in ((_SET_LABELS, table_map.SET), (_ENUM_LABELS, table_map.ENUM)):
        labels.update(_labels(fields.get(field), [index for index, each in enumerate(kinds) if each == kind]))
    columns = tuple(
        ColumnDetails(
            name,
            unsigned.get(index),
            _character_set(collations.get(index)),
            tuple(label.decode("utf-8", "backslashreplace") for label in labels.get(index, ())),
        )
        for index, name in enumerate(names)
    )
    return TableDetails(columns, _primary_key(fields))


def _character_set(collation: int | None) -> str | None:
    if collation is None:
        return None
    return _CHARACTER_SET_OF.get(collation - _NO_PAD.start if collation in _NO_PAD else collation, "unknown")


def _names(reader: BodyReader | None, count: int) -> list[str]:
    if reader is None:
        return [f"@{index + 1}" for index in range(count)]
    names = [reader.take(reader.packed()).decode("utf-8", "backslashreplace") for _index in range(count)]
    if reader.left:
        raise reader.damaged("more names than columns")
    return names


def _signs(reader: BodyReader | None, numbers: t.Sequence[int]) -> dict[int, bool]:
    if reader is None:
        return {}
    bits = reader.rest()
    if len(bits) < (len(numbers) + 7) // 8:
        raise reader.damaged("fewer signs than numbers")
    return {column: bool(bits[place // 8] & 0x80 >> place % 8) for place, column in enumerate(numbers)}


def _collations(default: BodyReader | None, each: BodyReader | None, columns: t.Sequence[int]) -> dict[int, int]:
    """By column: of every one in turn, or one for all with those that differ by their place."""
    if default is not None:
        usual = default.packed()
        found = dict.fromkeys(columns, usual)
        while default.left:
            place, collation = default.packed(), default.packed()
            if place >= len(columns):
                raise default.damaged("a collation of no column")
            found[columns[place]] = collation
        return found
    return {} if each is None else {column: each.packed() for column in columns}


def _labels(reader: BodyReader | None, columns: t.Sequence[int]) -> dict[int, list[bytes]]:
    if reader is None:
        return {}
    return {column: [reader.take(reader.packed()) for _label in range(reader.packed())] for column in columns}


def _primary_key(fields: t.Mapping[int, BodyReader]) -> tuple[int, ...]:
    found: list[int] = []
    simple, prefixed = fields.get(_PRIMARY_KEY), fields.get(_PRIMARY_KEY_WITH_PREFIX)
    while simple is not None and simple.left:
        found.append(simple.packed())
    while prefixed is not None and prefixed.left:
        found.append(prefixed.packed())
        prefixed.packed()
    return tuple(found)
