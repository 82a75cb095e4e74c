# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A script as it lies in an artifact: decompressed on the way, with its first and last bytes kept for a look."""

from __future__ import annotations

import re

from ..errors import CorruptArtifactError, UsageError
from ..interfaces import ArtifactReader
from ..streams.base import read_exactly
from ..streams.compression import decompressed
from ..streams.file import FileSource
from ..streams.file_state import FileState

_HEAD_SIZE = 4096
_TAIL_SIZE = 4096
# The comments that pg_dump, pg_restore and pg_dumpall write around a script; never translated.
_HEADER = re.compile(rb"^-- PostgreSQL database (cluster )?dump[ \t\r]*$", re.MULTILINE)
# The last row's line end and the marker behind it, as dumps write them.
_END_OF_ROWS = b"\n\\.\n"
_FOOTER = b"-- PostgreSQL database %sdump complete"


class ScriptSource:
    """The decompressed bytes of an artifact's script.

    :raises UsageError: the artifact is a folder.
    """

    def __init__(self, artifact: ArtifactReader) -> None:
        self.name = artifact.description
        if artifact.names() != ("",):
            raise UsageError(
                f"{self.name} is a folder, not a SQL script", hint="name the script itself, or restore the archive"
            )
        self._stored = artifact.open("")
        self._source = decompressed(self._stored, name=self.name)
        self._head = b""
        self._tail = b""

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(self._head) < _HEAD_SIZE:
            self._head += data[: _HEAD_SIZE - len(self._head)]
        self._tail = (self._tail + data[-_TAIL_SIZE:])[-_TAIL_SIZE:]
        return data

    def leap(self, size: int) -> bool:
        """Pass the next ``size`` bytes without reading them, if they end as the rows of a COPY do.

        :returns: false, with nothing passed, where they are not, and where the script is compressed.
        """
        if self._source is not self._stored:
            return False
        here = self._stored.tell()
        self._stored.seek(here + size - 1)
        if read_exactly(self._stored, len(_END_OF_ROWS)) != _END_OF_ROWS:
            self._stored.seek(here)
            return False
        self._stored.seek(here + size)
        return True

    def is_verified(self) -> bool:
        """Whether its file was found to be the backup's before, and cannot have been changed since."""
        return self.verified_state() is not None

    def verified_state(self) -> FileState | None:
        """What its file is now, if it is verified."""
        return self._stored.verified_state() if isinstance(self._stored, FileSource) else None

    def file_state(self) -> FileState | None:
        """What its file is now; ``None`` where it lies elsewhere."""
        return self._stored.state() if isinstance(self._stored, FileSource) else None

    @property
    def file(self) -> FileSource | None:
        """The file that holds the script's bytes as they are; ``None`` where they are compressed or lie elsewhere."""
        return self._stored if isinstance(self._stored, FileSource) and self._source is self._stored else None

    def close(self) -> None:
        self._source.close()

    @property
    def head(self) -> bytes:
        """The script's first bytes, as far as they were read."""
        return self._head

    @property
    def subject(self) -> str:
        """What the script says it is a dump of, ``server`` or ``database``; known once its first bytes were read."""
        header = _HEADER.search(self._head)
        if header is None:
            return ""
        return "server" if header.group(1) else "database"

    def check_footer(self, *, required: bool = False) -> None:
        """After everything was read: a script with the header of a dump must have its footer.

        :param required: it must have the footer in any case.
        :raises CorruptArtifactError: it has not.
        """
        header = _HEADER.search(self._head)
        if header is None and not required:
            return
        footer = _FOOTER % (b"cluster " if header is not None and header.group(1) else b"")
        if not re.search(rb"^%s[ \t\r]*$" % re.escape(footer), self._tail, re.MULTILINE):
            raise CorruptArtifactError(
                f"{self.name} is truncated: the line '{footer.decode()}' at its end is missing",
                hint="use another copy; this one was not written or copied completely",
            )


def is_script(artifact: ArtifactReader) -> bool:
    """Whether an artifact can be a SQL script: one file, compressed or not, that begins with text.

    :raises CorruptArtifactError: it is compressed and its beginning damaged.
    """
    if artifact.names() != ("",):
        return False
    source = ScriptSource(artifact)
    try:
        head = source.read(_HEAD_SIZE)
    finally:
        source.close()
    return bool(head) and not head.startswith(b"PGDMP") and b"\0" not in head
