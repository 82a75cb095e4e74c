# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The digest of the large objects that an archive holds together: of their contents, and of whose each is."""

from __future__ import annotations

import hashlib
import struct
import typing as t

from ..repository.records import LargeObjectsRecord
from ..streams.base import Buffer, ByteSink

#: After an object's content, its OID and its size: so no content can pass for another object's.
_TRAILER = struct.Struct(">IQ")


class LargeObjectsDigest:
    """Computes a :class:`LargeObjectsRecord`, object by object in the archive's order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._count = 0
        self._bytes = 0
        #: Takes the next bytes of the present object.
        self.update: t.Callable[[Buffer], None] = self._hash.update

    def end(self, oid: int, size: int) -> None:
        """The present object is complete.

        :param size: in bytes.
        """
        self._hash.update(_TRAILER.pack(oid, size))
        self._count += 1
        self._bytes += size

    def record(self) -> LargeObjectsRecord:
        """What the manifest keeps."""
        return LargeObjectsRecord(self._count, self._bytes, self._hash.hexdigest())


class DigestedObject:
    """Passes one object's bytes on, and into the digest."""

    def __init__(self, inner: ByteSink, digest: LargeObjectsDigest) -> None:
        self._inner = inner
        self._update = digest.update

    def write(self, data: Buffer) -> None:
        self._update(data)
        self._inner.write(data)

    def close(self) -> None:
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()
