# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An artifact that comes through standard input: read once, from its beginning to its end."""

from __future__ import annotations

import os

from ..errors import NotFoundError, UsageError
from ..streams.file import storage_error

#: How far back can be gone: formats are told apart by their beginning, and readers go back to what they have buffered.
_WINDOW = 1 << 19
_STANDARD_INPUT = 0


class PipedArtifact:
    """The :class:`~dbfleet.interfaces.ArtifactReader` of what is piped into the command."""

    description = "standard input"

    def __init__(self, descriptor: int = _STANDARD_INPUT) -> None:
        self._source = _PipedSource(descriptor)

    def names(self) -> tuple[str, ...]:
        return ("",)

    def open(self, path: str) -> _PipedSource:
        """The artifact, from its beginning.

        :raises UsageError: too much of it was read already.
        """
        if path:
            raise NotFoundError(f"there is no file {path!r} in {self.description}")
        self._source.seek(0)
        return self._source


class _PipedSource:
    """Bytes of a pipe, of which the last ones are kept."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._read = 0
        self._position = 0

    def read(self, size: int) -> bytes:
        behind = self._read - self._position
        if behind:
            start = len(self._kept) - behind
            data = self._kept[start : start + size]
        else:
            data = self._fill(size)
        self._position += len(data)
        return data

    def seek(self, offset: int) -> None:
        if offset < self._read - len(self._kept):
            raise UsageError(
                "standard input can be read once only, and this format needs more", hint="save it as a file first"
            )
        while offset > self._read and self._fill(min(offset - self._read, _WINDOW)):
            pass
        self._position = min(offset, self._read)

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """Standard input stays open."""

    def _fill(self, size: int) -> bytes:
        try:
            data = os.read(self._descriptor, size)
        except OSError as error:
            raise storage_error("read", PipedArtifact.description, error) from error
        self._read += len(data)
        self._kept = (self._kept + data)[-_WINDOW:]
        return data
