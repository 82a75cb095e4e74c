# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The name under which a file of the log is archived: ``<its name>-<its SHA-256>[.gz|.zst|.lz4][.age]``.

A name therefore says what must be in the file, and two files with other content can never be taken for each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from ...repository.access import NO_ACCESS, Access
from ...repository.storage import Storage
from ...streams.base import Buffer, ByteSource
from ...streams.compression import SUFFIXES, DecompressSource
from ...streams.encryption import DecryptSource
from .segment import LARGEST_SEGMENT, SegmentName, is_backup_history, is_history, is_partial, parse_segment

_NAME = re.compile(
    r"(?P<name>[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history)-(?P<sha256>[0-9a-f]{64})"
    r"(?P<compression>\.gz|\.zst|\.lz4)?(?P<encryption>\.age)?\Z"
)
_METHODS = {suffix: method for method, suffix in SUFFIXES.items()}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ArchivedFile:
    """One file of the archive.

    :param name: as the server calls it.
    :param sha256: of its content.
    :param method: its compression's; ``none`` for none.
    :param path: in the storage.
    """

    name: str
    sha256: str
    method: str
    encrypted: bool
    path: str

    @property
    def segment(self) -> SegmentName | None:
        """The segment that it is, ``None`` for another kind of file."""
        return parse_segment(self.name)


def parse_archived(stored: str, folder: str) -> ArchivedFile | None:
    """What a file of the archive is, by its name; ``None`` for one that is not of the log.

    :param stored: its name in ``folder``.
    """
    found = _NAME.match(stored)
    if found is None:
        return None
    return ArchivedFile(
        name=found["name"],
        sha256=found["sha256"],
        method=_METHODS[found["compression"] or ""],
        encrypted=bool(found["encryption"]),
        path=f"{folder}/{stored}",
    )


def is_log_file(name: str) -> bool:
    """Whether a server can ask for such a file to be archived."""
    return parse_segment(name) is not None or is_partial(name) or is_backup_history(name) or is_history(name)


def open_archived(storage: Storage, file: ArchivedFile, access: Access = NO_ACCESS) -> ByteSource:
    """Its content, which is compared with its digest at its end.

    :raises NotFoundError: it is gone.
    :raises IdentityError: it is encrypted, and no identity opens it.
    """
    url = storage.url(file.path)
    with contextlib.ExitStack() as stack:
        stored = storage.open(file.path)
        stack.callback(stored.close)
        source: ByteSource = stored
        if file.encrypted:
            source = DecryptSource(stored, access.identities(), name=url)
        if file.method != "none":
            source = DecompressSource(source, file.method, name=url)
        checked = _Checked(source, file.sha256, url)
        stack.pop_all()
        return checked


class _Checked:
    """Compares what was read with its digest at the end, before anybody is told that it is the end."""

    def __init__(self, inner: ByteSource, sha256: str, name: str) -> None:
        self._inner = inner
        self._sha256 = sha256
        self._name = name
        self._digest = hashlib.sha256()
        self._size = 0

    def read(self, size: int) -> bytes:
        data = self._inner.read(size)
        self._digest.update(data)
        self._size += len(data)
        if self._size > LARGEST_SEGMENT:
            raise CorruptArtifactError(f"{self._name} holds more than a segment can have", path=self._name)
        if not data and self._digest.hexdigest() != self._sha256:
            raise CorruptArtifactError(
                f"the archived file {self._name} was changed: its SHA-256 is {self._digest.hexdigest()}",
                hint="fetch it from a copy of the repository; going back to a moment behind it is not possible without",
                path=self._name,
            )
        return data

    def close(self) -> None:
        self._inner.close()


def copy_blocks(source: ByteSource, write: t.Callable[[Buffer], object]) -> int:
    """Pass everything on; how many bytes that were."""
    size = 0
    while True:
        data = source.read(_BLOCK)
        if not data:
            return size
        write(data)
        size += len(data)
