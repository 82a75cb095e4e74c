# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A repository: the backups of many servers and databases, one folder each, found by their manifests."""

from __future__ import annotations

import itertools
import json
import typing as t

from ..errors import CorruptArtifactError, NotFoundError, UsageError
from ..lazy_dataclass import dataclass
from .access import NO_ACCESS, Access
from .catalogue import CATALOGUE_NAME, DatabaseCatalogue
from .layout import (
    GLOBALS,
    GLOBALS_FOLDER,
    LOCK_NAME,
    MANIFEST_NAME,
    MARKER_NAME,
    PARTIAL_PREFIX,
    PHYSICAL_FOLDER,
    database_folder,
    escape_name,
    filed_under,
    is_backup_id,
    is_component,
)
from .local import LocalStorage
from .lock import RepositoryLock
from .manifest import LARGEST_MANIFEST, parse_manifest
from .marks import Verification, failed_last, read_verifications
from .records import PARTIAL, Manifest
from .s3_location import SCHEME as S3
from .signature import check_signature
from .storage import UNFINISHED_SUFFIX, StagedFolder, Storage

_MARKER_KEY = "dbfleet_repository"
_VERSION = 1
_LARGEST_MARKER = 4096

OnDamage = t.Callable[[CorruptArtifactError], None]


@dataclass(frozen=True)
class CatalogueEntry:
    """One backup in a repository.

    :param folder: its path relative to the repository.
    :param url: the same as users can name it.
    """

    manifest: Manifest
    folder: str
    url: str


def open_storage(location: str, access: Access = NO_ACCESS) -> Storage:
    """The storage behind a repository's path or URL.

    :raises UsageError: no backend of this version knows the URL's scheme.
    :raises DriverMissingError: the package that talks to it is not installed.
    """
    scheme, separator, rest = location.partition("://")
    if not separator:
        return LocalStorage(location)
    if scheme == "file":
        if not rest.startswith("/"):
            raise UsageError(f"the URL {location} names a host", hint="write file:///path/to/the/folder")
        return LocalStorage(rest)
    if scheme == S3:
        # Imported here: few repositories need it, and the others open the faster.
        from .s3_storage import S3Storage

        return S3Storage(location, access)
    raise UsageError(
        f"repositories of the kind {scheme}:// are not available in this version",
        hint="use a local folder, a mounted share, or s3://bucket/prefix",
    )


