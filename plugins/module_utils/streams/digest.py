# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Streams that compute SHA-256 and count bytes on the way through."""

from __future__ import annotations

import hashlib

from .base import Buffer, ByteSink, ByteSource

BLOCK_SIZE = 1 << 20


class DigestSink:
    """Passes bytes on and keeps their SHA-256 and their number."""

    def __init__(self, inner: ByteSink) -> None:
        self._inner = inner
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Buffer) -> None:
        self._hash.update(data)
        self.size += memoryview(data).nbytes
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def hexdigest(self) -> str:
        """SHA-256 of everything written so far, in lower case hexadecimal."""
        return self._hash.hexdigest()


class DigestSource:
    """Passes bytes on and keeps their SHA-256 and their number."""

    def __init__(self, inner: ByteSource) -> None:
        self._inner = inner
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def close(self) -> None:
        self._inner.close()

    def hexdigest(self) -> str:
        """SHA-256 of everything read so far, in lower case hexadecimal."""
        return self._hash.hexdigest()


def digest_of(source: ByteSource) -> tuple[str, int]:
    """Read a source to its end: its SHA-256 in hexadecimal and its size in bytes."""
    digest = DigestSource(source)
    while digest.read(BLOCK_SIZE):
        pass
    return digest.hexdigest(), digest.size
