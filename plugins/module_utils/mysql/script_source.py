# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The decompressed bytes of a SQL script: an artifact that is one file, or a file of one that is a folder."""

from __future__ import annotations

from ..interfaces import ArtifactReader
from ..streams.base import ByteSource
from ..streams.compression import decompress_source, detect_method

_HEAD_SIZE = 4096
_TAIL_SIZE = 512
_MAGIC_SIZE = 16


class ScriptSource:
    """Reads one script; remembers its first and last bytes.

    :param path: inside of the artifact; empty for one that is a single file.
    """

    def __init__(self, artifact: ArtifactReader, path: str = "") -> None:
        self.name = f"{artifact.description}/{path}" if path else artifact.description
        stored = artifact.open(path)
        try:
            method = detect_method(stored.read(_MAGIC_SIZE))
            stored.seek(0)
            self._source: ByteSource = decompress_source(stored, method, name=self.name)
        except BaseException:
            stored.close()
            raise
        self.head = b""
        self.tail = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end."""
        data = self._source.read(size)
        if len(self.head) < _HEAD_SIZE:
            self.head += data[: _HEAD_SIZE - len(self.head)]
        self.tail = (self.tail + data[-_TAIL_SIZE:])[-_TAIL_SIZE:]
        return data

    def close(self) -> None:
        """Release the file."""
        self._source.close()
