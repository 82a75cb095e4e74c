# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A table as it is on the server now: what tells how logged values are read, compared and written as SQL."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
import typing as t
import uuid

from ...errors import NotFoundError
from ...lazy_dataclass import dataclass
from ..catalog.columns import Column, read_columns
from ..quoting import hex_literal, identifier, literal, qualified
from ..session import Session
from . import table_map
from .row_values import JsonDocument, Value
from .table_details import ColumnDetails, TableDetails, real_type

_INTEGERS = frozenset(("tinyint", "smallint", "mediumint", "int", "bigint"))
_BY_NUMBER = frozenset(("bit", "enum", "set"))
_FLOATS = frozenset(("float", "double", "real"))
_TIMES = frozenset(("date", "time", "datetime", "timestamp", "year"))
_ADDRESSES = {"inet4": 4, "inet6": 16, "uuid": 16}
#: The text of these is the same bytes in utf8mb4, in which statements are sent.
_OF_UNICODE = frozenset(("utf8mb4", "utf8mb3", "utf8", "ascii"))
_STRINGS = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"))
_BYTES = frozenset(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"))


@dataclass(frozen=True)
class LiveColumn:
    """A column with the ways between a value and SQL."""

    column: Column

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_generated(self) -> bool:
        """Whether the server computes it, so that nothing can be written into it."""
        return self.column.is_generated

    @property
    def details(self) -> ColumnDetails:
        """What row events must be told of it."""
        kind = self.column.data_type
        character_set = "binary" if kind in _BYTES else self.column.character_set or None
        return ColumnDetails(self.name, "unsigned" in self.column.column_type.split(" "), character_set)

    @property
    def expression(self) -> str:
        """What to select to get the value for :meth:`of_server`."""
        kind, name = self.column.data_type, identifier(self.name)
        if kind in _BY_NUMBER:
            return f"CAST({name} AS UNSIGNED)"
        if kind == "float":
            # The server shows a FLOAT with six digits only; as a DOUBLE it is exact.
            return f"{name}*1e0"
        return f"CAST({name} AS BINARY)" if kind in _STRINGS else name

    def of_server(self, text: bytes | None) -> Value:
        """The value that the server sent for :attr:`expression`, comparable with :meth:`of_image`."""
        if text is None:
            return None
        kind = self.column.data_type
        if kind in _INTEGERS or kind in _BY_NUMBER:
            return int(text)
        if kind in _FLOATS:
            return float(text)
        if kind == "decimal":
            return _plain_decimal(text.decode("ascii"))
        if kind in _ADDRESSES:
            return _address(kind, text.decode("ascii"))
        if kind == "json":
            return _same_numbers(text.decode("utf-8", "surrogateescape"))
        if kind in _TIMES:
            return text.decode("utf-8", "surrogateescape")
        return text

    def of_image(self, value: Value) -> Value:
        """The value of a row event, comparable with :meth:`of_server`."""
        kind = self.column.data_type
        if kind in _ADDRESSES and isinstance(value, bytes):
            return _address(kind, value.ljust(_ADDRESSES[kind], b"\0"))
        if kind == "decimal" and isinstance(value, str):
            return _plain_decimal(value)
        return _same_numbers(value) if isinstance(value, JsonDocument) else value

    def literal(self, value: Value) -> str:
        """The value in SQL, for a session of utf8mb4, UTC and a sql_mode that escapes by backslashes."""
        if value is None:
            return "NULL"
        if isinstance(value, JsonDocument):
            return value.expression
        if isinstance(value, float):
            text = repr(value)
            return text if "e" in text else f"{text}e0"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, str):
            return value if self.column.data_type == "decimal" else literal(value)
        return self._bytes_literal(value)

    def condition(self, value: Value) -> str:
        """What holds for exactly this value."""
        kind, name = self.column.data_type, identifier(self.name)
        if value is None:
            return f"{name} IS NULL"
        if kind in _BY_NUMBER:
            return f"CAST({name} AS UNSIGNED) = {self.literal(value)}"
        if isinstance(value, bytes) and kind in _STRINGS:
            shown = self._bytes_literal(value)
            # Without the character set it is compared byte by byte.
            return f"CAST({name} AS BINARY) = {shown[shown.index(' ') + 1 :] if shown.startswith('_') else shown}"
        if isinstance(value, bytes) and kind not in _BYTES and kind not in _ADDRESSES:
            return f"HEX({name}) = '{value.hex().upper()}'"
        return f"{name} = {self.literal(value)}"

    def _bytes_literal(self, value: bytes) -> str:
        kind = self.column.data_type
        if kind in _ADDRESSES:
            return literal(_address(kind, value.ljust(_ADDRESSES[kind], b"\0")))
        character_set = self.column.character_set
        if not character_set or not value:
            return hex_literal(value)
        if character_set in _OF_UNICODE:
            try:
                return literal(value.decode("utf-8"))
            except UnicodeDecodeError:
                pass
        return f"_{character_set} {hex_literal(value)}"


