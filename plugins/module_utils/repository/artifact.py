# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup's artifact being read: out of a repository, or a file or folder with or without a manifest."""

from __future__ import annotations

import contextlib
import os

from ..errors import CorruptArtifactError, IdentityError, NotFoundError, StorageError, UsageError
from ..streams.age_header import MAGIC
from ..streams.age_keys import Identity
from ..streams.base import read_exactly
from ..streams.encryption import SUFFIX, DecryptSource, is_encrypted
from ..streams.file import FileSource, storage_error
from ..streams.file_state import FileState
from .access import NO_ACCESS, Access
from .dest import read_dest_manifest
from .layout import MANIFEST_NAME, is_backup_id
from .local import LocalStorage
from .manifest import LARGEST_MANIFEST, parse_manifest
from .records import Manifest
from .repository import CatalogueEntry, Repository
from .signature import check_signature
from .storage import Storage, StoredFile


class StoredArtifact:
    """The :class:`~dbfleet.interfaces.ArtifactReader` that a restore job gives to an engine.

    What is encrypted is decrypted on the way: by what the manifest says, and where there is none, by what files are.

    :param folder: the backup's folder in the storage, empty for the root.
    :param artifact: the artifact's path inside that folder; where the user has renamed a plain destination and its
        manifest, it is not the one that the manifest knows.
    :param manifest: ``None`` for a foreign artifact.
    :param access: what opens it.
    """

    def __init__(
        self, storage: Storage, folder: str, artifact: str, manifest: Manifest | None, access: Access = NO_ACCESS
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._artifact = artifact
        self._access = access
        self._identities: tuple[Identity, ...] | None = None
        self.manifest = manifest
        #: States of files that were found to be those of the manifest.
        self.verified: set[FileState] = set()

    @property
    def description(self) -> str:
        return self._storage.url(self._join(self._artifact))

    def names(self) -> tuple[str, ...]:
        """Paths below the artifact's folder, or ``("",)`` where it is a single file."""
        if self.manifest is None:
            return tuple(name.removesuffix(SUFFIX) for name in _local_names(self.description))
        artifact = self.manifest.contents.artifact
        paths = [record.path for record in self.manifest.files]
        if artifact in paths:
            return ("",)
        inside = [path[len(artifact) + 1 :] for path in paths if path.startswith(f"{artifact}/")]
        return tuple(name.removesuffix(SUFFIX) if self._is_encrypted else name for name in inside)

    def open(self, path: str) -> StoredFile:
        """A file of the artifact as the engine wrote it.

        :raises IdentityError: it is encrypted, and nothing given opens it.
        """
        if self.manifest is None:
            return self._open_foreign(path)
        if not self._is_encrypted:
            return self._open_raw(path)
        return self._decrypted(self._open_raw(f"{path}{SUFFIX}" if path else path), path)

    def open_stored(self, path: str) -> StoredFile:
        """A file as it is stored, by its path in the backup's folder, as the manifest's file records name it."""
        artifact = self._artifact if self.manifest is None else self.manifest.contents.artifact
        if path == artifact or path.startswith(f"{artifact}/"):
            return self._open_raw(path[len(artifact) + 1 :])
        return self._storage.open(self._join(path))

    def require_identity(self) -> None:
        """Make sure that what was given opens the artifact, as far as that can be told without reading all of it.

        :raises IdentityError: it does not, or nothing was given.
        """
        if not self._is_encrypted:
            return
        names = self.names()
        if self._known_identities() and names:
            # A file that is missing is for the one to report who looks at all of them.
            with contextlib.suppress(NotFoundError), contextlib.closing(self.open(names[0])):
                pass

    @property
    def _is_encrypted(self) -> bool:
        return self.manifest is not None and bool(self.manifest.encryption.method)

    def _open_foreign(self, path: str) -> StoredFile:
        try:
            stored = self._open_raw(path)
        except NotFoundError:
            if not path or self._storage.size(self._join(f"{self._artifact}/{path}{SUFFIX}")) is None:
                raise
            stored = self._open_raw(path + SUFFIX)
        try:
            beginning = read_exactly(stored, len(MAGIC))
            stored.seek(0)
        except BaseException:
            stored.close()
            raise
        return self._decrypted(stored, path) if is_encrypted(beginning) else stored

    def _decrypted(self, stored: StoredFile, path: str) -> StoredFile:
        name = self._storage.url(self._join(f"{self._artifact}/{path}" if path else self._artifact))
        try:
            return DecryptSource(stored, self._known_identities(), name=name)
        except BaseException:
            stored.close()
            raise

    def _known_identities(self) -> tuple[Identity, ...]:
        if self._identities is None:
            self._identities = self._access.identities()
        if not self._identities:
            recipients = self.manifest.encryption.recipients if self.manifest is not None else ()
            known = f" to {', '.join(recipients)}" if recipients else ""
            raise IdentityError(
                f"{self.description} is encrypted{known}, and no identity is given",
                hint="give an identity_file (--identity-file) that holds the identity of one of the recipients",
                recipients=list(recipients),
            )
        return self._identities

    def _open_raw(self, path: str) -> StoredFile:
        stored = self._storage.open(self._join(f"{self._artifact}/{path}" if path else self._artifact))
        if isinstance(stored, FileSource):
            stored.verified = self.verified
        return stored

    def _join(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder else path


def open_backup(
    repository: str, backup: str, *, cluster: str = "", database: str = "", access: Access = NO_ACCESS
) -> StoredArtifact:
    """A backup out of a repository.

    :param backup: its id, or ``latest``.
    :raises NotFoundError, UsageError: see :meth:`Repository.find`.
    """
    opened = Repository(repository, access)
    entry = opened.find(backup, cluster=cluster, database=database)
    return stored_artifact(opened, entry)


def open_globals(repository: str, backup: str, *, cluster: str = "", access: Access = NO_ACCESS) -> StoredArtifact:
    """The globals of a server out of a repository.

    :param backup: their id, which is that of their set too, or ``latest``.
    :raises NotFoundError, UsageError: see :meth:`Repository.find_globals`.
    """
    opened = Repository(repository, access)
    return stored_artifact(opened, opened.find_globals(backup, cluster=cluster))


def stored_artifact(repository: Repository, entry: CatalogueEntry) -> StoredArtifact:
    """A backup of a repository, to be read."""
    artifact = entry.manifest.contents.artifact
    return StoredArtifact(repository.storage, entry.folder, artifact, entry.manifest, repository.access)


def open_artifact(source: str, access: Access = NO_ACCESS) -> StoredArtifact:
    """An artifact at a path, with its manifest if it has one.

    :param source: a file or folder with its manifest beside it, a backup's folder in a repository, the artifact in
        there, or something foreign. The path itself may be a link; nothing inside may.
    :raises NotFoundError: there is nothing.
    :raises CorruptArtifactError: the manifest is damaged.
    """
    if "://" in source:
        raise UsageError(
            f"a source is a file or folder of this host, not the URL {source.partition('?')[0]}",
            hint="what lies in object storage is restored from its repository: give that and the backup's id",
        )
    path = os.path.abspath(source)
    if not os.path.exists(path):
        raise NotFoundError(f"there is no file or folder {source}", path=source)
    if os.path.islink(path):
        path = os.path.realpath(path)
    folder, name = os.path.split(path)
    manifest = read_dest_manifest(path, verify_key=access.verify_key)
    if manifest is None:
        for backup_folder, artifact in ((path, ""), (folder, name)):
            inner = _folder_manifest(backup_folder, access)
            if inner is not None and artifact in ("", inner.contents.artifact):
                return StoredArtifact(LocalStorage(backup_folder), "", inner.contents.artifact, inner, access)
        if access.verify_key:
            raise CorruptArtifactError(
                f"{source} has no manifest, and a signature is asked for",
                hint="leave verify_key out for what somebody else made",
                path=source,
            )
    return StoredArtifact(LocalStorage(folder), "", name, manifest, access)


def _folder_manifest(folder: str, access: Access) -> Manifest | None:
    """The manifest in a backup's folder of a repository; other folders may hold a manifest of anything."""
    if not is_backup_id(os.path.basename(folder)) or not os.path.isdir(folder):
        return None
    data = LocalStorage(folder).read_small(MANIFEST_NAME, LARGEST_MANIFEST)
    if data is None:
        return None
    name = os.path.join(folder, MANIFEST_NAME)
    manifest = parse_manifest(data, name=name)
    if access.verify_key:
        check_signature(data, manifest.signature, access.verify_key, name=name)
    return manifest


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
