# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An object being read by ranges: small ones after a jump, larger ones, and one ahead, while it goes straight on."""

from __future__ import annotations

import concurrent.futures

from ..errors import NotFoundError
from .s3_client import S3Client

FIRST_BLOCK = 256 << 10
LARGEST_BLOCK = 8 << 20


class S3Source:
    """An object, from anywhere in it.

    :raises NotFoundError: there is none.
    """

    def __init__(self, client: S3Client, key: str) -> None:
        found = client.facts(key)
        if found is None:
            raise NotFoundError(f"there is no object {client.url(key)}", path=client.url(key))
        self._client = client
        self._key = key
        self._etag = found.etag
        self.size = found.size
        self._position = 0
        self._block = b""
        self._start = 0
        self._block_size = FIRST_BLOCK
        self._ahead: concurrent.futures.Future[bytes] | None = None
        self._reader: concurrent.futures.ThreadPoolExecutor | None = None

    def read(self, size: int) -> bytes:
        offset = self._position - self._start
        if not 0 <= offset < len(self._block):
            if self._position >= self.size or size <= 0:
                return b""
            self._load()
            offset = 0
        data = self._block[offset : offset + size]
        self._position += len(data)
        return data

    def seek(self, offset: int) -> None:
        self._position = offset

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._drop_ahead()
        if self._reader is not None:
            self._reader.shutdown(wait=True)
            self._reader = None

    def _load(self) -> None:
        """The block at the position."""
        goes_on = bool(self._block) and self._position == self._start + len(self._block)
        if goes_on and self._ahead is not None:
            self._block, self._ahead = self._ahead.result(), None
        else:
            self._drop_ahead()
            if goes_on:
                self._grow()
            else:
                self._block_size = FIRST_BLOCK
            self._block = self._get(self._position, self._block_size)
        self._start = self._position
        if goes_on:
            self._read_ahead()

    def _read_ahead(self) -> None:
        start = self._start + len(self._block)
        if start < self.size:
            self._grow()
            self._reader = self._reader or concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="dbfleet-range")
            self._ahead = self._reader.submit(self._get, start, self._block_size)

    def _grow(self) -> None:
        self._block_size = min(2 * self._block_size, LARGEST_BLOCK)

    def _get(self, start: int, size: int) -> bytes:
        return self._client.get(self._key, start, min(size, self.size - start), etag=self._etag)

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None
