# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A digest of a table's rows that does not depend on their order, nor on how they are divided into statements."""

from __future__ import annotations

import hashlib
import re

from ..streams.base import Buffer

# One row as this engine writes it: no quote is doubled inside of a string, and no value holds a parenthesis outside of
# strings but in pairs. Each alternative begins with another sign, so that nothing is ever tried twice.
_ROW = re.compile(
    rb"\([^'()]*(?:(?:'[^'\\]*(?:\\.[^'\\]*)*'|\([^'()]*\))[^'()]*)*\)",
    re.DOTALL,
)
_END = b";\n"


class RowsDigest:
    """A byte sink for the statements of one table: the sum of the digests of their rows.

    :param prefix: what stands before the rows of each statement, see :func:`.script_text.insert_prefix`.

    Raises :class:`ValueError` for anything else than statements of this form.
    """

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._inside = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = 0
        self._sum = 0
        self.rows = 0

    def write(self, data: Buffer) -> None:
        self._pieces.append(bytes(data))
        self._size += len(data)
        # A row that is not complete is not looked at again before there is twice as much of it.
        if self._size >= self._wanted:
            self._take()
            self._wanted = 2 * self._size

    def close(self) -> None:
        """Take what is left.

        :raises ValueError: it is no complete statement.
        """
        self._take()
        if self._size or self._inside:
            raise ValueError("a statement does not end")

    def abort(self) -> None:
        """Nothing is held."""

    def add(self, row: bytes) -> None:
        """Take one row, as it stands between its parentheses, and they."""
        self._sum += int.from_bytes(hashlib.sha256(row).digest(), "big")
        self.rows += 1

    def result(self) -> tuple[int, int]:
        """Number of rows, and what stands for their content. After :meth:`close`."""
        return self.rows, self._sum % (1 << 256)

    def _take(self) -> None:
        rest, position = b"".join(self._pieces), 0
        match = _ROW.match
        while True:
            if not self._inside:
                if len(rest) - position < len(self._prefix):
                    break
                if not rest.startswith(self._prefix, position):
                    raise ValueError("a statement does not begin as expected")
                position += len(self._prefix)
                self._inside = True
            row = match(rest, position)
            # What comes behind it must be there too, to see whether the statement goes on.
            if row is None or len(rest) < row.end() + 2:
                break
            self.add(row.group())
            position = row.end()
            if rest.startswith(_END, position):
                position += len(_END)
                self._inside = False
            elif rest[position : position + 1] == b",":
                position += 1
            else:
                raise ValueError("a row is not followed by another one")
        self._pieces = [rest[position:]]
        self._size = len(rest) - position
