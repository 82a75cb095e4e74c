# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of one stored base backup: its archives and its manifest, as pg_basebackup's tar format has them too."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ...errors import CorruptArtifactError, NotFoundError
from ...interfaces import ArtifactReader
from ...lazy_dataclass import dataclass
from ...streams.base import ByteSource, read_exactly
from ...streams.compression import SUFFIXES, DecompressSource
from ..replication.backup_label import LABEL_NAME, LARGEST_LABEL, TABLESPACE_MAP_NAME, parse_tablespace_map
from ..replication.backup_manifest import LARGEST_MANIFEST, MANIFEST_NAME, BackupManifest, parse_backup_manifest
from .tar_reader import TarReader

BASE, WAL = "base", "pg_wal"
_ARCHIVE = re.compile(r"(base|pg_wal|[1-9][0-9]{0,9})\.tar(|\.gz|\.lz4|\.zst)\Z")
_METHODS = {suffix: method for method, suffix in SUFFIXES.items()}


@dataclass(frozen=True)
class Archive:
    """One tar archive.

    :param part: :data:`BASE`, :data:`WAL` or the OID of a tablespace.
    :param file: its name in the backup.
    :param method: how it is compressed.
    """

    part: str
    file: str
    method: str

    @property
    def oid(self) -> int:
        """Of the tablespace, 0 for other archives."""
        return int(self.part) if self.part.isdigit() else 0


class BaseBackupFiles:
    """The archives of a backup, in the order in which they are restored: pg_control comes last of the base's.

    :raises NotFoundError: it holds no base archive.
    """

    def __init__(self, artifact: ArtifactReader) -> None:
        self._artifact = artifact
        self.description = artifact.description
        names = artifact.names()
        found = [_archive(match) for match in map(_ARCHIVE.match, names) if match is not None]
        self._has_manifest = MANIFEST_NAME in names
        order = {BASE: 2, WAL: 1}
        self.archives = tuple(sorted(found, key=lambda archive: (order.get(archive.part, 0), archive.oid)))
        parts = [archive.part for archive in self.archives]
        if BASE not in parts:
            raise NotFoundError(f"{self.description} is no base backup in tar form: it holds no base.tar")
        if len(set(parts)) != len(parts):
            raise CorruptArtifactError(f"{self.description} holds an archive twice, compressed in two ways")

    @property
    def oids(self) -> tuple[int, ...]:
        """The tablespaces that lie in archives of their own."""
        return tuple(archive.oid for archive in self.archives if archive.oid)

    @contextlib.contextmanager
    def open(self, archive: Archive) -> t.Iterator[TarReader]:
        """An archive to be read."""
        name = f"{self.description}/{archive.file}"
        with contextlib.closing(self._artifact.open(archive.file)) as stored:
            source: ByteSource = stored
            if archive.method != "none":
                source = DecompressSource(stored, archive.method, name=name)
            yield TarReader(source, name)

    def manifest(self) -> tuple[BackupManifest, bytes] | None:
        """The manifest and its text, ``None`` where the backup of an old server has none.

        :raises CorruptArtifactError: it is damaged.
        """
        if not self._has_manifest:
            return None
        with contextlib.closing(self._artifact.open(MANIFEST_NAME)) as stored:
            data = read_exactly(stored, LARGEST_MANIFEST + 1)
        return parse_backup_manifest(data, name=f"{self.description}/{MANIFEST_NAME}"), data

    def beginning(self) -> tuple[bytes, dict[int, bytes]]:
        """The backup's label, and where its tablespaces lay: what a base archive begins with.

        :raises CorruptArtifactError: it does not.
        """
        label, places = b"", {}
        base = next(archive for archive in self.archives if archive.part == BASE)
        with self.open(base) as reader:
            for member in reader:
                if member.name == LABEL_NAME:
                    label = reader.read(LARGEST_LABEL)
                elif member.name == TABLESPACE_MAP_NAME:
                    places = parse_tablespace_map(reader.read(LARGEST_LABEL))
                else:
                    break
        if not label:
            raise CorruptArtifactError(f"{self.description}/{base.file} does not begin with a backup label")
        return label, places


def _archive(match: re.Match[str]) -> Archive:
    return Archive(match.group(1), match.group(0), _METHODS[match.group(2)])
