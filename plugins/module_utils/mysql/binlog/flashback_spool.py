# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Records that are written in one order and read in the other, in a file that nobody else can open."""

from __future__ import annotations

import struct
import tempfile
import types
import typing as t

from ...errors import OutOfSpaceError

_HEAD = struct.Struct("<QI")
_BLOCK = 1 << 20


class ReverseSpool:
    """Keeps records of any size on the disk; memory is one block, and what a single record needs beyond it.

    The file has no name: it is gone when this process is.
    """

    def __init__(self) -> None:
        # Closed by __exit__.
        self._file: t.IO[bytes] = tempfile.TemporaryFile(prefix="dbfleet-")  # noqa: SIM115
        self._blocks: list[int] = []
        self._pending: list[bytes] = []
        self._size = 0
        self._end = 0

    def __enter__(self) -> ReverseSpool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, number: int, data: bytes) -> None:
        """Add a record.

        :param number: below 2**32, given back with the data.
        :raises OutOfSpaceError: there is no room for it.
        """
        self._pending += [_HEAD.pack(len(data), number), data]
        self._size += _HEAD.size + len(data)
        if self._size >= _BLOCK:
            self._flush()

    def reversed(self) -> t.Iterator[tuple[int, bytes]]:
        """All records, the last one first."""
        self._flush()
        ends = [*self._blocks[1:], self._end]
        for start, end in zip(reversed(self._blocks), reversed(ends)):
            self._file.seek(start)
            block = self._file.read(end - start)
            places = []
            at = 0
            while at < len(block):
                size, number = _HEAD.unpack_from(block, at)
                at += _HEAD.size
                places.append((number, at, at + size))
                at += size
            for number, first, last in reversed(places):
                yield number, block[first:last]

    def _flush(self) -> None:
        if not self._pending:
            return
        try:
            self._file.write(b"".join(self._pending))
            self._file.flush()
        except OSError as error:
            raise OutOfSpaceError(
                f"the rows to undo cannot be kept in {tempfile.gettempdir()}: {error.strerror}",
                hint="make room there, or name another folder in TMPDIR; it needs as much as the binlogs' chosen part",
            ) from error
        self._blocks.append(self._end)
        self._end += self._size
        self._pending, self._size = [], 0
