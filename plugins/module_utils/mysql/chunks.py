# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges of a table's rows by its key: which key can divide it, the conditions of a range, and where to divide one.

Nothing here trusts an estimate. A range is read in the order of its key up to a number of rows; the key of the last row
that was read is the exact place where the rest begins. Two neighbours share one bound, which the server compares with
``<`` for the one and with ``>=`` for the other, so no row is in both and none in neither, wherever the bound lies.
"""

from __future__ import annotations

import decimal
import typing as t

from ..lazy_dataclass import dataclass
from . import quoting
from .catalog.columns import Column
from .catalog.tables import Table
from .rows import HEX, NUMBER, TEXT, value_text
from .session import Session

#: Literals in SQL of the first columns of a key, or of all.
Bound = tuple[str, ...]

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year"})
_TIMES = frozenset({"date", "datetime", "timestamp"})
_BYTES = frozenset({"binary", "varbinary"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
# What these compare as is what they are ordered by. ENUM and SET are ordered by number and compared as text; floating
# point numbers need not be equal to their own text.
_KEY_TYPES = _INTEGERS | _TIMES | _BYTES | _TEXTS | {"decimal", "time", "inet4", "inet6", "uuid"}
# Their text comes and goes back without loss; others are read by one process.
_EXACT_CHARACTER_SETS = frozenset({"", "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
_DIGITS_OF_A_MIDDLE = 8
# Two orders that keys of text often have: that of their codes, and letters without their case behind the digits.
_ORDERS = (
    "".join(map(chr, range(0x20, 0x7F))),
    "".join(sorted(map(chr, range(0x20, 0x7F)), key=lambda one: (one.isalnum(), one.isalpha(), one.lower()))),
)


@dataclass(frozen=True)
class KeyColumn:
    """A column of a key.

    :param field: which of the values of a row packet it is, from 0.
    :param form: how the text of its values is written, see :mod:`.rows`.
    :param character_set: empty for types without one.
    """

    name: str
    data_type: str
    field: int
    form: int
    character_set: str

    @property
    def quoted(self) -> str:
        return quoting.identifier(self.name)

    def literal(self, value: bytes) -> str:
        """A value, as the server sent it, in SQL."""
        return value_text(self.form, value).decode("utf-8", "replace")


@dataclass(frozen=True)
class Key:
    """The key by which a table is read.

    :param index: its name.
    """

    index: str
    columns: tuple[KeyColumn, ...]

    @property
    def order(self) -> str:
        return ", ".join(column.quoted for column in self.columns)

    @property
    def reversed_order(self) -> str:
        return ", ".join(f"{column.quoted} DESC" for column in self.columns)


@dataclass(frozen=True)
class Range:
    """Rows of one table or partition between two places of its key.

    :param first: its first place, ``None`` for the beginning.
    :param behind: the range begins behind the row whose whole key :attr:`first` is, not at it.
    :param before: the first place that is no longer in it, ``None`` for the end.
    """

    first: Bound | None = None
    behind: bool = False
    before: Bound | None = None

    def conditions(self, key: Key) -> tuple[str, ...]:
        """What the rows meet, to be joined with AND."""
        found = []
        if self.first is not None:
            found.append(_compared(key, self.first, ">", last=">" if self.behind else ">="))
            if len(self.first) > 1:
                # What the whole condition says already; it shows the server where in the index to begin.
                found.append(f"{key.columns[0].quoted} >= {self.first[0]}")
        if self.before is not None:
            found.append(_compared(key, self.before, "<", last="<"))
            if len(self.before) > 1:
                found.append(f"{key.columns[0].quoted} <= {self.before[0]}")
        return tuple(found)

    def rest(self, last: Bound) -> Range:
        """What is left of it when the row of this key was read."""
        return Range(last, True, self.before)

    def divided(self, bound: Bound) -> tuple[Range, Range]:
        return Range(self.first, self.behind, bound), Range(bound, False, self.before)


def _compared(key: Key, bound: Bound, sign: str, *, last: str) -> str:
    """``(a > 1 OR (a = 1 AND b >= 2))``: servers do not look up ``(a, b) >= (1, 2)`` in the index."""
    column = key.columns[len(bound) - 1].quoted
    text = f"{column} {last} {bound[-1]}"
    for number in range(len(bound) - 2, -1, -1):
        column = key.columns[number].quoted
        text = f"({column} {sign} {bound[number]} OR ({column} = {bound[number]} AND {text}))"
    return text


def read_key(session: Session, table: Table) -> Key | None:
    """The key in whose order the table is stored, if it can divide it."""
    columns: dict[str, list[dict[str, str | None]]] = {}
    for record in session.records(f"SHOW INDEX FROM {quoting.identifier(table.name)}"):
        columns.setdefault(record["key_name"] or "", []).append(record)
    unique = [
        name
        for name, parts in columns.items()
        if all(part["non_unique"] == "0" and not part["null"] and part["column_name"] for part in parts)
    ]
    name = "PRIMARY" if "PRIMARY" in columns else next(iter(unique), "")
    if name not in unique or any(part["sub_part"] or part["index_type"] != "BTREE" for part in columns[name]):
        return None
    places: dict[str, tuple[int, Column]] = {}
    field = 0
    for column in table.stored_columns:
        places[column.name.casefold()] = (field, column)
        field += len(column.expressions)
    found = []
    for part in sorted(columns[name], key=lambda part: int(part["seq_in_index"] or 0)):
        place, stored = places.get((part["column_name"] or "").casefold(), (0, None))
        if stored is None or not _is_usable(stored):
            return None
        found.append(KeyColumn(stored.name, stored.data_type, place, stored.format.form, stored.character_set))
    return Key(name, tuple(found))


def _is_usable(column: Column) -> bool:
    return (
        column.data_type in _KEY_TYPES
        and column.character_set in _EXACT_CHARACTER_SETS
        and column.format.form in (NUMBER, TEXT, HEX)
        and not column.format.has_large
    )


def source_of(table: Table, partition: str, key: Key | None) -> str:
    """What stands behind FROM."""
    text = quoting.identifier(table.name)
    if partition:
        text += f" PARTITION ({quoting.identifier(partition)})"
    return f"{text} FORCE INDEX ({quoting.identifier(key.index)})" if key else text


def is_exact(session: Session, source: str, key: Key, place: Bound) -> bool:
    """Whether a key names exactly the row it was read from, byte for byte."""
    conditions = []
    for column, literal in zip(key.columns, place):
        conditions.append(f"{column.quoted} = {literal}")
        if column.character_set:
            given = f"CONVERT({literal} USING {column.character_set})"
            conditions.append(f"CAST({column.quoted} AS BINARY) = CAST({given} AS BINARY)")
    found = session.query_bytes(f"SELECT 1 FROM {source} WHERE {' AND '.join(conditions)} LIMIT 2")
    return len(found) == 1


def divide(session: Session, table: Table, source: str, key: Key, whole: Range) -> Bound | None:
    """A place inside of a range with rows on both sides, about in the middle; ``None`` where none is found."""
    low = _outermost(session, table, source, key, whole, key.order)
    high = _outermost(session, table, source, key, whole, key.reversed_order)
    if low is None or high is None:
        return None
    number = next((one for one in range(len(key.columns)) if low[one] != high[one]), None)
    if number is None:
        return None
    column = key.columns[number]
    same = tuple(column.literal(value) for column, value in zip(key.columns[:number], low))
    for middle in _middles(session, column, low[number], high[number]):
        # The next row at or behind the middle tells a real key: whatever the middle is, the rows are divided there.
        upper = Range((*same, middle), False, whole.before)
        found = _outermost(session, table, source, key, upper, key.order, *whole.conditions(key))
        if found is None:
            continue
        bound = (*same, column.literal(found[number]))
        # Only with rows on this side too does the bound lie behind the beginning of the whole.
        if _outermost(session, table, source, key, whole.divided(bound)[0], key.order) is not None:
            return bound
    return None


def _outermost(
    session: Session, table: Table, source: str, key: Key, part: Range, order: str, *others: str
) -> tuple[bytes, ...] | None:
    """The key of the first row of a range in an order."""
    columns = {column.name: column for column in table.stored_columns}
    values = ", ".join(columns[column.name].expressions[0] for column in key.columns)
    conditions = " AND ".join((*part.conditions(key), *others)) or "TRUE"
    rows = session.query_bytes(f"SELECT {values} FROM {source} WHERE {conditions} ORDER BY {order} LIMIT 1")
    return tuple(value or b"" for value in rows[0]) if rows else None


def _middles(session: Session, column: KeyColumn, low: bytes, high: bytes) -> t.Iterator[str]:
    """Literals about half-way between two values, the likeliest first."""
    if column.data_type in _INTEGERS:
        yield str((int(low) + int(high)) // 2 + 1)
    elif column.data_type == "decimal":
        yield str((decimal.Decimal(low.decode()) + decimal.Decimal(high.decode())) / 2)
    elif column.form == HEX:
        yield quoting.hex_literal(_middle_bytes(bytes.fromhex(low.decode()), bytes.fromhex(high.decode())))
    elif column.data_type in _TIMES:
        first, last = column.literal(low), column.literal(high)
        middle = session.scalar(
            f"SELECT DATE_ADD({first}, INTERVAL TIMESTAMPDIFF(SECOND, {first}, {last}) DIV 2 + 1 SECOND)"
        )
        if middle:
            yield quoting.literal(middle)
    elif column.character_set:
        first, last = low.decode("utf-8", "replace"), high.decode("utf-8", "replace")
        for weights in ((1, 1), (3, 1), (1, 3)):
            for order in _ORDERS:
                yield quoting.literal(middle_text(first, last, order, weights))


def _middle_bytes(low: bytes, high: bytes) -> bytes:
    size = max(len(low), len(high)) + 1
    middle = (int.from_bytes(low.ljust(size, b"\0"), "big") + int.from_bytes(high.ljust(size, b"\0"), "big")) // 2
    return middle.to_bytes(size, "big")


def middle_text(low: str, high: str, order: str, weights: tuple[int, int] = (1, 1)) -> str:
    """Text about half-way between two, their characters taken as digits of a fraction.

    :param order: the characters from low to high; others count as the highest.
    :param weights: of the two; equal ones give the middle.
    """
    shared = 0
    while shared < min(len(low), len(high)) and low[shared] == high[shared]:
        shared += 1
    base = len(order)

    def number(text: str) -> int:
        digits = [order.find(character) % base for character in text[shared : shared + _DIGITS_OF_A_MIDDLE]]
        value = 0
        for digit in digits + [0] * (_DIGITS_OF_A_MIDDLE - len(digits)):
            value = value * base + digit
        return value

    middle = (number(low) * weights[0] + number(high) * weights[1]) // sum(weights)
    characters = []
    for _place in range(_DIGITS_OF_A_MIDDLE):
        middle, digit = divmod(middle, base)
        characters.append(order[digit])
    # A blank at the end need not count; the first of the order stands for nothing more.
    return low[:shared] + "".join(reversed(characters)).rstrip(order[0])
