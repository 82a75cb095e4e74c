# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where one database's backups go, seen from a backup job: a repository's folder or a plain destination."""

from __future__ import annotations

import datetime
import os
import time
import typing as t

from ..errors import CorruptArtifactError, NotFoundError, OutOfSpaceError, StorageError, UsageError
from ..progress import Progress
from ..streams.encryption import NOT_ENCRYPTED, Encryption
from .access import NO_ACCESS, Access
from .dest import MANIFEST_SUFFIX, Destination, read_dest_manifest, resolve_dest
from .folders import check_writable
from .layout import MANIFEST_NAME, backup_id, database_folder, is_safe_path
from .local import LocalStorage
from .lock import RepositoryLock
from .publication import Publication
from .records import Manifest
from .repository import CatalogueEntry, Repository
from .storage import Storage

_BEST_COMPRESSION = 10
_FEW_FILES = 3

Warn = t.Callable[[str], None]


def _any(_manifest: Manifest) -> bool:
    return True


class Place(t.Protocol):
    """One database's place for backups."""

    @property
    def cluster(self) -> str:
        """The name that the server's backups are filed under."""

    @property
    def location(self) -> str:
        """The place as users can name it."""

    def newest_good(self, warn: Warn, *, suits: t.Callable[[Manifest], bool] = _any) -> Manifest | None:
        """The newest backup here whose manifest is sound and whose files are all there with their sizes.

        :param warn: is told of every newer one that is not.
        :param suits: which ones are looked at; all of them by default.
        """

    def check(self, expected_bytes: int, progress: Progress) -> None:
        """Whether a backup of about that size could be written, without writing.

        :raises StorageError, OutOfSpaceError, UsageError: it could not.
        """

    def lock(self, *, purpose: str) -> RepositoryLock:
        """The lock to hold while writing; entering it can raise :class:`LockedError`."""

    def sweep(self) -> list[str]:
        """Remove what dead jobs left; the caller holds the lock. Returns names."""

    def new_id(self, kind: str) -> tuple[str, datetime.datetime]:
        """An id that no backup here has, and the time (now) that it stands for."""

    def begin(self, identity: str) -> Publication:
        """Start to write a backup; the caller holds the lock."""

    def path_of(self, manifest: Manifest) -> str:
        """A backup's path or URL as users can name it."""

    def describe(self, published: Manifest | None = None) -> str:
        """What is here, one line a backup, for diff mode.

        :param published: of the backup that this job has just published here: it need not be read again.
        """


def check_free_space(storage: Storage, expected_bytes: int, progress: Progress) -> None:
    """Compare the room that is left with what the backup may need.

    Only a hopeless lack is an error, because nobody knows how well the data compresses; less than expected is a
    warning, and a disk that fills up in spite of it fails the backup cleanly.

    :raises OutOfSpaceError: not even a tenth of what is expected would fit.
    """
    free = storage.free_bytes()
    if free is None or free >= expected_bytes:
        return
    message = f"{storage.location} has {free} bytes free, the backup may need {expected_bytes}"
    if free < expected_bytes / _BEST_COMPRESSION:
        hint = "free space there or choose another destination"
        raise OutOfSpaceError(message, hint=hint, free_bytes=free, expected_bytes=expected_bytes)
    progress.warn(message)


class RepositoryPlace:
    """The folder of one database in a repository."""

    def __init__(
        self,
        location: str,
        *,
        cluster: str,
        database: str,
        access: Access = NO_ACCESS,
        encryption: Encryption = NOT_ENCRYPTED,
        sign_key: str = "",
    ) -> None:
        self.cluster = cluster
        self._database = database
        self._encryption = encryption
        self._sign_key = sign_key
        self._repository = Repository(location, access)
        self._folder = database_folder(cluster, database)

    @property
    def location(self) -> str:
        return self._repository.storage.url(self._folder)

    def newest_good(self, warn: Warn, *, suits: t.Callable[[Manifest], bool] = _any) -> Manifest | None:
        def warn_of(error: CorruptArtifactError) -> None:
            warn(f"a backup is damaged: {error.message}")

        entries = self._repository.newest_first(self.cluster, self._database, on_damage=warn_of)
        return next((one.manifest for one in entries if suits(one.manifest) and self.is_good(one, warn)), None)

    def check(self, expected_bytes: int, progress: Progress) -> None:
        self._repository.check_writable(self._folder)
        check_free_space(self._repository.storage, expected_bytes, progress)

    def lock(self, *, purpose: str) -> RepositoryLock:
        self._repository.initialise()
        return self._repository.lock(self.cluster, self._database, purpose=purpose)

    def sweep(self) -> list[str]:
        return self._repository.sweep(self.cluster, self._database)

    def new_id(self, kind: str) -> tuple[str, datetime.datetime]:
        taken = self._repository.ids(self.cluster, self._database)
        while True:
            started = datetime.datetime.now(datetime.timezone.utc)
            identity = backup_id(kind, started)
            if identity not in taken:
                return identity, started
            # Ids have whole seconds; two backups within one are rare and small.
            time.sleep(0.1)

    def begin(self, identity: str) -> Publication:
        staged = self._repository.begin(self.cluster, self._database, identity)
        return Publication(staged, manifest_path=MANIFEST_NAME, encryption=self._encryption, sign_key=self._sign_key)

    def path_of(self, manifest: Manifest) -> str:
        return self._repository.storage.url(f"{self._folder}/{manifest.id}")

    def describe(self, published: Manifest | None = None) -> str:
        ids = self._repository.ids(self.cluster, self._database)
        return "".join(f"{self.location}/{identity}\n" for identity in ids)

    def withdraw(self, manifest: Manifest) -> None:
        """Remove a backup that was published; the caller holds the lock."""
        self._repository.storage.remove(f"{self._folder}/{manifest.id}")

    def is_good(self, entry: CatalogueEntry, warn: Warn) -> bool:
        """Whether no verification failed, and all files of a backup are there with their sizes.

        :param warn: is told what is wrong.
        """
        failed = self._repository.failed(entry)
        if failed is not None:
            warn(f"backup {entry.manifest.id} failed its verification: {'; '.join(failed.findings[:3])}")
        return failed is None and _all_stored(self._repository.storage, entry.folder, entry.manifest, warn)


