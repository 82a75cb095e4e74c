# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Rows as INSERT statements instead of COPY text, in pg_dump's words but where those lose something.

The rows are read with COPY all the same; what it escapes is undone here, and each value written as a constant of its
type.
"""

from __future__ import annotations

import re
import typing as t

from ..lazy_dataclass import dataclass
from ..streams.base import Buffer, ByteSink
from .contents import DataItem
from .quoting import identifier, qualified
from .session import Session
from .text import to_bytes

#: The base types of the columns: a domain's value is written as one of what it is over.
_COLUMNS = """
    WITH RECURSIVE base (number, name, generated, identity, type, kind, over) AS (
        SELECT a.attnum, a.attname, {generated}, a.attidentity, y.oid, y.typtype, y.typbasetype
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
        WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT b.number, b.name, b.generated, b.identity, y.oid, y.typtype, y.typbasetype
        FROM base b JOIN pg_catalog.pg_type y ON y.oid = b.over WHERE b.kind = 'd'
    )
    SELECT name, generated, identity, type FROM base WHERE kind <> 'd' ORDER BY number
"""
_NUMBERS = frozenset((20, 21, 23, 26, 700, 701, 1700))
_BITS = frozenset((1560, 1562))
_BOOLEAN = 16
#: A number of these letters only is one to the server's scanner too, unlike NaN and Infinity.
_NUMBER_LETTERS = b"0123456789 +-eE."
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
#: The scanner would take it for an integer, which has no negative zero.
_NEGATIVE_ZERO = b"-0"
_NULL = b"\\N"
_DEFAULT_IN_ROWS_SINCE = 140000
#: What stands after the last statement of a table.
END = b"\n\n"

_Constant = t.Callable[[bytes], bytes]


@dataclass(frozen=True)
class InsertOptions:
    """How rows become statements.

    :param columns: with the names of the columns.
    :param rows: the most rows of one statement.
    """

    columns: bool
    rows: int
    on_conflict_do_nothing: bool


@dataclass(frozen=True)
class InsertForm:
    """How the rows of one table become statements.

    :param copy_statement: what reads the rows.
    :param head: what every statement begins with, up to its values.
    :param constants: of each column read, what makes a constant of a value; ``None`` for one that stands for DEFAULT.
    """

    copy_statement: str
    head: bytes
    constants: tuple[_Constant | None, ...]


def insert_form(session: Session, item: DataItem, options: InsertOptions) -> InsertForm:
    """How the rows of a table are to be written."""
    name = qualified(item.schema, item.name)
    generated = "a.attgenerated" if session.version >= 120000 else "''::text"
    columns = session.rows(_COLUMNS.format(generated=generated), (str(item.table),))
    # A query with a condition of its own reads what it names, which generated columns are not among.
    named = options.columns or not item.select
    # Servers before refuse DEFAULT for a generated column in a statement of several rows.
    if options.rows > 1 and session.version < _DEFAULT_IN_ROWS_SINCE:
        named = named or any(column[1] for column in columns)
    if named:
        columns = [column for column in columns if not column[1]]
    if not columns:
        return InsertForm(item.copy_statement, to_bytes(f"INSERT INTO {item.into or name} DEFAULT VALUES"), ())
    names = ", ".join(identifier(column) for column, _generated, _identity, _type in columns)
    into = item.into or name
    head = f"INSERT INTO {into} ({names}) " if named else f"INSERT INTO {into} "
    if any(identity == "a" for _column, _generated, identity, _type in columns):
        head += "OVERRIDING SYSTEM VALUE "
    statement = item.copy_statement
    if item.select:
        listed = ", ".join("NULL" if generated else identifier(column) for column, generated, _id, _type in columns)
        statement = f"COPY (SELECT {listed} FROM ONLY {name}) TO stdout"
    constants = tuple(None if generated else _constant(int(oid)) for _column, generated, _identity, oid in columns)
    return InsertForm(statement, to_bytes(f"{head}VALUES"), constants)


class InsertSink:
    """Takes COPY text and passes INSERT statements on."""

    def __init__(self, inner: ByteSink, form: InsertForm, options: InsertOptions) -> None:
        self._inner = inner
        self._form = form
        self._limit = options.rows
        self._end = b" ON CONFLICT DO NOTHING;\n" if options.on_conflict_do_nothing and form.constants else b";\n"
        self._parts: list[bytes] = []
        self._in_statement = 0

    def write(self, data: Buffer) -> None:
        block = bytes(data)
        # A very wide row comes in many pieces.
        self._parts.append(block)
        if b"\n" not in block:
            return
        text = b"".join(self._parts)
        end = text.rindex(b"\n")
        self._parts = [text[end + 1 :]]
        self._inner.write(self._statements(text[:end].split(b"\n")))

    def close(self) -> None:
        if self._in_statement:
            self._inner.write(self._end)
        self._inner.write(END)
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def _statements(self, rows: t.Sequence[bytes]) -> bytes:
        head, constants = self._form.head, self._form.constants
        if not constants:
            return (head + self._end) * len(rows)
        # Column by column: what is the same for all of a column's values is done once for all.
        columns = zip(*[row.split(b"\t") for row in rows])
        values = map(b", ".join, zip(*map(_constants, constants, columns)))
        if self._limit == 1:
            end = b")" + self._end
            return b"".join([b"".join((head, b" (", row, end)) for row in values])
        return b"".join([piece for row in values for piece in self._row(row)])

    def _row(self, values: bytes) -> t.Iterator[bytes]:
        if not self._in_statement:
            yield self._form.head
        yield b",\n\t(" if self._in_statement else b"\n\t("
        yield values
        yield b")"
        self._in_statement += 1
        if self._in_statement == self._limit:
            yield self._end
            self._in_statement = 0


def _constants(constant: _Constant | None, fields: t.Sequence[bytes]) -> t.Sequence[bytes]:
    """The constants of one column in many rows."""
    if constant is None:
        return [b"DEFAULT"] * len(fields)
    # A raw tab stands only between the fields of COPY text, so the column can be handled as one text.
    joined = b"\t".join(fields)
    if b"\\" not in joined:
        if constant is _string:
            return (b"'" + joined.replace(b"'", b"''").replace(b"\t", b"'\t'") + b"'").split(b"\t")
        if constant is _number and not joined.translate(None, _NUMBER_LETTERS + b"\t") and _NEGATIVE_ZERO not in joined:
            return fields
    return [_constant_of(constant, field) for field in fields]


def _constant_of(constant: _Constant, field: bytes) -> bytes:
    if field == _NULL:
        return b"NULL"
    if b"\\" in field:
        field = _ESCAPE.sub(_unescaped, field)
    return constant(field)


def _unescaped(match: re.Match[bytes]) -> bytes:
    letter = match.group(1)
    return _ESCAPED.get(letter, letter)


def _constant(base_type: int) -> _Constant:
    if base_type in _NUMBERS:
        return _number
    if base_type in _BITS:
        return _bits
    return _boolean if base_type == _BOOLEAN else _string


def _number(value: bytes) -> bytes:
    plain = not value.strip(_NUMBER_LETTERS) and value != _NEGATIVE_ZERO
    return value if plain else b"'" + value + b"'"


def _bits(value: bytes) -> bytes:
    return b"B'" + value + b"'"


def _boolean(value: bytes) -> bytes:
    return b"true" if value == b"t" else b"false"


def _string(value: bytes) -> bytes:
    return b"'" + value.replace(b"'", b"''") + b"'"
