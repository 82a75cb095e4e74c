# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads a table and writes its rows as INSERT statements of bounded size.

The boundaries between statements depend on the rows alone, never on how they arrived: the same data gives the same
bytes. A statement holds as many rows as fit into the form's ``statement_size`` bytes of row packets; only a single row
may be larger. The text is at most five times as long as the packets (a NULL is one byte there), so by default a
statement of several rows stays below the 4 MiB that MySQL 5.7 accepts.
"""

from __future__ import annotations

import bisect
import typing as t

from ..errors import ConsistencyError
from ..streams.base import ByteSink
from . import packets, rows_fast
from .options import DEFAULT_FORM, ScriptForm
from .packet_walk import Starts
from .rows import HEADER_SIZE, LargeRow, RowFormat, field_count, malformed, rows_text, values_at
from .session import Session

_HEX_TRUNCATED = 1301


class InsertWriter:
    """Writes the rows of one query as statements.

    :param prefix: what stands before the rows: ``INSERT INTO `t` VALUES ``.
    :param sink: takes the statements' bytes.
    :param advanced: called with the bytes written and the rows done, per batch.
    :param form: how much goes into a statement.
    :param key_fields: which values of a row, from 0 and ascending, :attr:`last_key` holds of the last one.
    """

    def __init__(
        self,
        session: Session,
        prefix: bytes,
        row_format: RowFormat,
        sink: ByteSink,
        advanced: t.Callable[[int, int], None],
        form: ScriptForm = DEFAULT_FORM,
        key_fields: t.Sequence[int] = (),
    ) -> None:
        self._session = session
        self._prefix = prefix
        self._format = row_format
        self._sink = sink
        self._advanced = advanced
        # Every row fills a statement of one byte.
        self._size = form.statement_size if form.extended_insert else 1
        self._field_count = field_count(row_format)
        self._fast: rows_fast.FastRows | None = None
        # Bytes of row packets in the statement being written; 0 between statements.
        self._used = 0
        self._key_fields = key_fields
        self._last_row = b""
        self.last_key: tuple[bytes | None, ...] = ()
        self.rows = 0

    def write(self, query: str) -> int:
        """Run the query and write all its rows; how many there were.

        The connection is cut when anything fails, since the rest of the result would be in its way.
        """
        try:
            source = self._session.stream(query)
            if source.field_count != self._field_count:
                raise malformed()
            while True:
                kind = source.next()
                if kind == packets.END:
                    break
                if kind == packets.LARGE:
                    self._write_large(source)
                else:
                    self._write_batch(source)
            self._end_statement()
            if self._last_row:
                self.last_key = values_at(self._last_row, self._key_fields)
        except self._session.driver_errors as error:
            self._session.drop()
            raise self._session.translate(error, query) from error
        except BaseException:
            self._session.drop()
            raise
        if source.warnings:
            self._check_warnings(query)
        return self.rows

    def _write_batch(self, source: packets.RowPackets) -> None:
        starts, stop = source.starts, source.stop
        if self._fast is None and rows_fast.is_worth(self.rows * self._field_count):
            self._fast = rows_fast.FastRows(self._format)
            source.use_numpy()
        first = 0
        while first < len(starts):
            limit = int(starts[first]) + self._size - self._used
            # A row ends where the next one begins.
            last = len(starts) if stop <= limit else bisect.bisect_right(starts, limit, first + 1) - 1
            if last <= first:
                if self._used:
                    self._end_statement()
                    continue
                last = first + 1
            self._write_rows(source, starts[first:last], int(starts[last]) if last < len(starts) else stop)
            first = last
        if self._key_fields:
            self._last_row = bytes(memoryview(source.buffer)[int(starts[-1]) + HEADER_SIZE : stop])

    def _write_rows(self, source: packets.RowPackets, starts: Starts, stop: int) -> None:
        count = len(starts)
        text = None
        if self._fast is not None and count * self._field_count >= rows_fast.WORTH_A_BATCH:
            text = self._fast.text(source.buffer, starts, stop)
        if text is None:
            text = rows_text(source.buffer, [int(start) for start in starts], stop, self._format)
        self._emit(text, begins_row=True)
        self._used += stop - int(starts[0])
        self.rows += count
        self._advanced(len(text), count)

    def _write_large(self, source: packets.RowPackets) -> None:
        self._end_statement()
        begins_row = True
        row = LargeRow(source.read, source.at_row_end, self._format, self._key_fields)
        for piece in _gathered(row.pieces()):
            self._emit(piece, begins_row=begins_row)
            self._advanced(len(piece), 0)
            begins_row = False
        self._used = self._size
        self.rows += 1
        self._advanced(0, 1)
        self._last_row = b""
        self.last_key = tuple(row.kept.get(field) for field in self._key_fields)

    def _emit(self, text: bytes, *, begins_row: bool) -> None:
        if not begins_row:
            self._sink.write(text)
        elif self._used:
            self._sink.write(b"," + text)
        else:
            self._sink.write(self._prefix + text)

    def _end_statement(self) -> None:
        if self._used:
            self._sink.write(b";\n")
            self._used = 0

    def _check_warnings(self, query: str) -> None:
        for _level, code, message in self._session.query("SHOW WARNINGS"):
            if code == str(_HEX_TRUNCATED):
                raise ConsistencyError(
                    f"the server could not send a value completely: {message}",
                    hint="raise max_allowed_packet on the server",
                    statement=query,
                )


def _gathered(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    """The same bytes in pieces worth a write each."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= packets.CAPACITY // 2:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)
