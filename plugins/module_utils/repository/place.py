# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where one database's backups go, seen from a backup job: a repository's folder or a plain destination."""

from __future__ import annotations

import datetime
import os
import time
import typing as t

from ..errors import NotFoundError, OutOfSpaceError
from ..progress import Progress
from .dest import MANIFEST_SUFFIX, Destination, read_dest_manifest, resolve_dest
from .layout import MANIFEST_NAME, backup_id, database_folder
from .local import LocalStorage, check_writable
from .lock import RepositoryLock
from .publication import Publication
from .records import Manifest
from .repository import Repository
from .storage import Storage

_BEST_COMPRESSION = 10


class Place(t.Protocol):
    """One database's place for backups."""

    cluster: str
    database: str

    @property
    def location(self) -> str:
        """The place as users can name it."""

    @property
    def manifest_path(self) -> str:
        """The manifest's path inside a publication."""

    def newest(self) -> Manifest | None:
        """The newest backup here."""

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether all files of a backup are there with their sizes."""

    def check(self, estimated_bytes: int, progress: Progress) -> None:
        """Whether a backup of that size (before compression) could be written, without writing.

        :raises StorageError, OutOfSpaceError, UsageError: it could not.
        """

    def lock(self, *, purpose: str) -> RepositoryLock:
        """The lock to hold while writing; entering it can raise :class:`LockedError`."""

    def check_lock(self) -> None:
        """Whether the lock made by :meth:`lock` is still held.

        :raises LockedError: it is not.
        """

    def sweep(self) -> list[str]:
        """Remove what dead jobs left; the caller holds the lock. Returns names."""

    def new_id(self, kind: str, started: datetime.datetime) -> str:
        """An id that no backup here has."""

    def begin(self, identity: str) -> Publication:
        """Start to write a backup."""

    def path_of(self, manifest: Manifest) -> str:
        """A backup's path or URL as users can name it."""

    def describe(self) -> str:
        """What is here, one line a backup, for diff mode."""


def check_free_space(storage: Storage, estimated_bytes: int, newest: Manifest | None, progress: Progress) -> None:
    """Compare the room that is left with what the backup may need: the newest backup's size, else the estimate.

    Only a hopeless lack is an error, because nobody knows how well the data compresses; less than expected is a
    warning, and a disk that fills up in spite of it fails the backup cleanly.

    :raises OutOfSpaceError: not even a tenth of what is expected would fit.
    """
    free = storage.free_bytes()
    expected = newest.size if newest is not None else estimated_bytes
    if free is None or free >= expected:
        return
    message = f"{storage.location} has {free} bytes free, the backup may need {expected}"
    if free < expected / _BEST_COMPRESSION:
        hint = "free space there or choose another destination"
        raise OutOfSpaceError(message, hint=hint, free_bytes=free, expected_bytes=expected)
    progress.warn(message)


class RepositoryPlace:
    """The folder of one database in a repository."""

    manifest_path = MANIFEST_NAME

    def __init__(self, location: str, *, cluster: str, database: str) -> None:
        self.cluster = cluster
        self.database = database
        self._repository = Repository(location)
        self._folder = database_folder(cluster, database)
        self._lock: RepositoryLock | None = None

    @property
    def location(self) -> str:
        return self._repository.storage.url(self._folder)

    def newest(self) -> Manifest | None:
        entry = self._repository.newest(self.cluster, self.database)
        return entry.manifest if entry else None

    def is_whole(self, manifest: Manifest) -> bool:
        folder = f"{self._folder}/{manifest.id}"
        storage = self._repository.storage
        return all(storage.size(f"{folder}/{record.path}") == record.size for record in manifest.files)

    def check(self, estimated_bytes: int, progress: Progress) -> None:
        self._repository.check_writable(self._folder)
        check_free_space(self._repository.storage, estimated_bytes, self.newest(), progress)

    def lock(self, *, purpose: str) -> RepositoryLock:
        self._repository.initialise()
        self._lock = self._repository.lock(self.cluster, self.database, purpose=purpose)
        return self._lock

    def check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def sweep(self) -> list[str]:
        return self._repository.sweep(self.cluster, self.database)

    def new_id(self, kind: str, started: datetime.datetime) -> str:
        identity = backup_id(kind, started)
        while identity in self._repository.storage.folders(self._folder):
            # Ids have whole seconds; two backups within one are rare and small.
            time.sleep(0.1)
            identity = backup_id(kind, datetime.datetime.now(datetime.timezone.utc))
        return identity

    def begin(self, identity: str) -> Publication:
        return Publication(self._repository.begin(self.cluster, self.database, identity))

    def path_of(self, manifest: Manifest) -> str:
        return self._repository.storage.url(f"{self._folder}/{manifest.id}")

    def describe(self) -> str:
        entries = self._repository.entries(cluster=self.cluster, database=self.database)
        return "".join(_line(entry.manifest, entry.url) for entry in entries)


class DestinationPlace:
    """A file or folder that the user named."""

    def __init__(self, dest: str, *, artifact: str, cluster: str, database: str) -> None:
        self.cluster = cluster
        self.database = database
        self._artifact = artifact
        self._destination = Destination(resolve_dest(dest, artifact))
        self._lock: RepositoryLock | None = None

    @property
    def location(self) -> str:
        return self._destination.path

    @property
    def manifest_path(self) -> str:
        return self._destination.name + MANIFEST_SUFFIX

    def newest(self) -> Manifest | None:
        manifest = read_dest_manifest(self._destination.path)
        if manifest is None or manifest.database != self.database or manifest.cluster != self.cluster:
            return None
        return manifest

    def is_whole(self, manifest: Manifest) -> bool:
        storage = LocalStorage(self._destination.folder)
        return all(storage.size(record.path) == record.size for record in manifest.files)

    def check(self, estimated_bytes: int, progress: Progress) -> None:
        self._destination.check_replaceable()
        if not os.path.isdir(self._destination.folder):
            raise NotFoundError(
                f"the folder {self._destination.folder} does not exist", hint="make it, or correct the destination"
            )
        check_writable(self._destination.folder)
        check_free_space(LocalStorage(self._destination.folder), estimated_bytes, self.newest(), progress)

    def lock(self, *, purpose: str) -> RepositoryLock:
        self._lock = self._destination.lock(purpose=purpose)
        return self._lock

    def check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def sweep(self) -> list[str]:
        swept = self._destination.sweep()
        self._destination.check_replaceable()
        return swept

    def new_id(self, kind: str, started: datetime.datetime) -> str:
        return backup_id(kind, started)

    def begin(self, identity: str) -> Publication:
        return Publication(self._destination.begin(), renamed=(self._artifact, self._destination.name))

    def path_of(self, manifest: Manifest) -> str:
        return self._destination.path

    def describe(self) -> str:
        manifest = read_dest_manifest(self._destination.path)
        return _line(manifest, self._destination.path) if manifest else ""


def _line(manifest: Manifest, url: str) -> str:
    return f"{url}: {manifest.id}, {manifest.contents.format}, {manifest.rows} rows, {manifest.size} bytes\n"
