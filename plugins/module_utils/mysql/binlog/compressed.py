# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What binlogs hold compressed: MySQL's transaction payloads and MariaDB's single events."""

from __future__ import annotations

import typing as t
import zlib

from ... import drivers
from ...streams.base import read_exactly
from . import codes
from .body import BodyReader
from .events import HEADER, LONGEST, Event, EventHeader
from .query_event import split_compressed_query
from .rows import parse_rows_head

_END, _SIZE, _ALGORITHM, _UNCOMPRESSED_SIZE = range(4)
_ZSTD, _NONE = 0, 255
_ALWAYS_SET = 0x80
#: The most that a statement or the rows of one event can be.
_LIMIT = LONGEST


def inner_events(event: Event, what: str) -> t.Iterator[Event]:
    """The events in a transaction's payload, one after the other; memory is that of the largest.

    They have neither checksums nor positions of their own.

    :raises CorruptArtifactError: it cannot be read.
    :raises DriverMissingError: it is compressed and the package ``zstandard`` is not installed.
    """
    reader = BodyReader(event.body, what)
    algorithm = _ZSTD
    while True:
        field = reader.packed()
        if field == _END:
            break
        value = BodyReader(reader.take(reader.packed()), what)
        if field == _ALGORITHM:
            algorithm = value.packed()
    source = _Content(reader.rest(), algorithm, reader)
    while True:
        head = source.read(HEADER.size)
        if not head:
            return
        if len(head) < HEADER.size:
            raise reader.damaged("it ends within an event")
        header = EventHeader._make(HEADER.unpack(head))
        if not HEADER.size <= header.size <= LONGEST:
            raise reader.damaged(f"an event of {header.size} bytes")
        body = source.read(header.size - HEADER.size)
        if len(body) < header.size - HEADER.size:
            raise reader.damaged("it ends within an event")
        yield Event(header, body, event.position, event.next_position)


class _Content:
    """The bytes of a payload, decompressed as they are asked for."""

    def __init__(self, data: bytes, algorithm: int, reader: BodyReader) -> None:
        self._reader = reader
        self._errors: tuple[type[Exception], ...] = ()
        if algorithm == _NONE:
            self._source: t.Any = _Bytes(data)
        elif algorithm == _ZSTD:
            zstandard = drivers.zstandard()
            self._errors = (zstandard.ZstdError,)
            self._source = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
        else:
            raise reader.damaged(f"the unknown compression {algorithm}")

    def read(self, size: int) -> bytes:
        try:
            return read_exactly(self._source, size) if size else b""
        except self._errors as error:
            raise self._reader.damaged(str(error)) from error


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Nothing to release."""


def uncompressed(event: Event, what: str) -> Event:
    """MariaDB's compressed event as the one that it stands for; any other as it is.

    :raises CorruptArtifactError: it cannot be read.
    """
    plain = codes.UNCOMPRESSED.get(event.header.type)
    if plain is None:
        return event
    if plain == codes.QUERY:
        front, packed = split_compressed_query(event.body, what)
    else:
        packed = parse_rows_head(plain, event.body, what).rows
        front = event.body[: len(event.body) - len(packed)]
    body = front + _inflated(packed, what)
    header = event.header._replace(type=plain, size=HEADER.size + len(body))
    return Event(header, body, event.position, event.next_position)


def _inflated(packed: bytes, what: str) -> bytes:
    """A byte with the algorithm and how many bytes hold the length, the length, and a zlib stream."""
    reader = BodyReader(packed, what)
    first = reader.number(1)
    if not first & _ALWAYS_SET or first >> 4 & 7:
        raise reader.damaged("an unknown compression")
    size = int.from_bytes(reader.take(first & 7), "big")
    if size > _LIMIT:
        raise reader.damaged(f"an event of {size} bytes")
    inflater = zlib.decompressobj()
    try:
        # One byte more than there may be, to see it.
        data = inflater.decompress(reader.rest(), size + 1)
    except zlib.error as error:
        raise reader.damaged(str(error)) from error
    if len(data) != size or not inflater.eof:
        raise reader.damaged(f"it does not hold the {size} bytes that it says")
    return data