class DestinationPlace:
    """A file or folder that the user named.

    :param artifact: the engine's name for the main file or folder.
    :param is_folder: it is a folder. Inside a folder that the user named, an encrypted file has age's suffix; a file
        that the user named has that very name.
    """

    def __init__(
        self,
        dest: str,
        *,
        artifact: str,
        cluster: str,
        database: str,
        is_folder: bool = False,
        encryption: Encryption = NOT_ENCRYPTED,
        sign_key: str = "",
    ) -> None:
        if "://" in dest:
            raise UsageError(
                f"a destination is a file or folder of this host, not the URL {dest.partition('?')[0]}",
                hint="object storage holds repositories: give it as the repository",
            )
        if "/" in artifact or not is_safe_path(artifact):
            raise StorageError(f"the artifact's name {artifact!r} cannot be a file name")
        self.cluster = cluster
        self._database = database
        self._artifact = artifact
        self._encryption = encryption
        self._sign_key = sign_key
        self._destination = Destination(resolve_dest(dest, artifact if is_folder else artifact + encryption.suffix))

    @property
    def location(self) -> str:
        return self._destination.path

    def newest_good(self, warn: Warn, *, suits: t.Callable[[Manifest], bool] = _any) -> Manifest | None:
        try:
            manifest = read_dest_manifest(self.location)
        except CorruptArtifactError as error:
            warn(f"the backup at {self.location} is damaged and will be replaced: {error.message}")
            return None
        if manifest is None or (manifest.cluster, manifest.database) != (self.cluster, self._database):
            return None
        if not suits(manifest):
            return None
        storage = LocalStorage(self._destination.folder)
        return manifest if _all_stored(storage, "", manifest, warn) else None

    def check(self, expected_bytes: int, progress: Progress) -> None:
        folder = self._destination.folder
        if not os.path.isdir(folder):
            raise NotFoundError(f"the folder {folder} does not exist", hint="make it, or correct the destination")
        self._destination.check_replaceable()
        check_writable(folder)
        check_free_space(LocalStorage(folder), expected_bytes, progress)

    def lock(self, *, purpose: str) -> RepositoryLock:
        return self._destination.lock(purpose=purpose)

    def sweep(self) -> list[str]:
        swept = self._destination.sweep()
        self._destination.check_replaceable()
        return swept

    def new_id(self, kind: str) -> tuple[str, datetime.datetime]:
        started = datetime.datetime.now(datetime.timezone.utc)
        return backup_id(kind, started), started

    def begin(self, identity: str) -> Publication:
        name = self._destination.name
        staged = self._destination.begin()
        return Publication(
            staged,
            manifest_path=name + MANIFEST_SUFFIX,
            renamed=(self._artifact, name),
            encryption=self._encryption,
            sign_key=self._sign_key,
        )

    def path_of(self, manifest: Manifest) -> str:
        return self.location

    def describe(self, published: Manifest | None = None) -> str:
        try:
            manifest = published or read_dest_manifest(self.location)
        except CorruptArtifactError:
            return f"{self.location}: damaged\n"
        return f"{self.location}: {manifest.id}\n" if manifest else ""


def _all_stored(storage: Storage, folder: str, manifest: Manifest, warn: Warn) -> bool:
    # One list instead of very many questions; a plain destination may lie among other things.
    listed = storage.sizes(folder) if folder and len(manifest.files) > _FEW_FILES else None
    for record in manifest.files:
        path = f"{folder}/{record.path}" if folder else record.path
        size = storage.size(path) if listed is None else listed.get(record.path)
        if size != record.size:
            found = "is missing" if size is None else f"has {size} bytes instead of {record.size}"
            warn(f"backup {manifest.id} is damaged: {storage.url(path)} {found}")
            return False
    return True
