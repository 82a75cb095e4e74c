# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of a base backup while they stream by: digests, checksums of pages, and the few that are looked into."""

from __future__ import annotations

import re
import time
import typing as t

from ...errors import CorruptArtifactError
from .backup_manifest import SHA256, BackupManifest, ManifestFile, WalRange, is_listed, new_checksum
from .page_checksums import PageCheck, first_page_of
from .tar_walk import Member, TarWalk

_ARCHIVE = re.compile(r"([0-9]+)\.tar\Z")
_BASE = "base.tar"
#: What of a base backup is read, and how large it may be.
KEPT = frozenset(("backup_label", "tablespace_map", "global/pg_control"))
_WAL = "pg_wal/"
_LARGEST_KEPT = 8 << 20
_SHOWN = 10


class _FileDigest:
    """Takes one file in."""

    def __init__(self, owner: BackupFiles, member: Member, path: str) -> None:
        self._owner = owner
        self._member = member
        self._path = path
        self._algorithm = owner.algorithm_of(path)
        self._hash = new_checksum(self._algorithm)
        self._kept: list[bytes] | None = [] if path in KEPT and member.size <= _LARGEST_KEPT else None
        self._pages = owner.page_check(path)

    def update(self, data: memoryview) -> None:
        self._hash.update(t.cast(bytes, data))
        if self._kept is not None:
            self._kept.append(bytes(data))
        if self._pages is not None:
            self._pages.update(data)

    def finish(self) -> None:
        if self._kept is not None:
            self._owner.kept[self._path] = b"".join(self._kept)
        if self._pages is not None and self._pages.damaged:
            self._owner.damaged[self._path] = self._pages.damaged
        digest = self._hash.hexdigest()
        modified = time.strftime("%Y-%m-%d %H:%M:%S GMT", time.gmtime(self._member.modified))
        self._owner.add(ManifestFile(self._path, self._member.size, modified, self._algorithm, digest))


class BackupFiles:
    """What is known of a backup's files; archives may follow one another.

    :param check_pages_before: look at the checksums of pages that were not written since this LSN; ``None`` for not
        looking at them.
    :param expected: what the files should be, where that is known before; then each is digested in its way.
    """

    def __init__(self, check_pages_before: int | None = None, expected: BackupManifest | None = None) -> None:
        self._algorithms = {} if expected is None else {file.path: file.algorithm for file in expected.files}
        self._check_pages_before = check_pages_before
        self._files: dict[str, ManifestFile] = {}
        #: The content of the files of :data:`KEPT`, by path.
        self.kept: dict[str, bytes] = {}
        #: The numbers of damaged pages, by the path of their file.
        self.damaged: dict[str, list[int]] = {}

    def walk(self, name: str) -> TarWalk:
        """A sink for one archive: ``base.tar`` or ``<oid>.tar``.

        :raises CorruptArtifactError: a base backup has no such archive.
        """
        return TarWalk(name, self._begin_in(prefix_of(name)))

    def algorithm_of(self, path: str) -> str:
        """How a file is digested."""
        return self._algorithms.get(path, SHA256)

    def page_check(self, path: str) -> PageCheck | None:
        """The check of the pages of a file, ``None`` where it has none or they are not to be looked at."""
        first = None if self._check_pages_before is None else first_page_of(path)
        if first is None or self._check_pages_before is None:
            return None
        return PageCheck(first, written_before=self._check_pages_before)

    def add(self, file: ManifestFile) -> None:
        """A file is whole.

        :raises CorruptArtifactError: there is one of that path already.
        """
        if file.path in self._files:
            raise CorruptArtifactError(f"the backup holds {file.path} twice", path=file.path)
        self._files[file.path] = file

    def own_manifest(self, wal: WalRange) -> BackupManifest:
        """What a server would have said of the files."""
        # All but the log, also what need not be listed.
        listed = tuple(file for file in self._files.values() if not file.path.startswith(_WAL))
        return BackupManifest(listed, (wal,))

    def compare(self, manifest: BackupManifest) -> None:
        """Make sure that the files are those that the server says it has sent.

        :raises CorruptArtifactError: they are not.
        """
        findings = list(self._differences(manifest))
        if findings:
            more = f"; {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
            raise CorruptArtifactError(
                f"the backup is not what its manifest says: {'; '.join(findings[:_SHOWN])}{more}",
                hint="make another backup; if it happens again, look for damage on the way from the server",
            )

    def _differences(self, manifest: BackupManifest) -> t.Iterator[str]:
        expected = manifest.by_path()
        for path, file in self._files.items():
            known = expected.pop(path, None)
            if known is None:
                if is_listed(path):
                    yield f"{path} is not listed"
            elif file.size != known.size:
                yield f"{path} has {file.size} bytes instead of {known.size}"
            elif known.algorithm == file.algorithm and file.checksum != known.checksum:
                yield f"{path} is damaged"
        for path in expected:
            if is_listed(path):
                yield f"{path} is missing"

    def _begin_in(self, prefix: str) -> t.Callable[[Member], _FileDigest | None]:
        def begin(member: Member) -> _FileDigest | None:
            return _FileDigest(self, member, prefix + member.path) if member.kind == "file" else None

        return begin


def prefix_of(archive: str) -> str:
    """Where the files of an archive are in the data folder: empty, or ``pg_tblspc/<oid>/``.

    :raises CorruptArtifactError: a base backup has no such archive.
    """
    if archive == _BASE:
        return ""
    found = _ARCHIVE.match(archive)
    if found is None:
        raise CorruptArtifactError(f"a base backup has no archive {archive!r}", path=archive)
    return f"pg_tblspc/{found.group(1)}/"


def told_pages(damaged: t.Mapping[str, t.Sequence[int]]) -> list[str]:
    """Damaged pages for a message: the file of the relation, and its blocks."""
    return [
        f"{path}, block {', '.join(map(str, pages[:5]))}{f' and {len(pages) - 5} more' if len(pages) > 5 else ''}"
        for path, pages in sorted(damaged.items())
    ]
