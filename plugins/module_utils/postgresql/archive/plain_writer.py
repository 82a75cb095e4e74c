# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the plain format: one script for psql, the rows between its statements."""

from __future__ import annotations

import typing as t

from ...errors import DbfleetError
from ...streams.base import Buffer, ByteSink
from ..text import to_bytes
from ..toc import TocEntry
from .copy_text import data_sink
from .entries import entry_name
from .script import Script

#: What one statement writes of a large object, as pg_dump has it.
_LARGE_OBJECT_PIECE = 1 << 14
_WRITE = 0x20000


class PlainWriter:
    """One script being written.

    :param file: closed by :meth:`finish`; compressed as a whole, if at all.

    The data of the entries with ``had_dumper`` must be written one after the other, in their order.
    """

    def __init__(self, file: ByteSink, script: Script) -> None:
        self._file = file
        self._script = script
        self._steps = list(reversed(script.steps))
        self._busy = False
        # What comes after the data that is being written.
        self._ending = ""
        self.write_text(script.beginning())

    def begin_data(self, entry: TocEntry) -> ByteSink:
        self._begin(entry)
        return data_sink(entry, _Piece(self._file, self._end))

    def begin_large_objects(self, entry: TocEntry) -> PlainLargeObjects:
        self._begin(entry)
        return PlainLargeObjects(self, self._file, self._end)

    def finish(self) -> None:
        """Write what comes after the last data, and close the file.

        :raises DbfleetError: an entry's data was not written.
        """
        if self._busy:
            raise DbfleetError("the script is not complete: data is still being written")
        self._write_definitions()
        if self._steps:
            raise DbfleetError(f"the script is not complete: the data is missing of {entry_name(self._steps[-1])}")
        self.write_text(self._script.ending())
        self._file.close()

    def abort(self) -> None:
        """Release the file unfinished."""
        self._file.abort()

    def write_text(self, text: str) -> None:
        """For the sinks of this file only."""
        self._file.write(to_bytes(text))

    def _begin(self, entry: TocEntry) -> None:
        if not self._busy:
            self._write_definitions()
        if self._busy or not self._steps or self._steps[-1].dump_id != entry.dump_id:
            raise DbfleetError(f"the data of {entry_name(entry)} is written out of turn")
        self._busy = True
        step = self._steps.pop()
        self.write_text(self._script.data_heading(step))
        self._ending = self._script.data_ending(step)

    def _write_definitions(self) -> None:
        while self._steps and not self._steps[-1].had_dumper:
            self.write_text(self._script.definition(self._steps.pop()))

    def _end(self) -> None:
        self.write_text(self._ending)
        self._busy = False


class PlainLargeObjects:
    """The large objects of one entry being written, in a transaction of their own: their descriptors need one."""

    def __init__(self, writer: PlainWriter, file: ByteSink, ended: t.Callable[[], None]) -> None:
        self._writer = writer
        self._file = file
        self._ended = ended
        writer.write_text("BEGIN;\n\n")

    def begin(self, oid: int) -> ByteSink:
        self._writer.write_text(f"SELECT pg_catalog.lo_open('{oid}', {_WRITE});\n")
        return _LargeObject(self._file)

    def close(self) -> None:
        self._writer.write_text("COMMIT;\n\n")
        self._ended()


class _LargeObject:
    """Turns a large object's bytes into the statements that write them."""

    def __init__(self, file: ByteSink) -> None:
        self._file = file
        self._rest = b""

    def write(self, data: Buffer) -> None:
        self._rest += bytes(data)
        whole = len(self._rest) - len(self._rest) % _LARGE_OBJECT_PIECE
        for start in range(0, whole, _LARGE_OBJECT_PIECE):
            self._write_piece(self._rest[start : start + _LARGE_OBJECT_PIECE])
        self._rest = self._rest[whole:]

    def close(self) -> None:
        if self._rest:
            self._write_piece(self._rest)
        self._file.write(b"SELECT pg_catalog.lo_close(0);\n\n")

    def abort(self) -> None:
        self._rest = b""

    def _write_piece(self, piece: bytes) -> None:
        self._file.write(b"SELECT pg_catalog.lowrite(0, '\\x" + piece.hex().encode() + b"');\n")


class _Piece:
    """A part of the file that ends before the file does."""

    def __init__(self, file: ByteSink, ended: t.Callable[[], None]) -> None:
        self._file = file
        self._ended = ended

    def write(self, data: Buffer) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._ended()

    def abort(self) -> None:
        """The file is released by its writer."""