class Repository:
    """The backups under one location.

    :param location: a path or a URL.
    :param access: what it takes to get at them.
    """

    def __init__(self, location: str, access: Access = NO_ACCESS) -> None:
        self.access = access
        self.storage = open_storage(location, access)

    @property
    def location(self) -> str:
        return self.storage.location

    def exists(self) -> bool:
        """Whether the location is a repository already.

        :raises CorruptArtifactError: its marker is damaged.
        :raises UsageError: it was made by a later version of this program, whose rules nobody here knows.
        """
        data = self.storage.read_small(MARKER_NAME, _LARGEST_MARKER)
        if data is None:
            return False
        url = self.storage.url(MARKER_NAME)
        try:
            version = json.loads(data)[_MARKER_KEY]
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            raise CorruptArtifactError(
                f"the repository's marker {url} is damaged",
                hint=f'if this is a repository, its whole content is {{"{_MARKER_KEY}": {_VERSION}}}',
                path=url,
            ) from error
        if version != _VERSION:
            raise UsageError(
                f"the repository {self.location} has version {version!r}, this program knows {_VERSION}",
                hint="use the version of dbfleet that made it, or a newer one",
            )
        return True

    def require(self) -> None:
        """Make sure that the location is a repository.

        :raises NotFoundError: it is not.
        """
        if not self.exists():
            raise NotFoundError(
                f"{self.location} is not a dbfleet repository",
                hint="the first backup into a folder makes it one; check the path",
            )

    def initialise(self) -> None:
        """Make the location a repository unless it is one."""
        if not self.exists():
            self.storage.write_small(MARKER_NAME, json.dumps({_MARKER_KEY: _VERSION}).encode("ascii") + b"\n")

    def check_writable(self, folder: str) -> None:
        """Whether ``folder`` could be written, without writing.

        :raises StorageError: it could not.
        """
        if not self.exists():
            self.storage.check_writable("")
        self.storage.check_writable(folder)

    def lock(self, cluster: str, database: str, *, purpose: str) -> RepositoryLock:
        """The lock that a writer of this database's backups must hold."""
        return RepositoryLock(self.storage, f"{database_folder(cluster, database)}/{LOCK_NAME}", purpose=purpose)

    def begin(self, cluster: str, database: str, backup: str) -> StagedFolder:
        """Start to write the backup with the id ``backup``; the caller holds the lock."""
        return self.storage.begin(f"{database_folder(cluster, database)}/{backup}")

    def sweep(self, cluster: str, database: str) -> list[str]:
        """Remove what dead jobs left behind; the caller holds the lock.

        :returns: the names of the folders that were removed: unpublished ones, and ones without a manifest.
        """
        folder = database_folder(cluster, database)
        self.storage.abandon_uploads(folder)
        swept = []
        # One list instead of a question for each backup.
        manifests = self.storage.stamps(folder, (MANIFEST_NAME,))
        for name in self.storage.folders(folder):
            path = f"{folder}/{name}"
            unfinished = is_backup_id(name) and MANIFEST_NAME not in manifests.get(name, {})
            if name.startswith(PARTIAL_PREFIX) or unfinished:
                self.storage.remove(path)
                swept.append(name)
        for name in self.storage.files(folder, f"{CATALOGUE_NAME}."):
            # Only the lock's holder writes it, so it belongs to nobody who lives.
            if name.endswith(UNFINISHED_SUFFIX):
                self.storage.remove_small(f"{folder}/{name}")
        return swept

    def ids(self, cluster: str, database: str) -> list[str]:
        """The ids of one database's backups, oldest first, by the names of their folders alone."""
        return self._ids_in(database_folder(cluster, database))

    def entries(
        self, *, cluster: str = "", database: str = "", on_damage: OnDamage | None = None
    ) -> t.Iterator[CatalogueEntry]:
        """The catalogue in order of cluster, database and time, of one cluster or database where named.

        :param on_damage: is told of every damaged manifest, which is then left out.
        :raises CorruptArtifactError: a manifest is damaged, and there is no ``on_damage``; the error names it.
        """
        for folder in self.database_folders(cluster, database):
            yield from self.entries_in(folder, on_damage=on_damage)

    def entries_in(
        self, folder: str, *, newest_first: bool = False, on_damage: OnDamage | None = None
    ) -> t.Iterator[CatalogueEntry]:
        """The backups in one of the :meth:`database_folders`, the oldest first; see :meth:`entries`."""
        names = self._ids_in(folder)
        yield from self._entries_of(folder, reversed(names) if newest_first else names, on_damage)

    def catalogue(self, folder: str) -> DatabaseCatalogue:
        """The list of the backups in one of the :meth:`database_folders`."""

        def read(identity: str) -> Manifest | None:
            entry = self._entry(folder, identity)
            return None if entry is None else entry.manifest

        # The list has no signatures, and who can change it could change a manifest too.
        return DatabaseCatalogue(self.storage, folder, read, every=bool(self.access.verify_key))

    def newest_first(
        self, cluster: str, database: str, *, on_damage: OnDamage | None = None
    ) -> t.Iterator[CatalogueEntry]:
        """One database's backups, the newest first; see :meth:`entries`."""
        folder = database_folder(cluster, database)
        yield from self.entries_in(folder, newest_first=True, on_damage=on_damage)

    def entry(self, cluster: str, database: str, backup: str) -> CatalogueEntry | None:
        """The backup with exactly this id, ``None`` where there is none; no database means the globals.

        :raises CorruptArtifactError: its manifest is damaged.
        """
        return self._entry(database_folder(cluster, database), backup)

    def has(self, cluster: str, database: str, backup: str) -> bool:
        """Whether there is a backup with exactly this id, found out without reading its manifest."""
        return self.storage.size(f"{database_folder(cluster, database)}/{backup}/{MANIFEST_NAME}") is not None

    def failed(self, entry: CatalogueEntry) -> Verification | None:
        """The verification that found a backup bad, ``None`` for a good one.

        :raises CorruptArtifactError: the record of its verifications is damaged.
        """
        return failed_last(read_verifications(self.storage, entry.folder))

    def find(self, backup: str, *, cluster: str = "", database: str = "") -> CatalogueEntry:
        """One database's backup by its id, by the id of the set it belongs to, or for ``latest`` the newest whole one.

        :param cluster: needed where the repository holds several.
        :param database: needed where there are several.
        :raises NotFoundError: there is none.
        :raises UsageError: the request fits backups of several clusters or databases.
        """
        self.require()
        if database and is_backup_id(backup) and backup.endswith(f"-{GLOBALS}"):
            backup = self._member_of_set(backup, cluster=cluster, database=database)
        return self._only(backup, list(self._candidates(backup, cluster=cluster, database=database)), cluster, database)

    def find_globals(self, backup: str, *, cluster: str = "") -> CatalogueEntry:
        """The globals of a server by their id, which is the id of their set too, or the newest ones for ``latest``.

        :param cluster: needed where the repository holds several.
        :raises NotFoundError: there are none.
        :raises UsageError: the request fits several clusters.
        """
        self.require()
        found: list[CatalogueEntry] = []
        for outer in [escape_name(cluster)] if cluster else self._components(""):
            folder = f"{outer}/{GLOBALS_FOLDER}"
            names = self._ids_in(folder) if backup == "latest" else [backup] if is_backup_id(backup) else []
            found.extend(itertools.islice(self._entries_of(folder, reversed(names), None), 1))
        return self._only(backup, found, cluster, "")

    def _member_of_set(self, backup: str, *, cluster: str, database: str) -> str:
        """The id of the backup of ``database`` in a set."""
        entry = self.find_globals(backup, cluster=cluster)
        for member in entry.manifest.members:
            if member.database == database:
                return member.backup
        raise NotFoundError(
            f"the set {backup} holds no backup of database {database!r}",
            hint="list what is there: dbfleet info " + self.location,
        )

    def _only(self, backup: str, found: list[CatalogueEntry], cluster: str, database: str) -> CatalogueEntry:
        if not found:
            raise NotFoundError(
                f"the repository {self.location} holds no backup {backup!r}{_scope(cluster, database)}",
                hint=f"list what is there: dbfleet info {self.location}; a backup of a part of a database, or one that "
                "failed its verification, has to be named by its id",
            )
        places = sorted({(entry.manifest.cluster, entry.manifest.database) for entry in found})
        if len(places) > 1:
            named = ", ".join(f"{name or GLOBALS} in {group}" for group, name in places[:10])
            raise UsageError(
                f"backup {backup!r} fits several databases: {named}", hint="name the cluster and the source database"
            )
        return found[-1]

    def _candidates(self, backup: str, *, cluster: str, database: str) -> t.Iterator[CatalogueEntry]:
        for folder in self.database_folders(cluster, database):
            if backup == "latest":
                if folder.endswith((f"/{GLOBALS_FOLDER}", f"/{PHYSICAL_FOLDER}")):
                    # Whoever wants them says so.
                    continue
                entries = self._entries_of(folder, reversed(self._ids_in(folder)), None)
                # A part of a database is not the database: whoever wants one says which, or one that is known as bad.
                whole = (entry for entry in entries if not entry.manifest.contents.options.get(PARTIAL))
                yield from itertools.islice((entry for entry in whole if self.failed(entry) is None), 1)
            elif is_backup_id(backup):
                yield from self._entries_of(folder, [backup], None)

    def database_folders(self, cluster: str = "", database: str = "") -> t.Iterator[str]:
        """The folders of databases and of globals, of one cluster or database where named."""
        for outer in [escape_name(cluster)] if cluster else self.clusters():
            if database:
                yield f"{outer}/{escape_name(database)}"
            else:
                yield from self.database_folders_of(outer)

    def clusters(self) -> list[str]:
        """The folders of servers."""
        return self._components("")

    def database_folders_of(self, cluster: str) -> list[str]:
        """The folders in one of the :meth:`clusters`: of its databases and of its globals."""
        return [f"{cluster}/{inner}" for inner in self._components(cluster)]

    def _components(self, path: str) -> list[str]:
        # A mounted file system has folders of its own (lost+found), which may not even be readable.
        return [name for name in self.storage.folders(path) if is_component(name)]

    def _ids_in(self, folder: str) -> list[str]:
        return [name for name in self.storage.folders(folder) if is_backup_id(name)]

    def _entries_of(
        self, folder: str, names: t.Iterable[str], on_damage: OnDamage | None
    ) -> t.Iterator[CatalogueEntry]:
        for name in names:
            try:
                entry = self._entry(folder, name)
            except CorruptArtifactError as error:
                if on_damage is None:
                    raise
                on_damage(error)
                continue
            if entry is not None:
                yield entry

    def _entry(self, folder: str, name: str) -> CatalogueEntry | None:
        path = f"{folder}/{name}/{MANIFEST_NAME}"
        data = self.storage.read_small(path, LARGEST_MANIFEST)
        if data is None:
            return None
        url = self.storage.url(path)
        manifest = parse_manifest(data, name=url)
        if self.access.verify_key:
            check_signature(data, manifest.signature, self.access.verify_key, name=url)
        if f"{folder_of(manifest)}/{manifest.id}" != f"{folder}/{name}":
            raise CorruptArtifactError(
                f"the manifest {url} is of another backup: {manifest.cluster}, {manifest.database}, {manifest.id}",
                hint="folders of a repository must not be moved or renamed",
                path=url,
            )
        return CatalogueEntry(manifest=manifest, folder=f"{folder}/{name}", url=self.storage.url(f"{folder}/{name}"))


def folder_of(manifest: Manifest) -> str:
    """The folder that holds a backup's own, relative to the repository."""
    return database_folder(manifest.cluster, filed_under(manifest.kind, manifest.database))


def _scope(cluster: str, database: str) -> str:
    parts = [f" of database {database!r}" if database else "", f" in cluster {cluster!r}" if cluster else ""]
    return "".join(parts)
