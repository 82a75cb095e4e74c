# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Streams that compute SHA-256 and count bytes on the way through."""

from __future__ import annotations

import hashlib
import typing as t

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


@t.runtime_checkable
class DigestingFile(t.Protocol):
    """A byte sink that digests what it stores, and stores what is written into it."""

    def write(self, data: Buffer) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def digest_so_far(self) -> str:
        """SHA-256 of everything written so far, in lower case hexadecimal."""


class StoredDigestSink:
    """As :class:`DigestSink` before a file that digests what it stores: the same bytes are not digested twice.

    :param end: what is written behind everything else; it is not digested.
    """

    def __init__(self, file: DigestingFile, end: bytes = b"") -> None:
        self._file = file
        self._end = end
        self._digest = ""
        self.size = 0

    def write(self, data: Buffer) -> None:
        self.size += memoryview(data).nbytes
        self._file.write(data)

    def close(self) -> None:
        self._digest = self._file.digest_so_far()
        if self._end:
            self._file.write(self._end)
        self._file.close()

    def abort(self) -> None:
        self._file.abort()

    def hexdigest(self) -> str:
        """SHA-256 of everything written, in lower case hexadecimal; once it was closed."""
        return self._digest


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


class PartsDigestSource:
    """Passes bytes on and keeps the digest of a stream that was written in parts: see :func:`combined_digest`.

    :param parts: the sizes of the parts.
    """

    def __init__(self, inner: ByteSource, parts: t.Sequence[int]) -> None:
        self._inner = inner
        self._left = list(reversed(parts))
        self._room = self._left.pop() if self._left else 0
        self._hash = hashlib.sha256()
        self._digests: list[str] = []
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        view = memoryview(data)
        while view:
            while not self._room and self._left:
                self._end_part()
            # What comes after the last part is taken into it, and makes the digest a wrong one.
            taken = view[: self._room] if self._room else view
            self._hash.update(taken)
            self._room -= min(self._room, len(taken))
            view = view[len(taken) :]
        self.size += len(data)
        return data

    def close(self) -> None:
        self._inner.close()

    def hexdigest(self) -> str:
        """The digest of everything read; once, at the end."""
        while not self._room and self._left:
            self._end_part()
        return combined_digest([*self._digests, self._hash.hexdigest()])

    def _end_part(self) -> None:
        self._digests.append(self._hash.hexdigest())
        self._hash = hashlib.sha256()
        self._room = self._left.pop()


class CountingSource:
    """Passes bytes on and keeps their number; for what no digest is there to be compared with."""

    def __init__(self, inner: ByteSource) -> None:
        self._inner = inner
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        self.size += len(data)
        return data

    def close(self) -> None:
        self._inner.close()

    def hexdigest(self) -> str:
        """There is none: empty."""
        return ""


class RowsDigest(t.Protocol):
    """A source that keeps the size and the digest (or none) of what was read."""

    size: int

    def read(self, size: int) -> bytes: ...

    def close(self) -> None: ...

    def hexdigest(self) -> str: ...


def combined_digest(parts: t.Iterable[str]) -> str:
    """The digest of a stream in parts: SHA-256 of the parts' own digests, 32 bytes each, one after the other.

    SHA-256 cannot be computed from both ends, so parts that were read at the same time have no common one.

    :param parts: their digests in hexadecimal.
    """
    return hashlib.sha256(b"".join(map(bytes.fromhex, parts))).hexdigest()


def digest_of(source: ByteSource) -> tuple[str, int]:
    """Read a source to its end: its SHA-256 in hexadecimal and its size in bytes."""
    digest = DigestSource(source)
    while digest.read(BLOCK_SIZE):
        pass
    return digest.hexdigest(), digest.size
