# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The decompressed bytes of a SQL script: an artifact that is one file, or a file of one that is a folder."""

from __future__ import annotations

from ..interfaces import ArtifactReader
from ..streams.compression import decompressed

_HEAD_SIZE = 4096
_TAIL_SIZE = 512


class ScriptSource:
    """Reads one script; remembers its first and last bytes.

    :param path: inside of the artifact; empty for one that is a single file.
    """

    def __init__(self, artifact: ArtifactReader, path: str = "") -> None:
        self.name = f"{artifact.description}/{path}" if path else artifact.description
        self._source = decompressed(artifact.open(path), name=self.name)
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
