# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sets: the globals of a server and the backups of its databases that were made together.

The manifest of the globals is the record of the set; it is published last, so a set that has one was published whole.
"""

from __future__ import annotations

import typing as t

from ..lazy_dataclass import dataclass
from ..streams.encryption import NOT_ENCRYPTED, Encryption
from .access import NO_ACCESS, Access
from .place import RepositoryPlace, Warn
from .records import Manifest
from .repository import CatalogueEntry, Repository


@dataclass(frozen=True)
class StoredSet:
    """A set as it lies in a repository.

    :param globals: the backup that names the others.
    :param members: those that are there, in the set's order.
    :param missing: the databases whose backups are not there any more.
    """

    globals: CatalogueEntry
    members: tuple[CatalogueEntry, ...]
    missing: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.globals.manifest.id

    @property
    def entries(self) -> tuple[CatalogueEntry, ...]:
        """All backups of the set, the globals first."""
        return (self.globals, *self.members)


def stored_set(repository: Repository, entry: CatalogueEntry) -> StoredSet:
    """The set that an entry of globals is the record of.

    :raises CorruptArtifactError: the manifest of a member is damaged.
    """
    manifest = entry.manifest
    members: list[CatalogueEntry] = []
    missing: list[str] = []
    for member in manifest.members:
        found = repository.entry(manifest.cluster, member.database, member.backup)
        if found is None or found.manifest.set != manifest.id:
            missing.append(member.database)
        else:
            members.append(found)
    return StoredSet(entry, tuple(members), tuple(missing))


def missing_members(repository: Repository, manifest: Manifest) -> tuple[str, ...]:
    """The databases of a set whose backups are not there any more, found out without reading their manifests."""
    return tuple(
        member.database
        for member in manifest.members
        if not repository.has(manifest.cluster, member.database, member.backup)
    )


class SetPlace:
    """The place of one server's sets in a repository: a folder for the globals and one for every database."""

    def __init__(
        self,
        location: str,
        *,
        cluster: str,
        access: Access = NO_ACCESS,
        encryption: Encryption = NOT_ENCRYPTED,
        sign_key: str = "",
    ) -> None:
        self._location = location
        self._access = access
        self._encryption = encryption
        self._sign_key = sign_key
        self.cluster = cluster
        self.globals = self.of("")

    def of(self, database: str) -> RepositoryPlace:
        """The place of one database's backups, that of the globals without a name."""
        return RepositoryPlace(
            self._location,
            cluster=self.cluster,
            database=database,
            access=self._access,
            encryption=self._encryption,
            sign_key=self._sign_key,
        )

    def newest_good(self, databases: t.Collection[str], warn: Warn) -> StoredSet | None:
        """The newest set that holds at least these databases, whose manifests are sound and whose files are there.

        :param warn: is told of every newer one that is damaged or incomplete.
        """
        repository = Repository(self._location, self._access)
        for entry in repository.newest_first(self.cluster, "", on_damage=lambda error: warn(error.message)):
            if not set(databases) <= {member.database for member in entry.manifest.members}:
                continue
            found = stored_set(repository, entry)
            if found.missing:
                warn(f"set {found.id} is incomplete: {', '.join(found.missing)} missing")
            elif all(self.of(one.manifest.database).is_good(one, warn) for one in found.entries):
                return found
        return None
