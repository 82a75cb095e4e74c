# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The file being written: text in, compressed bytes out (by a thread where they are many), digests of tables taken."""

from __future__ import annotations

import collections
import hashlib

from ..streams.background import BackgroundSink
from ..streams.base import Buffer, ByteSink
from ..streams.compression import Compression, compress_sink

_GATHER = 1 << 16
# There may be very many files, most of them small, and a thread costs more than writing so much.
_WITHOUT_THREAD = 1 << 18


class TableDigest:
    """SHA-256 and size of one table's statements; complete once the output was closed."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.size = 0


class _Labelled:
    """Runs in the writing thread: the n-th buffer belongs to the n-th label."""

    def __init__(self, inner: ByteSink, labels: collections.deque[TableDigest | None]) -> None:
        self._inner = inner
        self._labels = labels

    def write(self, data: Buffer) -> None:
        digest = self._labels.popleft()
        if digest is not None:
            digest.hash.update(data)
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()


class Output:
    """A script file. A thread writes into it as soon as it becomes large.

    :param file: where the compressed bytes go; closed by :meth:`close`.
    """

    def __init__(self, file: ByteSink, compression: Compression) -> None:
        self._labels: collections.deque[TableDigest | None] = collections.deque()
        self._sink: ByteSink = _Labelled(compress_sink(file, compression), self._labels)
        self._left_here = _WITHOUT_THREAD
        self._texts: list[bytes] = []
        self._gathered = 0

    def text(self, text: str | bytes) -> None:
        """Write text that belongs to no table's data."""
        raw = text.encode("utf-8") if isinstance(text, str) else text
        self._texts.append(raw)
        self._gathered += len(raw)
        if self._gathered >= _GATHER:
            self._flush()

    def data(self, digest: TableDigest | None, data: bytes) -> None:
        """Write bytes of a table's statements, or others that are to be digested.

        :param digest: takes them; ``None`` where nobody wants to know.
        """
        self._flush()
        if digest is not None:
            digest.size += len(data)
        self._write(data, digest)

    def close(self) -> None:
        """Finish the file; after this it is durable and every digest is complete."""
        self._flush()
        self._sink.close()

    def abort(self) -> None:
        """Give the file up."""
        self._sink.abort()

    def _write(self, data: bytes, digest: TableDigest | None) -> None:
        if 0 < self._left_here <= len(data):
            self._sink = BackgroundSink(self._sink)
        self._left_here -= len(data)
        self._labels.append(digest)
        self._sink.write(data)

    def _flush(self) -> None:
        if self._texts:
            self._write(b"".join(self._texts), None)
            self._texts.clear()
            self._gathered = 0


class TableSink:
    """A byte sink for one table's statements."""

    def __init__(self, output: Output, digest: TableDigest) -> None:
        self._output = output
        self._digest = digest

    def write(self, data: Buffer) -> None:
        self._output.data(self._digest, bytes(data))

    def close(self) -> None:
        """Nothing: the output is closed as a whole."""

    def abort(self) -> None:
        """Nothing: the output is given up as a whole."""
