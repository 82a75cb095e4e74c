# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The two shapes that every stream has: bytes go into a sink and come out of a source."""

from __future__ import annotations

import typing as t

Buffer = t.Union[bytes, bytearray, memoryview]
_PIECE = 1 << 20


class ByteSink(t.Protocol):
    """Takes bytes in order. Sinks are stacked: closing one closes the one below it."""

    def write(self, data: Buffer) -> None:
        """Take ``data``. The buffer may be reused by the caller as soon as the call returns.

        :raises StorageError: the bytes could not be taken.
        """

    def close(self) -> None:
        """Flush everything to the very bottom and release it. Only after this are the bytes durable.

        :raises StorageError: something could not be flushed: the whole stream is then worthless.
        """

    def abort(self) -> None:
        """Release everything without finishing; never raises for an unfinished stream."""


class ByteSource(t.Protocol):
    """Gives bytes in order."""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes (at least one), or ``b""`` at the end and only there.

        :raises CorruptArtifactError: the stream is truncated or damaged.
        :raises StorageError: the bytes could not be read.
        """

    def close(self) -> None:
        """Release what the source holds."""


def pour(
    source: ByteSource,
    sink: ByteSink,
    *,
    advance: t.Callable[[int], object] | None = None,
    check: t.Callable[[], None] | None = None,
) -> None:
    """Write all that a source gives into a sink and close this; whatever fails aborts it. The source stays open.

    :param advance: is told the size of each piece, in bytes.
    :param check: is called at the end of the source, and raises where what it gave must not be kept.
    """
    try:
        while True:
            data = source.read(_PIECE)
            if not data:
                break
            sink.write(data)
            if advance is not None:
                advance(len(data))
        if check is not None:
            check()
        sink.close()
    except BaseException:
        sink.abort()
        raise


def read_exactly(source: ByteSource, size: int) -> bytes:
    """Exactly ``size`` bytes, or fewer where the source ends before; the caller decides what that means."""
    data = source.read(size)
    if len(data) in (size, 0):
        return data
    parts = [data]
    missing = size - len(data)
    while missing:
        data = source.read(missing)
        if not data:
            break
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
