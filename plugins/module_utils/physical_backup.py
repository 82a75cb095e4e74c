# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Physical backups of PostgreSQL servers: the backup job, with what an incremental backup builds on."""

from __future__ import annotations

import contextlib
import dataclasses

from .backup import BackupRequest, BackupResult, Destination, backup
from .cluster_backup import ClusterBackupResult
from .copied_backup import CopiedBackup, with_copy
from .errors import DbfleetError, NotFoundError, UsageError
from .lazy_dataclass import dataclass
from .postgresql.replication.backup_manifest import LARGEST_MANIFEST, MANIFEST_NAME
from .postgresql.replication.options import PhysicalBackupOptions
from .postgresql.replication.physical_source import PhysicalBackupSource
from .progress import Progress
from .repository.artifact import stored_artifact
from .repository.chains import chain_of
from .repository.cluster_name import default_cluster
from .repository.layout import PHYSICAL_NAME, is_backup_id
from .repository.records import ServerIdentity
from .repository.repository import CatalogueEntry, Repository

NEWEST = "latest"
_FULL_FIRST = "make a full backup first: leave incremental out"


@dataclass(frozen=True)
class PhysicalBackupRequest:
    """One physical backup.

    :param backup: its options are a :class:`PhysicalBackupOptions` without a parent.
    :param incremental: the id of the backup to build on, or :data:`NEWEST`; empty for a full backup.
    """

    backup: BackupRequest
    incremental: str = ""


def backup_physical(
    request: PhysicalBackupRequest, progress: Progress
) -> BackupResult | ClusterBackupResult | CopiedBackup:
    """Back up a whole server.

    :raises DbfleetError: it failed; nothing was published.
    """
    wanted = request.backup
    options = wanted.options
    if request.incremental and isinstance(options, PhysicalBackupOptions):
        parent = _parent(options, wanted.destination, request.incremental)
        wanted = dataclasses.replace(wanted, options=dataclasses.replace(options, parent=parent))
    return with_copy(wanted, backup(wanted, progress), progress)


class _StoredParent:
    """A backup of the repository, which the job's lock keeps there from the moment that it is read."""

    def __init__(self, repository: Repository, cluster: str, identity: str) -> None:
        self._repository = repository
        self._cluster = cluster
        self.id = identity

    def manifest(self) -> bytes:
        """Its ``backup_manifest``.

        :raises NotFoundError: it is gone.
        :raises IdentityError: it is encrypted, and nothing given opens it.
        """
        entry = self._repository.entry(self._cluster, PHYSICAL_NAME, self.id)
        if entry is None:
            raise NotFoundError(f"backup {self.id} was removed while another was to build on it", hint=_FULL_FIRST)
        chain_of(self._repository, entry)
        artifact = stored_artifact(self._repository, entry)
        pieces: list[bytes] = []
        size = 0
        with contextlib.closing(artifact.open(MANIFEST_NAME)) as source:
            while size <= LARGEST_MANIFEST:
                piece = source.read(1 << 20)
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces)


def _parent(options: PhysicalBackupOptions, destination: Destination, wanted: str) -> _StoredParent:
    """What an incremental backup is to build on.

    :raises NotFoundError: there is nothing of this server.
    """
    if not destination.repository:
        raise UsageError("an incremental backup builds on one of a repository", hint="give the repository")
    if wanted != NEWEST and not is_backup_id(wanted):
        raise UsageError(f"{wanted!r} is no id of a backup", hint=f"use an id, or {NEWEST}")
    source = PhysicalBackupSource(options)
    try:
        server = source.plan().server
    finally:
        source.close()
    repository = Repository(destination.repository, destination.access)
    repository.require()
    cluster = destination.cluster or default_cluster(server)
    if wanted != NEWEST:
        entry = repository.entry(cluster, PHYSICAL_NAME, wanted)
        if entry is None:
            raise NotFoundError(f"the repository holds no backup {wanted} of {cluster}", hint=_FULL_FIRST)
        _check_parent(entry, server)
        chain_of(repository, entry)
        return _StoredParent(repository, cluster, entry.manifest.id)
    for entry in repository.newest_first(cluster, PHYSICAL_NAME):
        if _is_sound(repository, entry, server):
            return _StoredParent(repository, cluster, entry.manifest.id)
    raise NotFoundError(
        f"the repository holds no good physical backup of {cluster} that an incremental one can build on",
        hint=_FULL_FIRST,
    )


def _is_sound(repository: Repository, entry: CatalogueEntry, server: ServerIdentity) -> bool:
    """Whether a backup is of this server, and neither it nor what it builds on is known as bad."""
    try:
        _check_parent(entry, server)
        return all(repository.failed(one) is None for one in chain_of(repository, entry))
    except DbfleetError:
        return False


def _check_parent(entry: CatalogueEntry, server: ServerIdentity) -> None:
    """:raises UsageError: nothing of this server can build on it."""
    known = entry.manifest.server
    if known.identifier != server.identifier:
        raise UsageError(
            f"backup {entry.manifest.id} is of the system {known.identifier}, the server is {server.identifier}",
            hint=_FULL_FIRST,
        )
    if known.version_number // 10000 != server.version_number // 10000:
        raise UsageError(
            f"backup {entry.manifest.id} is of PostgreSQL {known.version}, the server has {server.version}",
            hint=_FULL_FIRST,
        )