@dataclass(frozen=True)
class LiveTable:
    """A table.

    :param key: indexes of the columns of its primary key, or of a unique key none of whose columns may be NULL,
        rather of one that the server does not compute; empty where it has none.
    :param unique: indexes of the columns of all of its unique keys; ``None`` where one of them is an expression.
    """

    database: str
    table: str
    columns: tuple[LiveColumn, ...]
    key: tuple[int, ...]
    unique: frozenset[int] | None
    engine: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.database}.{self.table}"

    @property
    def quoted(self) -> str:
        return qualified(self.database, self.table)

    @property
    def details(self) -> TableDetails:
        return TableDetails(tuple(column.details for column in self.columns), self.key)

    @functools.cached_property
    def written(self) -> tuple[int, ...]:
        """Indexes of the columns that the server does not compute."""
        return tuple(index for index, column in enumerate(self.columns) if not column.is_generated)

    def misfit(self, logged: table_map.TableMap) -> str:
        """Why the table is not the one that was logged, empty where it may be."""
        if len(logged.columns) != len(self.columns):
            return f"it had {len(logged.columns)} columns and has {len(self.columns)}"
        for column, live in zip(logged.columns, self.columns):
            if real_type(column) not in _logged_types(live.column):
                return f"its column {live.name} is {live.column.column_type} now, and was of another type"
        return ""


def read_live_table(session: Session, database: str, table: str) -> LiveTable:
    """Read a table's definition.

    :raises NotFoundError: there is no such table.
    """
    of_table = f"TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(table)}"
    found = session.query(f"SELECT ENGINE, TABLE_TYPE FROM information_schema.TABLES WHERE {of_table}")
    columns = read_columns(session, database).get(table, ())
    if not found or not columns:
        raise NotFoundError(
            f"there is no table {database}.{table} on the server now",
            hint="a table that was dropped or renamed since cannot be brought back from its rows' changes",
        )
    keys = _unique_keys(session, of_table)
    places = {column.name: index for index, column in enumerate(columns)}
    named = {name for names, _nullable in keys for name in names}
    usable = [names for names, nullable in keys if not nullable and all(name in places for name in names)]
    # Computed values are not in every log. The order is otherwise kept.
    usable.sort(key=lambda names: any(columns[places[name]].is_generated for name in names))
    return LiveTable(
        database=database,
        table=table,
        columns=tuple(map(LiveColumn, columns)),
        key=tuple(places[name] for name in usable[0]) if usable else (),
        unique=None if "" in named else frozenset(places[name] for name in named),
        engine=found[0][0] or "",
        kind=found[0][1] or "",
    )


def _unique_keys(session: Session, of_table: str) -> list[tuple[list[str], bool]]:
    """The columns of each unique key, the primary key first, and whether one of them may be NULL."""
    keys: dict[str, list[str]] = {}
    nullable: set[str] = set()
    rows = session.query(
        "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE FROM information_schema.STATISTICS "
        f"WHERE {of_table} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX"
    )
    for index, column, may_be_null in rows:
        keys.setdefault(index or "", []).append(column or "")
        # A part of a key that is an expression has no column.
        if may_be_null == "YES" or not column:
            nullable.add(index or "")
    return [(columns, name in nullable) for name, columns in keys.items()]


def _plain_decimal(text: str) -> str:
    """Without the zeros in front that ZEROFILL shows."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    plain = re.sub(r"^0+(?=\d)", "", digits)
    return plain if not plain.strip("0.") else sign + plain


def _same_numbers(document: str) -> str:
    """JSON with whole numbers in one spelling: MySQL 5.7 shows a double without its ``.0``."""
    try:
        return json.dumps(json.loads(document, parse_float=_whole_if_it_can_be))
    except ValueError:
        return document


def _whole_if_it_can_be(text: str) -> int | float:
    return int(text[:-2]) if text.endswith(".0") else float(text)


def _address(kind: str, address: bytes | str) -> str:
    """In one spelling, of its bytes or of the server's."""
    if kind == "uuid":
        return str(uuid.UUID(bytes=address) if isinstance(address, bytes) else uuid.UUID(address))
    return str(ipaddress.IPv4Address(address) if kind == "inet4" else ipaddress.IPv6Address(address))


_TYPES: dict[str, t.Collection[int]] = {
    "tinyint": (table_map.TINY,),
    "smallint": (table_map.SHORT,),
    "mediumint": (table_map.INT24,),
    "int": (table_map.LONG,),
    "bigint": (table_map.LONGLONG,),
    "float": (table_map.FLOAT,),
    "double": (table_map.DOUBLE,),
    "decimal": (table_map.NEWDECIMAL,),
    "bit": (table_map.BIT,),
    "enum": (table_map.ENUM,),
    "set": (table_map.SET,),
    "date": (table_map.DATE, table_map.NEWDATE),
    "time": (table_map.TIME, table_map.TIME2),
    "datetime": (table_map.DATETIME, table_map.DATETIME2),
    "timestamp": (table_map.TIMESTAMP, table_map.TIMESTAMP2),
    "year": (table_map.YEAR,),
    "char": (table_map.STRING,),
    "binary": (table_map.STRING,),
    "json": (table_map.JSON,),
    "inet4": (table_map.STRING,),
    "inet6": (table_map.STRING,),
    "uuid": (table_map.STRING,),
}
_VARCHARS = (table_map.VARCHAR, table_map.VAR_STRING, table_map.VARCHAR_COMPRESSED)
_BLOBS = (table_map.BLOB, table_map.BLOB_COMPRESSED, table_map.TINY_BLOB, table_map.MEDIUM_BLOB, table_map.LONG_BLOB)


def _logged_types(column: Column) -> t.Collection[int]:
    kind = column.data_type
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in ("varchar", "varbinary"):
        return _VARCHARS
    if kind == "vector":
        return (table_map.VECTOR, *_VARCHARS)
    if "blob" in kind or "text" in kind:
        return _BLOBS
    return (table_map.GEOMETRY,)
