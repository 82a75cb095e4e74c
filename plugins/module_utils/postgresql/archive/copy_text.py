# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Table data as COPY text: the rows, and the end marker that archives hold after them.

In COPY text a raw newline occurs only at the end of a row, so rows are counted by newlines.
"""

from __future__ import annotations

from ...errors import CorruptArtifactError
from ...streams.base import Buffer, ByteSink, ByteSource
from ..toc import TocEntry
from .entries import TABLE_DATA

END_MARKER = b"\\.\n\n\n"


class CopyTextSink:
    """Takes rows and adds the end marker when closed."""

    def __init__(self, inner: ByteSink) -> None:
        self._inner = inner

    def write(self, data: Buffer) -> None:
        self._inner.write(data)

    def close(self) -> None:
        self._inner.write(END_MARKER)
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()


def data_sink(entry: TocEntry, inner: ByteSink) -> ByteSink:
    """What takes the data of an entry: rows get their end marker, INSERT statements have none."""
    return CopyTextSink(inner) if has_rows(entry) else inner


def has_rows(entry: TocEntry) -> bool:
    """Whether the data of an entry is COPY text rather than INSERT statements."""
    return entry.desc != TABLE_DATA or bool(entry.copy_stmt)


class CopyTextSource:
    """The rows without the end marker, whose presence proves that they are complete.

    :param inner: the stored data of one table, decompressed.
    :param name: what to call the table in messages.
    """

    def __init__(self, inner: ByteSource, name: str) -> None:
        self._inner = inner
        self._name = name
        #: The block before the next one, which may hold the marker or its beginning.
        self._held = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            data = self._inner.read(size)
            if not data:
                return self._last()
            if len(data) >= len(END_MARKER):
                # Blocks are passed on as they are: putting them together anew would copy all data.
                rows, self._held = self._held, data
            else:
                both = self._held + data
                rows, self._held = both[: -len(END_MARKER)], both[-len(END_MARKER) :]
            if rows:
                return rows
        return b""

    def _last(self) -> bytes:
        """What comes before the marker in the last block."""
        if not self._held.endswith(END_MARKER):
            raise CorruptArtifactError(f"the data of {self._name} does not end as it must: it is cut short")
        self._ended = True
        rows, self._held = self._held[: -len(END_MARKER)], b""
        return rows

    def close(self) -> None:
        self._inner.close()
