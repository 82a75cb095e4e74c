# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What backups there are, and what is in one: read from manifests, without a database."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .errors import CorruptArtifactError, NotFoundError, UsageError
from .repository.artifact import open_artifact
from .repository.dest import MANIFEST_SUFFIX
from .repository.repository import CatalogueEntry, Repository
from .repository.sets import missing_members
from .summary import backup_summary


@dataclasses.dataclass(frozen=True)
class InfoRequest:
    """A question about a repository, or about one backup.

    :param location: a repository's path or URL, the path of an artifact, or a backup's folder.
    :param backup: an id or ``latest``: that backup with its tables. Empty lists all.
    :param skip_damaged: list what is sound where some manifests are not, and name those in the result; else one of them
        is an error.
    """

    location: str
    cluster: str = ""
    database: str = ""
    backup: str = ""
    skip_damaged: bool = False


@dataclasses.dataclass(frozen=True)
class InfoResult:
    """Backups as plain data (see :mod:`summary`); one with tables where one was asked for.

    :param sets: every set that was found, as plain data: its ``id``, ``cluster``, ``started_at``, ``databases`` and
        those ``missing`` of them.
    :param damaged: ``path`` and ``error`` of every manifest of a repository that cannot be trusted.
    """

    backups: tuple[t.Mapping[str, t.Any], ...]
    backup: t.Mapping[str, t.Any] | None = None
    damaged: tuple[t.Mapping[str, str], ...] = ()
    sets: tuple[t.Mapping[str, t.Any], ...] = ()

    def to_dict(self) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {
            "changed": False,
            "backups": [dict(entry) for entry in self.backups],
            "sets": [dict(entry) for entry in self.sets],
            "damaged": [dict(entry) for entry in self.damaged],
        }
        if self.backup is not None:
            result["backup"] = dict(self.backup)
        return result


def info(request: InfoRequest) -> InfoResult:
    """Answer a question about backups.

    :raises NotFoundError: the location is neither a repository nor a backup, or the backup is not there.
    :raises CorruptArtifactError: a manifest is damaged (in a list: with the paths of all that are).
    """
    if not request.location:
        raise UsageError("name a repository or the path of a backup")
    if "://" not in request.location:
        single = _single_backup(request)
        if single is not None:
            return single
    repository = Repository(request.location)
    repository.require()
    if request.backup:
        entry = repository.find(request.backup, cluster=request.cluster, database=request.database)
        summary = backup_summary(entry.manifest, path=entry.url)
        return InfoResult(
            backups=(backup_summary(entry.manifest, path=entry.url, tables=False),),
            backup=summary,
            sets=_sets(repository, [entry]),
        )
    damaged: list[CorruptArtifactError] = []
    entries = list(repository.entries(cluster=request.cluster, database=request.database, on_damage=damaged.append))
    if damaged and not request.skip_damaged:
        paths = [str(error.context.get("path", "")) for error in damaged]
        raise CorruptArtifactError(
            f"{len(damaged)} of {len(damaged) + len(entries)} backups cannot be trusted; {damaged[0].message}",
            hint=damaged[0].hint,
            paths=paths,
        )
    return InfoResult(
        backups=tuple(backup_summary(entry.manifest, path=entry.url, tables=False) for entry in entries),
        damaged=tuple({"path": str(error.context.get("path", "")), "error": error.message} for error in damaged),
        sets=_sets(repository, entries),
    )


def _sets(repository: Repository, entries: t.Iterable[CatalogueEntry]) -> tuple[t.Mapping[str, t.Any], ...]:
    """The sets that the globals among the entries are the records of."""
    return tuple(
        {
            "id": entry.manifest.id,
            "cluster": entry.manifest.cluster,
            "started_at": entry.manifest.started_at,
            "databases": [member.database for member in entry.manifest.members],
            "missing": list(missing_members(repository, entry)),
        }
        for entry in entries
        if entry.manifest.members
    )


def _single_backup(request: InfoRequest) -> InfoResult | None:
    """The backup that a path is itself, ``None`` for a folder that is none."""
    manifest = open_artifact(request.location).manifest
    if manifest is None:
        if os.path.isdir(request.location):
            return None
        raise NotFoundError(
            f"{request.location} has no manifest beside it ({os.path.basename(request.location)}{MANIFEST_SUFFIX})",
            hint="only backups made by dbfleet can be shown; restore foreign archives with source",
        )
    if request.backup and request.backup not in ("latest", manifest.id):
        raise NotFoundError(f"{request.location} is backup {manifest.id}, not {request.backup}")
    path = os.path.abspath(request.location)
    return InfoResult(
        backups=(backup_summary(manifest, path=path, tables=False),), backup=backup_summary(manifest, path=path)
    )
