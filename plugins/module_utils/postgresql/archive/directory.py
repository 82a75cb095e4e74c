# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of a directory-format archive; a suffix tells how each is compressed."""

from __future__ import annotations

import typing as t

from ...interfaces import ArtifactReader
from ...streams.base import ByteSource
from ...streams.compression import SUFFIXES, decompress_source
from .files_reader import TOC_NAME


def is_directory(names: t.Collection[str]) -> bool:
    """Whether files of these names are a directory-format archive."""
    return any(TOC_NAME + suffix in names for suffix in SUFFIXES.values())


class DirectoryMembers:
    """Opens the files of a folder; nothing outside ``artifact.names()`` is ever touched."""

    def __init__(self, artifact: ArtifactReader) -> None:
        self._artifact = artifact
        self._names = frozenset(artifact.names())

    def open(self, name: str) -> ByteSource | None:
        for method, suffix in SUFFIXES.items():
            path = name + suffix
            if path in self._names:
                return decompress_source(self._artifact.open(path), method, name=path)
        return None

    def close(self) -> None:
        """Files are closed one by one."""
