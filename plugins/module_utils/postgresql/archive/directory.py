# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of a directory-format archive; a suffix tells how each is compressed."""

from __future__ import annotations

import typing as t

from ...interfaces import ArtifactReader, SeekableSource
from ...streams.base import ByteSource
from ...streams.compression import SUFFIXES, decompress_source
from .extent import Extent
from .files_reader import TOC_NAME

_TO_THE_END = 1 << 62


def is_directory(names: t.Collection[str]) -> bool:
    """Whether files of these names are a directory-format archive."""
    return any(TOC_NAME + suffix in names for suffix in SUFFIXES.values())


class DirectoryMembers:
    """Opens the files of a folder; nothing outside ``artifact.names()`` is ever touched."""

    def __init__(self, artifact: ArtifactReader) -> None:
        self._artifact = artifact
        self._names = frozenset(artifact.names())
        self.file: SeekableSource | None = None
        self.extent: Extent | None = None

    def reopened(self, artifact: ArtifactReader) -> DirectoryMembers:
        """The same, to be read beside this one: every file is opened anew anyway."""
        return DirectoryMembers(artifact)

    def has(self, name: str) -> bool:
        return any(name + suffix in self._names for suffix in SUFFIXES.values())

    def open(self, name: str) -> ByteSource | None:
        for method, suffix in SUFFIXES.items():
            if name + suffix in self._names:
                return self._open(name + suffix, method)
        return None

    def _open(self, path: str, method: str) -> ByteSource:
        source = self._artifact.open(path)
        empty = not source.read(1)
        source.seek(0)
        self.file = source
        self.extent = Extent(0, _TO_THE_END) if method == "none" else None
        # pg_dump makes an empty file of an empty large object, whatever the compression.
        return source if empty else decompress_source(source, method, name=path)

    def close(self) -> None:
        """Files are closed one by one."""
