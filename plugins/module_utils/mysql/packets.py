# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads the row packets of one result in batches of bounded size, and single large rows piece by piece.

Format: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
"""

from __future__ import annotations

import struct
import typing as t

from .. import drivers
from . import packet_walk, wire
from .packet_walk import Starts
from .rows import HEADER_SIZE, malformed

# Larger ones fall out of the processor's cache, smaller ones cost more calls.
CAPACITY = 1 << 19
_ENOUGH = CAPACITY * 3 // 4
_LENGTH_MASK = 0xFFFFFF
_EOF, _ERROR = 0xFE, 0xFF
_EOF_SIZE = 9

BATCH, LARGE, END = "batch", "large", "end"


class RowPackets:
    """The rows of one query on one connection, which nothing else may use until the end is reached.

    After :meth:`next` said :data:`BATCH`, :attr:`buffer`, :attr:`starts` and :attr:`stop` hold whole packets; they are
    valid until the next call. After :data:`LARGE`, one row must be read with :meth:`read` until :meth:`at_row_end`.

    :param statement: a query that gives rows.
    """

    def __init__(self, connection: t.Any, statement: bytes) -> None:
        self.field_count = wire.start_result(connection, statement)
        self.buffer = bytearray(CAPACITY)
        self.starts: Starts = []
        self.stop = 0
        self.warnings = 0
        self._view = memoryview(self.buffer)
        self._read_block = wire.block_reader(connection)
        self._end = 0
        self._packet_left = 0
        self._continued = False
        self._finished = False
        self._guesser: packet_walk.Guesser | None = None
        # The rows of the batch before, and their bytes.
        self._rows_before, self._size_before = 0, 0

    def use_numpy(self) -> None:
        """From now on the rows' beginnings may be an array: many short ones are found faster then."""
        if self._guesser is None:
            self._guesser = packet_walk.Guesser(self.buffer)

    def next(self) -> str:
        """Read on: :data:`BATCH`, :data:`LARGE` or :data:`END`.

        :raises pymysql.err.Error: the server sent an error, or the connection was lost.
        """
        self._compact()
        if self._finished:
            return END
        while True:
            self._walk()
            if len(self.starts):
                if self._at_end():
                    return BATCH if len(self.starts) else END
                if self.stop >= _ENOUGH:
                    return BATCH
            if self._end == CAPACITY:
                if len(self.starts):
                    return BATCH
                self._begin_large()
                return LARGE
            self._fill()

    def _compact(self) -> None:
        self._rows_before, self._size_before = len(self.starts), self.stop
        rest = self._end - self.stop
        if rest:
            self._view[:rest] = bytes(self._view[self.stop : self._end])
        self._end = rest
        self.stop = 0
        self.starts = []

    def _walk(self) -> None:
        """Find the whole packets that have arrived since."""
        guessed: Starts = ()
        if self._guesser is not None and self._guesser.is_worth(self._rows_before, self._size_before):
            guessed, self.stop = self._guesser.walk(self.stop, self._end)
        found, self.stop = packet_walk.follow(self.buffer, self.stop, self._end)
        for more in (guessed, found):
            if len(more):
                self.starts = _joined(self.starts, more)

    def _at_end(self) -> bool:
        """Whether the last packet ends the result; it is taken off then.

        Nothing follows an end or an error, and no row of a batch begins like either (a first value of 16 MB would).
        """
        start = int(self.starts[-1])
        size = self.stop - start - HEADER_SIZE
        kind = self.buffer[start + HEADER_SIZE] if size else _ERROR
        if kind == _ERROR:
            wire.raise_server_error(bytes(self._view[start + HEADER_SIZE : self.stop]))
        if kind != _EOF or size >= _EOF_SIZE:
            return False
        if self.stop != self._end:
            raise malformed()
        self.warnings = int.from_bytes(self._view[start + HEADER_SIZE + 1 : start + HEADER_SIZE + 3], "little")
        self.starts = self.starts[:-1]
        self._end = self.stop = start
        self._finished = True
        return True

    def _fill(self) -> None:
        count = self._read_block(self._view[self._end :])
        if not count:
            raise wire.lost_connection()
        self._end += count

    def _begin_large(self) -> None:
        self._packet_left = 0
        self._continued = True
        self._next_packet()

    def _next_packet(self) -> None:
        header = struct.unpack("<I", self._take(HEADER_SIZE))[0]
        self._packet_left = header & _LENGTH_MASK
        self._continued = self._packet_left == _LENGTH_MASK

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes of the large row at hand, across its packets."""
        parts: list[bytes] = []
        while size:
            if self.at_row_end():
                raise malformed()
            part = self._take(min(size, self._packet_left, CAPACITY))
            self._packet_left -= len(part)
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def at_row_end(self) -> bool:
        """Whether the large row has been read completely."""
        while not self._packet_left and self._continued:
            self._next_packet()
        return not self._packet_left

    def _take(self, size: int) -> bytes:
        while self._end - self.stop < size:
            if self.stop:
                self._compact()
            self._fill()
        taken = bytes(self._view[self.stop : self.stop + size])
        self.stop += size
        return taken


def _joined(starts: Starts, more: Starts) -> Starts:
    if not len(starts):
        return more
    if isinstance(starts, list) and isinstance(more, list):
        return starts + more
    return drivers.numpy().concatenate((starts, more))
