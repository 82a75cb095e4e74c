# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows between a COPY statement and the line ``\\.`` that ends them."""

from __future__ import annotations

import typing as t

from .script_window import BLOCK_SIZE, Window

# Everything but its last byte: what may be the beginning of "\n\\.\r\n".
_MARK_BEGIN = 4

#: Passes so many bytes of a script's source, if the rows end there; whether it did.
Leap = t.Callable[[int], bool]


class CopyData:
    """A COPY's rows as a byte source: everything up to the end marker, byte for byte, without it.

    :param window: its position is the first byte of the rows.
    :param truncated: makes the error for a script that ends before the marker does.
    :param leap: of the window's source, if that can.

    :attr:`rows` counts line ends, :attr:`size` bytes, of what was read so far; :attr:`offset` is where the rows begin.
    """

    def __init__(
        self, window: Window, *, line: int, truncated: t.Callable[[], Exception], leap: Leap | None = None
    ) -> None:
        self.line = line
        self.offset = window.offset + window.position
        self.rows = 0
        self.size = 0
        self._window = window
        self._truncated = truncated
        self._leap = leap
        self._expected = 0
        self._expected_rows = 0
        self._begins_line = True
        self._ended = False
        self._pending = b""
        self._pending_rows = 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of the rows, ``b""`` at their end.

        :raises CorruptArtifactError: the script ends before they do.
        """
        if self._expected:
            return self._expected_rows_block(size)
        if not self._pending:
            self._pending = self._next()
        data, self._pending = self._pending[:size], self._pending[size:]
        rows = data.count(b"\n") if self._pending else self._pending_rows
        self._pending_rows -= rows
        self.rows += rows
        self.size += len(data)
        return data

    def leap(self, size: int, rows: int) -> bool:
        """Before anything was read: pass all rows unread, if so many bytes are followed by the marker.

        :param size: more than a block; ``rows`` how many rows they must be.
        :returns: false, with nothing passed, if they are not, or if the script cannot be read elsewhere.
        """
        beyond = size - (len(self._window.data) - self._window.position)
        if self._leap is None or beyond <= 0 or not self._leap(beyond):
            return False
        self._window.leapt(beyond, rows)
        self.size, self.rows = size, rows
        return True

    def expect(self, size: int, rows: int) -> None:
        """Before anything was read: the rows are known to be of this size and number and are not looked through."""
        self._expected, self._expected_rows = size, rows

    def skip(self) -> None:
        """Pass what has not been read."""
        while self._expected:
            self.read(BLOCK_SIZE)
        self._pending, self._pending_rows = b"", 0
        while self._next():
            pass

    def close(self) -> None:
        """Nothing to release: the script's source belongs to its splitter."""

    def _expected_rows_block(self, size: int) -> bytes:
        data = self._window.read_rows(min(size, self._expected))
        if not data:
            raise self._truncated()
        self.size += len(data)
        self._expected -= len(data)
        if not self._expected:
            self.rows = self._expected_rows
            self._window.pass_lines(self._window.position, self.rows)
            if self._marker_at_begin() < 0:
                # It was looked through before: it must have been changed since.
                raise self._truncated()
        return data

    def _next(self) -> bytes:
        """The rows at hand; leaves the window behind them, and in the end behind the marker."""
        while not self._ended:
            window = self._window
            end = self._marker_at_begin() if self._begins_line else -1
            begin = window.position
            if end >= 0:
                self._ended = True
                window.position = end
                return b""
            stop = self._stop(begin)
            if stop > begin:
                data = window.data[begin:stop]
                self._pending_rows = data.count(b"\n")
                window.pass_lines(stop, self._pending_rows)
                self._begins_line = data.endswith(b"\n")
                return data
            if not window.grow():
                raise self._truncated()
        return b""

    def _stop(self, begin: int) -> int:
        """Up to where the bytes at hand are certainly rows."""
        window = self._window
        position = begin
        # One byte is found many times as fast as three.
        if window.data.find(b"\\", begin) < 0:
            position = len(window.data)
        while True:
            found = window.data.find(b"\n\\.", position)
            if found < 0:
                break
            if self._marker_end(found + 1) != 0:
                # A marker, or what may become one: the line before it is complete.
                return found + 1
            position = found + 2
        if window.ended:
            return len(window.data)
        # A line end near the window's end may be the one before the marker.
        last = window.data.rfind(b"\n", max(begin, len(window.data) - _MARK_BEGIN))
        return len(window.data) if last < 0 else last + 1

    def _marker_at_begin(self) -> int:
        """The position behind the marker line at the position; -1 where there is none."""
        window = self._window
        while True:
            if len(window.data) == window.position and not window.ended:
                window.grow()
                continue
            end = self._marker_end(window.position)
            if end >= 0:
                return end or -1
            window.grow()

    def _marker_end(self, position: int) -> int:
        """The position behind a marker line; 0 where there is none, -1 where more has to be read to know."""
        window = self._window
        line = window.data[position : position + _MARK_BEGIN]
        if line.startswith(b"\\.\n"):
            return position + 3
        if line == b"\\.\r\n":
            return position + 4
        could_be = line in (b"", b"\\", b"\\.", b"\\.\r")
        if not could_be:
            return 0
        if not window.ended:
            return -1
        # The server takes a marker at the very end of a script for one too.
        return position + 2 if line == b"\\." else 0
