# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Row events: how many rows they hold. Nothing is decoded; every value is stepped over by its length."""

from __future__ import annotations

import typing as t

from . import codes, table_map
from .body import BodyReader
from .packed_decimal import decimal_size
from .table_map import Column, TableMap

_FIXED_SIZES = {
    table_map.TINY: 1,
    table_map.SHORT: 2,
    table_map.INT24: 3,
    table_map.LONG: 4,
    table_map.LONGLONG: 8,
    table_map.YEAR: 1,
    table_map.DATE: 3,
    table_map.NEWDATE: 3,
    table_map.TIME: 3,
    table_map.TIMESTAMP: 4,
    table_map.DATETIME: 8,
    table_map.NULL: 0,
}
_WITH_FRACTION = {table_map.TIMESTAMP2: 4, table_map.DATETIME2: 5, table_map.TIME2: 3}
_LENGTH_IN_METADATA = frozenset((table_map.FLOAT, table_map.DOUBLE))
_LENGTH_PREFIXED = frozenset(
    (
        table_map.BLOB,
        table_map.TINY_BLOB,
        table_map.MEDIUM_BLOB,
        table_map.LONG_BLOB,
        table_map.GEOMETRY,
        table_map.JSON,
        table_map.VECTOR,
        table_map.BLOB_COMPRESSED,
    )
)

#: A value's length: a fixed number of bytes, or (negative) how many bytes hold its length.
Width = int


class RowsHead(t.NamedTuple):
    """The front of a row event.

    :param present: for each image of a row (one, or two for an update) whether each column is in it.
    """

    table_id: int
    flags: int
    present: tuple[tuple[bool, ...], ...]
    rows: bytes


def parse_rows_head(event_type: int, body: bytes, what: str) -> RowsHead:
    """Which table a row event is about, and its undecoded rows.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body, what)
    table_id, flags = reader.number(6), reader.number(2)
    if event_type not in codes.ROWS_V1:
        # The length of what follows counts itself.
        reader.take(reader.number(2) - 2)
    columns = reader.packed()
    images = 2 if event_type in codes.UPDATES else 1
    present = tuple(_bits(reader.take((columns + 7) // 8), columns) for _image in range(images))
    return RowsHead(table_id, flags, present, reader.rest())


def count_rows(event_type: int, head: RowsHead, table: TableMap, what: str) -> int:
    """How many rows an event inserts, updates or deletes.

    :raises CorruptArtifactError: the rows do not end where the event does.
    """
    reader = BodyReader(head.rows, what)
    if any(len(columns) != len(table.columns) for columns in head.present):
        raise reader.damaged(f"it has not as many columns as the map of {table.name}")
    widths = [width_of(column, reader) for column in table.columns]
    images = [[width for width, there in zip(widths, present) if there] for present in head.present]
    if event_type == codes.PARTIAL_UPDATE_ROWS:
        json_columns = sum(column.type == table_map.JSON for column in table.columns)
        return _count_partial(reader, images, (json_columns + 7) // 8)
    return _count(head.rows, images, reader)


def _count(rows: bytes, images: t.Sequence[t.Sequence[Width]], reader: BodyReader) -> int:
    """Step over the images of rows, in one function because a binlog is mostly this."""
    plans = [(image, (len(image) + 7) // 8, _merged(image)) for image in images]
    at, end, images_seen = 0, len(rows), 0
    while at < end:
        begin = at
        for image, nulls_size, merged in plans:
            nulls = int.from_bytes(rows[at : at + nulls_size], "little")
            at += nulls_size
            if nulls:
                for index, width in enumerate(image):
                    if not nulls >> index & 1:
                        at += width if width >= 0 else int.from_bytes(rows[at : at - width], "little") - width
            else:
                for width in merged:
                    at += width if width >= 0 else int.from_bytes(rows[at : at - width], "little") - width
        if at == begin:
            raise reader.damaged("rows without a byte")
        images_seen += 1
    if at != end:
        raise reader.damaged(f"its rows end {at - end} bytes behind it")
    return images_seen


def _merged(widths: t.Iterable[Width]) -> list[Width]:
    """The same with fixed widths that follow each other as one."""
    merged: list[Width] = []
    for width in widths:
        if width >= 0 and merged and merged[-1] >= 0:
            merged[-1] += width
        else:
            merged.append(width)
    return merged


def _count_partial(reader: BodyReader, images: t.Sequence[t.Sequence[Width]], differences_size: int) -> int:
    """The same where the images after the update may hold differences of JSON documents."""
    rows = 0
    while reader.left:
        before = reader.left
        for index, image in enumerate(images):
            if index == 1 and reader.packed() & 1:
                # Which of the JSON columns are stored as differences; their lengths are written alike.
                reader.take(differences_size)
            nulls = int.from_bytes(reader.take((len(image) + 7) // 8), "little")
            for place, width in enumerate(image):
                if not nulls >> place & 1:
                    reader.take(width if width >= 0 else reader.number(-width))
        if reader.left == before:
            raise reader.damaged("rows without a byte")
        rows += 1
    return rows


def width_of(column: Column, reader: BodyReader) -> Width:
    """How a column's values tell their length.

    :raises CorruptArtifactError: the type is not known.
    """
    kind, metadata = column.type, column.metadata
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind in _LENGTH_IN_METADATA:
        return metadata[0]
    if kind in _WITH_FRACTION:
        return _WITH_FRACTION[kind] + (metadata[0] + 1) // 2
    if kind in _LENGTH_PREFIXED:
        return -metadata[0]
    if kind in (table_map.VARCHAR, table_map.VAR_STRING, table_map.VARCHAR_COMPRESSED):
        return -2 if int.from_bytes(metadata, "little") > 255 else -1
    if kind == table_map.NEWDECIMAL:
        return decimal_size(metadata[0], metadata[1])
    if kind == table_map.BIT:
        return metadata[1] + (metadata[0] > 0)
    if kind in (table_map.STRING, table_map.ENUM, table_map.SET):
        return _string_width(metadata)
    raise reader.damaged(f"a column of the unknown type {kind}")


def _string_width(metadata: bytes) -> Width:
    # The first byte is the real type, two of whose bits may be spent, inverted, on a length over 255.
    kind, length = metadata[0], metadata[1]
    if kind & 0x30 != 0x30:
        length |= (kind & 0x30 ^ 0x30) << 4
        kind |= 0x30
    if kind in (table_map.ENUM, table_map.SET):
        return length
    return -2 if length > 255 else -1


def _bits(field: bytes, count: int) -> tuple[bool, ...]:
    value = int.from_bytes(field, "little")
    return tuple(bool(value >> index & 1) for index in range(count))
