# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Columns: which are read, with which expression, and how their values are written."""

from __future__ import annotations

import re

from ...errors import UnsupportedObjectError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..rows import HEX, LARGE_VALUE, NUMBER, TEXT, VERBATIM, ColumnFormat
from ..session import Session

_NUMBER_TYPES = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"})
_FLOAT_TYPES = frozenset({"float", "double", "real"})
_TEXT_TYPES = frozenset(
    {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"}
    | {"date", "datetime", "timestamp", "time", "inet4", "inet6", "uuid"}
)
_SHORT_BYTES_TYPES = frozenset({"bit", "binary", "varbinary", "tinyblob", "blob", "vector"})
_LONG_BYTES_TYPES = frozenset(
    {"mediumblob", "longblob", "geometry", "point", "linestring", "polygon", "geometrycollection", "geomcollection"}
    | {"multipoint", "multilinestring", "multipolygon"}
)
_LONG_TEXT_TYPES = frozenset({"mediumtext", "longtext"})
KNOWN_TYPES = _NUMBER_TYPES | _FLOAT_TYPES | _TEXT_TYPES | _SHORT_BYTES_TYPES | _LONG_BYTES_TYPES
# Their text goes to utf8mb4 and back without loss; others have characters that do not (several cp932 codes share one
# Unicode character), so their bytes are written under their own character set.
_LOSSLESS_CHARACTER_SETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
_END_OF_TIME = "2038-01-19 03:14:07.999999"
_ROW_TIMES = {"ROW START": "start", "ROW END": "end"}
_MEMBER = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :param data_type: in lower case, without length: ``varchar``.
    :param column_type: complete: ``varchar(20)``.
    :param character_set: empty for types without one.
    :param is_generated: computed by the server (also row start and row end of a system-versioned table).
    :param row_time: of a system-versioned table, ``start`` or ``end`` of a row's time of being current; else empty.
    :param is_invisible: left out of ``SELECT *`` and of an INSERT without a list of columns.
    """

    name: str
    data_type: str
    column_type: str
    character_set: str
    is_generated: bool
    is_invisible: bool
    row_time: str = ""

    @property
    def format(self) -> ColumnFormat:
        """How the values of :attr:`expressions` are written."""
        if self.row_time == "end":
            return ColumnFormat(VERBATIM)
        if self._is_by_number or self.data_type in _NUMBER_TYPES:
            return ColumnFormat(NUMBER)
        if self._is_bytes:
            return ColumnFormat(HEX, has_large=self.data_type in _LONG_BYTES_TYPES)
        if self._is_foreign_text:
            prefix = f"_{self.character_set} 0x".encode()
            return ColumnFormat(VERBATIM, has_large=self.data_type in _LONG_TEXT_TYPES, large_prefix=prefix)
        # Floating point numbers too: without quotes -0 would be the integer 0.
        return ColumnFormat(TEXT)

    @property
    def expressions(self) -> tuple[str, ...]:
        """What to select: one expression, or two where large values come apart (see :class:`..rows.ColumnFormat`)."""
        name = quoting.identifier(self.name)
        if self.row_time == "end":
            # Of a row that is current it is the largest time that the server knows, another one since 11.5. What is
            # written as it is holds no quotes, so a time is written as a number.
            return (f"IF({name}>='{_END_OF_TIME}','DEFAULT',{name}+0)",)
        if self._is_by_number:
            return (f"CAST({name} AS UNSIGNED)",)
        if self.data_type == "float":
            # The server prints a FLOAT with six digits only; as a DOUBLE it is exact.
            return (f"{name}*1e0",)
        if self._is_bytes:
            return _apart(name, f"HEX({name})", name) if self.format.has_large else (f"HEX({name})",)
        if self._is_foreign_text:
            literal = f"IF(LENGTH({name})=0,'',CONCAT('_{self.character_set} 0x',HEX({name})))"
            return _apart(name, literal, f"CAST({name} AS BINARY)") if self.format.has_large else (literal,)
        return (name,)

    @property
    def _is_bytes(self) -> bool:
        return self.data_type in _SHORT_BYTES_TYPES or self.data_type in _LONG_BYTES_TYPES

    @property
    def _is_foreign_text(self) -> bool:
        return bool(self.character_set) and self.character_set not in _LOSSLESS_CHARACTER_SETS

    @property
    def _is_by_number(self) -> bool:
        """ENUM and SET with '' as a member: its text and that of the error value (or empty set) are the same."""
        return self.data_type in ("enum", "set") and "" in _MEMBER.findall(self.column_type)


def _apart(name: str, small: str, large: str) -> tuple[str, str]:
    condition = f"LENGTH({name})>{LARGE_VALUE}"
    return f"IF({condition},NULL,{small})", f"IF({condition},{large},NULL)"


def read_columns(session: Session, database: str) -> dict[str, tuple[Column, ...]]:
    """The columns of every table and view of a database, by its name."""
    rows = session.each(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, EXTRA, GENERATION_EXPRESSION "
        "FROM information_schema.COLUMNS "
        f"WHERE TABLE_SCHEMA = {quoting.literal(database)} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    tables: dict[str, list[Column]] = {}
    found: dict[str, tuple[Column, ...]] = {}
    # Very many tables often have the same columns.
    known: dict[tuple[str | None, ...], Column] = {}
    for name, *facts in rows:
        column = known.get(tuple(facts)) or known.setdefault(tuple(facts), _column(*facts))
        tables.setdefault(name or "", []).append(column)
    same: dict[tuple[Column, ...], tuple[Column, ...]] = {}
    for name, listed in tables.items():
        columns = tuple(listed)
        found[name] = same.setdefault(columns, columns)
    return found


def _column(
    name: str | None,
    data_type: str | None,
    column_type: str | None,
    character_set: str | None,
    extra: str | None,
    expression: str | None,
) -> Column:
    extra = (extra or "").upper().replace("DEFAULT_GENERATED", "")
    return Column(
        name=name or "",
        data_type=(data_type or "").lower(),
        column_type=column_type or "",
        character_set=character_set or "",
        is_generated=bool(expression) or "GENERATED" in extra,
        is_invisible="INVISIBLE" in extra,
        row_time=_ROW_TIMES.get((expression or "").upper(), ""),
    )


def row_times(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The columns of a system-versioned table with those that say when a row was current, which may not be listed.

    :raises UnsupportedObjectError: it counts transactions instead of time, and such history cannot be loaded again.
    """
    precise = [column.name for column in columns if column.row_time and column.data_type != "timestamp"]
    if precise:
        raise UnsupportedObjectError(
            f"the history of a table counts transactions, not time ({', '.join(precise)}): no server loads it again",
            hint="leave dump_history out, or exclude the table",
        )
    if any(column.row_time for column in columns):
        return columns
    return (
        *columns,
        *(
            Column(f"row_{when}", "timestamp", "timestamp(6)", "", is_generated=True, is_invisible=True, row_time=when)
            for when in ("start", "end")
        ),
    )
