# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup's artifact being read: out of a repository, or a file or folder with or without a manifest."""

from __future__ import annotations

import os

from ..errors import NotFoundError, StorageError
from ..streams.file import storage_error
from .dest import read_dest_manifest
from .layout import MANIFEST_NAME, is_backup_id
from .local import LocalStorage
from .manifest import LARGEST_MANIFEST, parse_manifest
from .records import Manifest
from .repository import CatalogueEntry, Repository
from .storage import Storage, StoredFile


class StoredArtifact:
    """The :class:`~dbfleet.interfaces.ArtifactReader` that a restore job gives to an engine.

    :param folder: the backup's folder in the storage, empty for the root.
    :param artifact: the artifact's path inside that folder; where the user has renamed a plain destination and its
        manifest, it is not the one that the manifest knows.
    :param manifest: ``None`` for a foreign artifact.
    """

    def __init__(self, storage: Storage, folder: str, artifact: str, manifest: Manifest | None) -> None:
        self._storage = storage
        self._folder = folder
        self._artifact = artifact
        self.manifest = manifest

    @property
    def description(self) -> str:
        return self._storage.url(self._join(self._artifact))

    def names(self) -> tuple[str, ...]:
        """Paths below the artifact's folder, or ``("",)`` where it is a single file."""
        if self.manifest is None:
            return _local_names(self.description)
        artifact = self.manifest.contents.artifact
        paths = [record.path for record in self.manifest.files]
        if artifact in paths:
            return ("",)
        return tuple(path[len(artifact) + 1 :] for path in paths if path.startswith(f"{artifact}/"))

    def open(self, path: str) -> StoredFile:
        return self._storage.open(self._join(f"{self._artifact}/{path}" if path else self._artifact))

    def open_stored(self, path: str) -> StoredFile:
        """A file by its path in the backup's folder, as the manifest's file records name it."""
        artifact = self._artifact if self.manifest is None else self.manifest.contents.artifact
        if path == artifact or path.startswith(f"{artifact}/"):
            return self.open(path[len(artifact) + 1 :])
        return self._storage.open(self._join(path))

    def _join(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder else path


def open_backup(repository: str, backup: str, *, cluster: str = "", database: str = "") -> StoredArtifact:
    """A backup out of a repository.

    :param backup: its id, or ``latest``.
    :raises NotFoundError, UsageError: see :meth:`Repository.find`.
    """
    opened = Repository(repository)
    entry = opened.find(backup, cluster=cluster, database=database)
    return stored_artifact(opened, entry)


def open_globals(repository: str, backup: str, *, cluster: str = "") -> StoredArtifact:
    """The globals of a server out of a repository.

    :param backup: their id, which is that of their set too, or ``latest``.
    :raises NotFoundError, UsageError: see :meth:`Repository.find_globals`.
    """
    opened = Repository(repository)
    return stored_artifact(opened, opened.find_globals(backup, cluster=cluster))


def stored_artifact(repository: Repository, entry: CatalogueEntry) -> StoredArtifact:
    """A backup of a repository, to be read."""
    return StoredArtifact(repository.storage, entry.folder, entry.manifest.contents.artifact, entry.manifest)


def open_artifact(source: str) -> StoredArtifact:
    """An artifact at a path, with its manifest if it has one.

    :param source: a file or folder with its manifest beside it, a backup's folder in a repository, the artifact in
        there, or something foreign. The path itself may be a link; nothing inside may.
    :raises NotFoundError: there is nothing.
    :raises CorruptArtifactError: the manifest is damaged.
    """
    path = os.path.abspath(source)
    if not os.path.exists(path):
        raise NotFoundError(f"there is no file or folder {source}", path=source)
    if os.path.islink(path):
        path = os.path.realpath(path)
    folder, name = os.path.split(path)
    manifest = read_dest_manifest(path)
    if manifest is None:
        for backup_folder, artifact in ((path, ""), (folder, name)):
            inner = _folder_manifest(backup_folder)
            if inner is not None and artifact in ("", inner.contents.artifact):
                return StoredArtifact(LocalStorage(backup_folder), "", inner.contents.artifact, inner)
    return StoredArtifact(LocalStorage(folder), "", name, manifest)


def _folder_manifest(folder: str) -> Manifest | None:
    """The manifest in a backup's folder of a repository; other folders may hold a manifest of anything."""
    if not is_backup_id(os.path.basename(folder)) or not os.path.isdir(folder):
        return None
    data = LocalStorage(folder).read_small(MANIFEST_NAME, LARGEST_MANIFEST)
    return None if data is None else parse_manifest(data, name=os.path.join(folder, MANIFEST_NAME))


def _local_names(path: str) -> tuple[str, ...]:
    if not os.path.isdir(path):
        return ("",)

    def fail(error: OSError) -> None:
        raise storage_error("list", error.filename or path, error) from error

    names: list[str] = []
    for folder, folders, files in os.walk(path, onerror=fail):
        for name in (*folders, *files):
            full = os.path.join(folder, name)
            if os.path.islink(full):
                raise StorageError(f"{full} is a link; an artifact holds only files", path=full)
        names.extend(os.path.relpath(os.path.join(folder, name), path) for name in files)
    return tuple(sorted(names))
