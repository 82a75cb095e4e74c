# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sets: the globals of a server and the backups of its databases that were made together.

The manifest of the globals is the record of the set; it is published last, so a set that has one was published whole.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .place import RepositoryPlace, Warn
from .repository import CatalogueEntry, Repository


@dataclasses.dataclass(frozen=True)
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


def missing_members(repository: Repository, entry: CatalogueEntry) -> tuple[str, ...]:
    """The databases of a set whose backups are not there any more, found out without reading their manifests."""
    manifest = entry.manifest
    return tuple(
        member.database
        for member in manifest.members
        if member.backup not in repository.ids(manifest.cluster, member.database)
    )


class SetPlace:
    """The place of one server's sets in a repository: a folder for the globals and one for every database."""

    def __init__(self, location: str, *, cluster: str) -> None:
        self._location = location
        self.cluster = cluster
        self.globals = RepositoryPlace(location, cluster=cluster, database="")

    def of(self, database: str) -> RepositoryPlace:
        """The place of one database's backups."""
        return RepositoryPlace(self._location, cluster=self.cluster, database=database)

    def newest_good(self, databases: t.Collection[str], warn: Warn) -> StoredSet | None:
        """The newest set that holds at least these databases, whose manifests are sound and whose files are there.

        :param warn: is told of every newer one that is damaged or incomplete.
        """
        repository = Repository(self._location)
        for entry in repository.newest_first(self.cluster, "", on_damage=lambda error: warn(error.message)):
            if not set(databases) <= {member.database for member in entry.manifest.members}:
                continue
            found = stored_set(repository, entry)
            if found.missing:
                warn(f"set {found.id} is incomplete: {', '.join(found.missing)} missing")
            elif all(self.of(one.manifest.database).is_whole(one, warn) for one in found.entries):
                return found
        return None
