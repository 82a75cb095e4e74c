# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The verification of a stored base backup without a server: every archive, every file, every page, the log."""

from __future__ import annotations

import contextlib
import re

from ...errors import CorruptArtifactError
from ...interfaces import ArtifactReader
from ...progress import Progress
from ...streams.compression import SUFFIXES, decompressed
from ..wal.segment import SegmentName, SegmentPages, parse_segment, segment_at
from .backup_files import BackupFiles, told_pages
from .backup_label import parse_backup_label
from .backup_manifest import LARGEST_MANIFEST, MANIFEST_NAME, BackupManifest, parse_backup_manifest
from .control_file import ControlFile, parse_control_file
from .lsn import segment_start
from .tar_walk import Member, TarWalk

_PIECE = 1 << 20
_WAL = "pg_wal.tar"
_ARCHIVE = re.compile(r"(base|[0-9]+|pg_wal)\.tar(\.[a-z0-9]+)?\Z")


def verify_base_backup(artifact: ArtifactReader, progress: Progress) -> None:
    """Read all of a base backup and compare it with its ``backup_manifest``.

    :param artifact: a folder of archives, of a repository or as pg_basebackup -Ft makes it.
    :raises CorruptArtifactError: it is not whole.
    """
    expected = _read_manifest(artifact)
    archives = _archives(artifact)
    # What was written behind the beginning of the backup is put right by the log.
    files = BackupFiles(expected.wal_ranges[0].start if expected.wal_ranges else None, expected)
    for name, path in sorted(archives.items()):
        if name == _WAL:
            continue
        progress.item(path)
        _walk(artifact, path, files.walk(name), progress)
    control = _control(files)
    _compare(files, expected, control)
    if files.damaged and control.checksums:
        raise CorruptArtifactError(f"damaged pages are in the backup: {'; '.join(told_pages(files.damaged)[:10])}")
    _check_wal(artifact, archives.get(_WAL, ""), expected, control, progress)


def is_base_backup(artifact: ArtifactReader) -> bool:
    """Whether a folder holds the archives of a base backup, with a manifest."""
    names = artifact.names()
    return MANIFEST_NAME in names and any(name.startswith("base.tar") for name in names)


def _read_manifest(artifact: ArtifactReader) -> BackupManifest:
    with contextlib.closing(artifact.open(MANIFEST_NAME)) as source:
        pieces: list[bytes] = []
        size = 0
        while True:
            piece = source.read(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_MANIFEST:
                break
    return parse_backup_manifest(b"".join(pieces))


def _archives(artifact: ArtifactReader) -> dict[str, str]:
    """The stored files of the archives, by the archives' names."""
    found: dict[str, str] = {}
    for path in artifact.names():
        match = _ARCHIVE.match(path)
        if match is None:
            continue
        name = f"{match.group(1)}.tar"
        if (match.group(2) or "") not in SUFFIXES.values() or name in found:
            raise CorruptArtifactError(f"the backup holds {path}, which nobody puts there", path=path)
        found[name] = path
    if "base.tar" not in found:
        raise CorruptArtifactError(f"{artifact.description} holds no base.tar: it is no base backup")
    return found


def _walk(artifact: ArtifactReader, path: str, walk: TarWalk, progress: Progress) -> None:
    with contextlib.closing(decompressed(artifact.open(path), name=path)) as source:
        while True:
            piece = source.read(_PIECE)
            if not piece:
                break
            progress.advance(len(piece))
            walk.write(piece)
    walk.close()


def _control(files: BackupFiles) -> ControlFile:
    for name in ("backup_label", "global/pg_control"):
        if name not in files.kept:
            raise CorruptArtifactError(f"the backup holds no {name}", path=name)
    parse_backup_label(files.kept["backup_label"])
    return parse_control_file(files.kept["global/pg_control"])


def _compare(files: BackupFiles, expected: BackupManifest, control: ControlFile) -> None:
    files.compare(expected)
    if expected.system_identifier and expected.system_identifier != control.system_identifier:
        raise CorruptArtifactError("the backup's manifest and its control file are of different systems")


def _check_wal(
    artifact: ArtifactReader, path: str, expected: BackupManifest, control: ControlFile, progress: Progress
) -> None:
    """Make sure that the log in the backup is what is needed to make it consistent.

    :param path: of its archive; empty for a backup whose log is elsewhere.
    """
    size = control.segment_size
    needed = {
        str(segment_at(lsn, one.timeline, size))
        for one in expected.wal_ranges
        for lsn in range(segment_start(one.start, size), max(one.end, one.start + 1), size)
    }
    if path:
        progress.item(path)
        segments = _Segments(path, control)
        _walk(artifact, path, TarWalk(_WAL, segments.begin), progress)
        missing = sorted(needed - segments.found)
        if missing:
            raise CorruptArtifactError(f"the log in the backup lacks {', '.join(missing[:10])}", path=path)


class _Segments:
    """The members of the archive of the log."""

    def __init__(self, path: str, control: ControlFile) -> None:
        self._path = path
        self._control = control
        self.found: set[str] = set()

    def begin(self, member: Member) -> _Segment | None:
        place = parse_segment(member.path) if member.kind == "file" else None
        if place is None:
            return None
        self.found.add(member.path)
        return _Segment(place, self._control, name=f"{self._path}: {member.path}")


class _Segment:
    """The check of one segment; the last one ends somewhere inside."""

    def __init__(self, place: SegmentName, control: ControlFile, *, name: str) -> None:
        self._pages = SegmentPages(place, name=name, partial=True)
        self._control = control
        self._name = name

    def update(self, data: memoryview) -> None:
        self._pages.feed(data)

    def finish(self) -> None:
        header = self._pages.finish()
        if header.system_identifier != self._control.system_identifier:
            raise CorruptArtifactError(f"{self._name} is the log of another system", path=self._name)
