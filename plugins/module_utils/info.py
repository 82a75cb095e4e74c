# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What backups there are, and what is in one: read from manifests and archives, without a database."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .errors import CorruptArtifactError, NotFoundError, UsageError
from .postgresql.archive.directory import is_directory
from .postgresql.archive_info import archive_contents
from .repository.artifact import StoredArtifact, open_artifact, stored_artifact
from .repository.layout import LOGICAL
from .repository.piped import PipedArtifact
from .repository.repository import CatalogueEntry, Repository
from .repository.sets import missing_members
from .summary import backup_summary


@dataclasses.dataclass(frozen=True)
class InfoRequest:
    """A question about a repository, or about one backup.

    :param location: a repository's path or URL, the path of an artifact, a backup's folder, or ``-`` for an archive or
        script on standard input.
    :param backup: an id or ``latest``: that backup with its tables. Empty lists all.
    :param contents: look into the artifact of the one backup too; what has no manifest is always looked into.
    :param skip_damaged: list what is sound where some manifests are not, and name those in the result; else one of them
        is an error.
    """

    location: str
    cluster: str = ""
    database: str = ""
    backup: str = ""
    contents: bool = False
    skip_damaged: bool = False


@dataclasses.dataclass(frozen=True)
class InfoResult:
    """Backups as plain data (see :mod:`summary`); one with tables where one was asked for.

    :param sets: every set that was found, as plain data: its ``id``, ``cluster``, ``started_at``, ``databases`` and
        those ``missing`` of them.
    :param damaged: ``path`` and ``error`` of every manifest of a repository that cannot be trusted.
    :param contents: what the artifact is and holds, see :func:`.postgresql.archive_info.archive_contents`.
    """

    backups: tuple[t.Mapping[str, t.Any], ...]
    backup: t.Mapping[str, t.Any] | None = None
    damaged: tuple[t.Mapping[str, str], ...] = ()
    sets: tuple[t.Mapping[str, t.Any], ...] = ()
    contents: t.Mapping[str, t.Any] | None = None

    def to_dict(self) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {
            "changed": False,
            "backups": [dict(entry) for entry in self.backups],
            "sets": [dict(entry) for entry in self.sets],
            "damaged": [dict(entry) for entry in self.damaged],
        }
        if self.backup is not None:
            result["backup"] = dict(self.backup)
        if self.contents is not None:
            result["contents"] = dict(self.contents)
        return result


def info(request: InfoRequest) -> InfoResult:
    """Answer a question about backups.

    :raises NotFoundError: the location is neither a repository nor a backup, or the backup is not there.
    :raises CorruptArtifactError: a manifest is damaged (in a list: with the paths of all that are), or the artifact is.
    """
    if not request.location:
        raise UsageError("name a repository or the path of a backup")
    if request.location == "-":
        _refuse_choice(request, PipedArtifact.description)
        return InfoResult(backups=(), contents=archive_contents(PipedArtifact()))
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
            contents=_contents(stored_artifact(repository, entry)) if request.contents else None,
        )
    if request.contents:
        raise UsageError("the contents can be listed of one backup only", hint="name it: an id, or latest")
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
    artifact = open_artifact(request.location)
    manifest = artifact.manifest
    path = os.path.abspath(request.location)
    if manifest is None:
        if os.path.isdir(path) and not is_directory(os.listdir(path)):
            return None
        _refuse_choice(request, request.location)
        return InfoResult(backups=(), contents=archive_contents(artifact))
    if request.backup and request.backup not in ("latest", manifest.id):
        raise NotFoundError(f"{request.location} is backup {manifest.id}, not {request.backup}")
    return InfoResult(
        backups=(backup_summary(manifest, path=path, tables=False),),
        backup=backup_summary(manifest, path=path),
        contents=_contents(artifact) if request.contents else None,
    )


def _refuse_choice(request: InfoRequest, name: str) -> None:
    if request.backup or request.cluster or request.database:
        raise UsageError(f"{name} has no manifest, and is one backup", hint="leave the choice of a backup out")


def _contents(artifact: StoredArtifact) -> t.Mapping[str, t.Any]:
    manifest = artifact.manifest
    if manifest is not None and (manifest.server.dbms != "postgresql" or manifest.kind != LOGICAL):
        raise UsageError(
            f"backup {manifest.id} is of {manifest.server.dbms} and holds {manifest.kind}",
            hint="the contents can be listed of backups of PostgreSQL databases",
        )
    return archive_contents(artifact)
