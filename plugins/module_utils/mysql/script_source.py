# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The decompressed bytes of a SQL script: an artifact that is one file, or a file of one that is a folder."""

from __future__ import annotations

import hashlib

from ..interfaces import ArtifactReader
from ..streams.compression import decompressed

#: How much of a script's beginning is remembered, in bytes.
HEAD_SIZE = 4096
_TAIL_SIZE = 512


class ScriptSource:
    """Reads one script; remembers its first and last bytes.

    :param path: inside of the artifact; empty for one that is a single file.
    :param digested: keep the SHA-256 of what was read so far, as :attr:`content`.
    """

    def __init__(self, artifact: ArtifactReader, path: str = "", *, digested: bool = False) -> None:
        self.name = f"{artifact.description}/{path}" if path else artifact.description
        self._source = decompressed(artifact.open(path), name=self.name)
        self.head = b""
        self.tail = b""
        self.content = hashlib.sha256() if digested else None

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end."""
        data = self._source.read(size)
        if self.content is not None:
            self.content.update(data)
        if len(self.head) < HEAD_SIZE:
            self.head += data[: HEAD_SIZE - len(self.head)]
        self.tail = (self.tail + data[-_TAIL_SIZE:])[-_TAIL_SIZE:]
        return data

    def close(self) -> None:
        """Release the file."""
        self._source.close()
