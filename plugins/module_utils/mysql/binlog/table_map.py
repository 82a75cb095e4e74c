# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Table maps: which table the row events that follow are about, and how its columns are stored in them."""

from __future__ import annotations

from ...lazy_dataclass import dataclass
from .body import BodyReader

# Types of columns as the server numbers them.
DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24 = range(10)
DATE, TIME, DATETIME, YEAR, NEWDATE, VARCHAR, BIT, TIMESTAMP2, DATETIME2, TIME2 = range(10, 20)
TYPED_ARRAY = 20
BLOB_COMPRESSED, VARCHAR_COMPRESSED = 140, 141
VECTOR, JSON, NEWDECIMAL, ENUM, SET = 242, 245, 246, 247, 248
TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, VAR_STRING, STRING, GEOMETRY = range(249, 256)
#: The types of columns that hold text, or bytes.
TEXT_TYPES = frozenset(
    (VARCHAR, VARCHAR_COMPRESSED, VAR_STRING, STRING, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, BLOB_COMPRESSED)
)

_METADATA_SIZES = {
    **dict.fromkeys((FLOAT, DOUBLE, BLOB, GEOMETRY, JSON, VECTOR, TIMESTAMP2, DATETIME2, TIME2, BLOB_COMPRESSED), 1),
    **dict.fromkeys((TINY_BLOB, MEDIUM_BLOB, LONG_BLOB), 1),
    **dict.fromkeys((VARCHAR, VAR_STRING, STRING, BIT, NEWDECIMAL, ENUM, SET, VARCHAR_COMPRESSED), 2),
}


@dataclass(frozen=True)
class Column:
    """How a column's values are stored.

    :param metadata: what the type needs to tell a value's length, in the order of its bytes.
    """

    type: int
    metadata: bytes


@dataclass(frozen=True)
class TableMap:
    """A table as row events name it.

    :param id: what the events of this statement call it.
    :param details: what the server says beyond that (``binlog_row_metadata``), see :mod:`.table_details`.
    """

    id: int
    database: str
    table: str
    columns: tuple[Column, ...]
    details: bytes = b""

    @property
    def name(self) -> str:
        return f"{self.database}.{self.table}"


def parse_table_map(body: bytes, what: str) -> TableMap:
    """The table in a table map event.

    :raises CorruptArtifactError: it cannot be read, or has a column type that is not known.
    """
    reader = BodyReader(body, what)
    table_id = reader.number(6)
    reader.take(2)
    database = reader.short_text().decode("utf-8", "backslashreplace")
    reader.ended()
    table = reader.short_text().decode("utf-8", "backslashreplace")
    reader.ended()
    types = reader.take(reader.packed())
    metadata = BodyReader(reader.take(reader.packed()), what)
    columns = tuple(Column(kind, metadata.take(_metadata_size(kind))) for kind in types)
    if metadata.left:
        raise reader.damaged(f"the columns' metadata has {metadata.left} bytes too many")
    # Which columns may be NULL is of no use to a reader of rows.
    reader.take((len(types) + 7) // 8)
    return TableMap(table_id, database, table, columns, reader.rest())


def _metadata_size(kind: int) -> int:
    return _METADATA_SIZES.get(kind, 0)
