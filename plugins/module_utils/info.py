# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What backups there are, and what is in one: read from manifests, without a database."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .errors import NotFoundError, UsageError
from .repository.dest import MANIFEST_SUFFIX, read_dest_manifest
from .repository.layout import MANIFEST_NAME
from .repository.local import LocalStorage
from .repository.manifest import LARGEST_MANIFEST, parse_manifest
from .repository.repository import Repository
from .summary import backup_summary


@dataclasses.dataclass(frozen=True)
class InfoRequest:
    """A question about a repository, or about one backup.

    :param location: a repository's path or URL, the path of an artifact, or a backup's folder.
    :param backup: an id or ``latest``: that backup with its tables. Empty lists all.
    """

    location: str
    cluster: str = ""
    database: str = ""
    backup: str = ""


@dataclasses.dataclass(frozen=True)
class InfoResult:
    """Backups as plain data (see :mod:`summary`); one with tables where one was asked for."""

    backups: tuple[t.Mapping[str, t.Any], ...]
    backup: t.Mapping[str, t.Any] | None = None

    def to_dict(self) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {"changed": False, "backups": [dict(entry) for entry in self.backups]}
        if self.backup is not None:
            result["backup"] = dict(self.backup)
        return result


def info(request: InfoRequest) -> InfoResult:
    """Answer a question about backups.

    :raises NotFoundError: the location is neither a repository nor a backup, or the backup is not there.
    :raises CorruptArtifactError: a manifest is damaged.
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
        return InfoResult(backups=(backup_summary(entry.manifest, path=entry.url, tables=False),), backup=summary)
    entries = repository.entries(cluster=request.cluster, database=request.database)
    return InfoResult(backups=tuple(backup_summary(entry.manifest, path=entry.url, tables=False) for entry in entries))


def _single_backup(request: InfoRequest) -> InfoResult | None:
    """The backup that a path is itself: an artifact with its manifest beside it, or a folder of a repository."""
    path = os.path.abspath(request.location)
    if not os.path.lexists(path):
        raise NotFoundError(f"there is no file or folder {request.location}", path=request.location)
    manifest = read_dest_manifest(path)
    if manifest is None and os.path.isdir(path):
        data = LocalStorage(path).read_small(MANIFEST_NAME, LARGEST_MANIFEST)
        manifest = None if data is None else parse_manifest(data, name=os.path.join(path, MANIFEST_NAME))
    if manifest is None:
        if os.path.isdir(path):
            return None
        raise NotFoundError(
            f"{request.location} has no manifest beside it ({os.path.basename(path)}{MANIFEST_SUFFIX})",
            hint="only backups made by dbfleet can be shown; restore foreign archives with source",
        )
    if request.backup and request.backup not in ("latest", manifest.id):
        raise NotFoundError(f"{request.location} is backup {manifest.id}, not {request.backup}")
    return InfoResult(
        backups=(backup_summary(manifest, path=path, tables=False),), backup=backup_summary(manifest, path=path)
    )
