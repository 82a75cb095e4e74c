# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup's artifact being read: out of a repository, or a file or folder with or without a manifest."""

from __future__ import annotations

import os

from ..errors import NotFoundError, StorageError
from .dest import read_dest_manifest
from .local import LocalStorage
from .records import Manifest
from .repository import Repository
from .storage import Storage, StoredFile


class StoredArtifact:
    """The :class:`~dbfleet.interfaces.ArtifactReader` that a restore job gives to an engine.

    :param folder: the backup's folder in the storage, empty for the root.
    :param artifact: the artifact's path inside that folder.
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
        prefix = self._artifact + "/"
        paths = [record.path for record in self.manifest.files]
        if self._artifact in paths:
            return ("",)
        return tuple(path[len(prefix) :] for path in paths if path.startswith(prefix))

    def open(self, path: str) -> StoredFile:
        return self.open_stored(f"{self._artifact}/{path}" if path else self._artifact)

    def open_stored(self, path: str) -> StoredFile:
        """A file by its path in the backup's folder, as the manifest's file records name it."""
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
    return StoredArtifact(opened.storage, entry.folder, entry.manifest.contents.artifact, entry.manifest)


def open_artifact(source: str) -> StoredArtifact:
    """An artifact at a path, with its manifest if one stands beside it.

    :raises NotFoundError: there is nothing.
    """
    path = os.path.abspath(source)
    if not os.path.lexists(path):
        raise NotFoundError(f"there is no file or folder {source}", path=source)
    folder, name = os.path.split(path)
    return StoredArtifact(LocalStorage(folder), "", name, read_dest_manifest(path))


def _local_names(path: str) -> tuple[str, ...]:
    if not os.path.isdir(path):
        return ("",)
    names = []
    for folder, _folders, files in os.walk(path):
        for name in files:
            full = os.path.join(folder, name)
            if os.path.islink(full):
                raise StorageError(f"{full} is a link; an artifact holds only files", path=full)
            names.append(os.path.relpath(full, path))
    return tuple(sorted(names))
