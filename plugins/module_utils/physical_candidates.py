# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The physical backups that a restore may start from, the newest first, each with those it builds on."""

from __future__ import annotations

import typing as t

from .errors import CorruptArtifactError, UsageError
from .lazy_dataclass import dataclass
from .progress import Progress
from .repository.access import Access
from .repository.artifact import StoredArtifact, open_artifact, stored_artifact
from .repository.chains import chain_of
from .repository.layout import PHYSICAL, PHYSICAL_FOLDER, escape_name
from .repository.records import Manifest
from .repository.repository import CatalogueEntry, Repository

LATEST = "latest"


@dataclass(frozen=True)
class Candidate:
    """A backup with those it builds on.

    :param stored: the full one first, each with its artifact.
    """

    name: str
    stored: tuple[StoredArtifact, ...]

    @property
    def manifest(self) -> Manifest | None:
        return self.stored[-1].manifest

    def names(self) -> list[str]:
        """What its backups are called, the full one first."""
        return [name_of(artifact) for artifact in self.stored]


def name_of(artifact: StoredArtifact) -> str:
    """The id of a backup, or where it lies if it has none."""
    return artifact.manifest.id if artifact.manifest is not None else artifact.description


def candidate_at(source: str, access: Access) -> Candidate:
    """The backup in a folder of its own."""
    artifact = open_artifact(source, access)
    return Candidate(artifact.description, (artifact,))


def candidates(repository: Repository, cluster: str, backup: str, progress: Progress) -> t.Iterator[Candidate]:
    """The backups of a repository that may be meant, the newest first.

    :param cluster: its name; empty where the repository holds backups of one only.
    :param backup: an id, or :data:`LATEST` for all that are good.
    :raises UsageError: there are several clusters.
    :raises CorruptArtifactError: the backup that was asked for builds on one that is gone.
    """
    entries = _physical_entries(repository, cluster, progress)
    clusters = sorted({entry.manifest.cluster for entry in entries})
    if len(clusters) > 1:
        raise UsageError(
            f"the repository holds physical backups of {len(clusters)} clusters: {', '.join(clusters[:10])}",
            hint="name the cluster",
        )
    for entry in sorted(entries, key=lambda one: one.manifest.id, reverse=True):
        identity = entry.manifest.id
        if backup not in (LATEST, identity):
            continue
        try:
            chain = chain_of(repository, entry)
        except CorruptArtifactError as error:
            if backup != LATEST:
                raise
            progress.warn(f"backup {identity} is passed over: {error.message}")
            continue
        bad = next((one.manifest.id for one in chain if repository.failed(one) is not None), "")
        if bad and backup == LATEST:
            progress.warn(f"backup {identity} is passed over: the last verification of {bad} failed")
            continue
        yield Candidate(identity, tuple(stored_artifact(repository, one) for one in chain))


def _physical_entries(repository: Repository, wanted: str, progress: Progress) -> list[CatalogueEntry]:
    """All that there are; of one that nobody can read, a warning says so."""

    def passed_over(error: CorruptArtifactError) -> None:
        progress.warn(f"a backup is passed over: {error.message}")

    return [
        entry
        for cluster in ([escape_name(wanted)] if wanted else repository.clusters())
        for entry in repository.entries_in(f"{cluster}/{PHYSICAL_FOLDER}", on_damage=passed_over)
        if entry.manifest.kind == PHYSICAL
    ]
