# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The copy job: a finished backup, or a whole set, into a second repository, where it is read again.

request → find the backup → for each: lock there → sweep → copy → read back and compare → publish → result.
What is copied are the stored files and the manifest as they are: encrypted backups need no identity. A hold and what
verifications found go with the first copy; from then on, both places have their own.
"""

from __future__ import annotations

import contextlib
import typing as t

from .errors import CorruptArtifactError, NotFoundError, StorageError, UsageError
from .lazy_dataclass import dataclass
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.chains import chain_of
from .repository.layout import GLOBALS, MANIFEST_NAME, filed_under, is_backup_id
from .repository.manifest import LARGEST_MANIFEST
from .repository.marks import marks_to_copy
from .repository.records import FileRecord, Manifest
from .repository.repository import CatalogueEntry, Repository, folder_of
from .repository.sets import stored_set
from .repository.storage import StagedFolder
from .streams.base import pour
from .streams.digest import DigestSource, digest_of


@dataclass(frozen=True)
class CopyRequest:
    """One copy.

    :param location: the repository that the backup is in.
    :param copy_to: the one that it is copied to.
    :param backup: an id or ``latest``; the id of globals means their whole set.
    :param cluster: needed where the repository holds several.
    :param database: needed where there are several.
    :param check: find out and say what would be done, change nothing.
    :param access: what it takes to get into both repositories.
    """

    location: str
    copy_to: str
    backup: str = "latest"
    cluster: str = ""
    database: str = ""
    check: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class CopyResult:
    """What was copied, or would be.

    :param copies: of each backup its ``id``, ``cluster``, ``database``, ``size`` and ``path``, the path of its ``copy``
        and whether that is a new one (``changed``).
    """

    copies: tuple[t.Mapping[str, t.Any], ...]

    @property
    def changed(self) -> bool:
        return any(one["changed"] for one in self.copies)

    @property
    def diff(self) -> dict[str, str]:
        there = "".join(f"{one['copied_to']}\n" for one in self.copies if not one["changed"])
        return {"before": there, "after": "".join(f"{one['copied_to']}\n" for one in self.copies)}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "copies": [dict(one) for one in self.copies]}


def copy(request: CopyRequest, progress: Progress) -> CopyResult:
    """Copy one backup or set.

    :raises DbfleetError: it failed. Backups of a set that were copied before stay, and are not copied again next time.
    """
    source, target = Repository(request.location, request.access), Repository(request.copy_to, request.access)
    if source.storage.url("") == target.storage.url(""):
        raise UsageError(f"{source.location} would be copied to itself", hint="name another repository")
    entries = _entries(source, request)
    progress.phase("copying", total_bytes=sum(entry.manifest.size for entry in entries))
    return CopyResult(tuple(_copied(source, entry, target, progress, check=request.check) for entry in entries))


def _entries(source: Repository, request: CopyRequest) -> list[CatalogueEntry]:
    """What is to be copied, the globals of a set last: it exists from then on."""
    is_set = is_backup_id(request.backup) and request.backup.endswith(f"-{GLOBALS}")
    if request.database or not is_set:
        # What an incremental backup builds on goes first.
        return chain_of(source, source.find(request.backup, cluster=request.cluster, database=request.database))
    source.require()
    found = stored_set(source, source.find_globals(request.backup, cluster=request.cluster))
    if found.missing:
        raise NotFoundError(
            f"set {found.id} is incomplete: the backups of {', '.join(map(repr, found.missing))} are gone",
            hint="copy what is left database by database",
        )
    return [*found.members, found.globals]


def _copied(
    source: Repository, entry: CatalogueEntry, target: Repository, progress: Progress, *, check: bool
) -> dict[str, t.Any]:
    manifest = entry.manifest
    database = filed_under(manifest.kind, manifest.database)
    folder = f"{folder_of(manifest)}/{manifest.id}"
    sealed = source.storage.read_small(f"{entry.folder}/{MANIFEST_NAME}", LARGEST_MANIFEST)
    if sealed is None:
        raise NotFoundError(f"{entry.url} was removed while it was to be copied")
    changed = not _is_there(target, folder, manifest, sealed)
    if changed and not check:
        target.initialise()
        with target.lock(manifest.cluster, database, purpose=f"copy of {manifest.id}") as lock:
            target.sweep(manifest.cluster, database)
            # Another job may have copied it while this one waited to begin.
            if not _is_there(target, folder, manifest, sealed):
                staged = target.begin(manifest.cluster, database, manifest.id)
                try:
                    _write(source, entry, staged, sealed, progress)
                    lock.check()
                    staged.publish()
                except BaseException:
                    with contextlib.suppress(StorageError):
                        staged.abandon()
                    raise
    return {
        "id": manifest.id,
        "cluster": manifest.cluster,
        "database": manifest.database,
        "size": manifest.size,
        "path": entry.url,
        "copied_to": target.storage.url(folder),
        "changed": changed,
    }


def _is_there(target: Repository, folder: str, manifest: Manifest, sealed: bytes) -> bool:
    """Whether the very backup is in the second repository with all its files.

    :raises StorageError: another one is, or the copy lacks something.
    """
    found = target.storage.read_small(f"{folder}/{MANIFEST_NAME}", LARGEST_MANIFEST) if target.exists() else None
    if found is None:
        return False
    url = target.storage.url(folder)
    if found != sealed:
        raise StorageError(f"{url} is there already and is another backup", hint="look at both before removing one")
    sizes = target.storage.sizes(folder)
    for record in manifest.files:
        if sizes.get(record.path) != record.size:
            raise StorageError(
                f"the copy {url} is damaged: {record.path} is missing or has another size",
                hint="remove that copy and run the job again",
            )
    return True


def _write(source: Repository, entry: CatalogueEntry, staged: StagedFolder, sealed: bytes, progress: Progress) -> None:
    for record in entry.manifest.files:
        progress.item(record.path)
        _copy_file(source, f"{entry.folder}/{record.path}", staged, record, progress)
    for record in entry.manifest.files:
        # What was sent is one thing, what is stored another.
        with contextlib.closing(staged.open(record.path)) as stored:
            sha256, size = digest_of(stored)
        _compare(size, sha256, record, f"the copy of {entry.url}")
    # The manifest is the last: it is what makes the copy count.
    for name, data in (*marks_to_copy(source.storage, entry.folder), (MANIFEST_NAME, sealed)):
        file = staged.create(name)
        file.write(data)
        file.close()


def _copy_file(source: Repository, path: str, staged: StagedFolder, record: FileRecord, progress: Progress) -> None:
    with contextlib.closing(DigestSource(source.storage.open(path))) as reader:
        pour(
            reader,
            staged.create(record.path),
            advance=progress.advance,
            check=lambda: _compare(reader.size, reader.hexdigest(), record, source.storage.url(path)),
        )


def _compare(size: int, sha256: str, record: FileRecord, name: str) -> None:
    if (size, sha256) != (record.size, record.sha256):
        raise CorruptArtifactError(
            f"{name}: the file {record.path} is not what was backed up: {size} bytes with the SHA-256 "
            f"{sha256} instead of {record.size} with {record.sha256}",
            hint="this backup is damaged; copy another one",
            path=record.path,
        )
