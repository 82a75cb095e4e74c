# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What backups there are, and what is in one: read from manifests and archives, without a database."""

from __future__ import annotations

import json
import os
import typing as t

from .errors import CorruptArtifactError, NotFoundError, UsageError
from .lazy_dataclass import dataclass
from .postgresql.archive.directory import is_directory
from .postgresql.archive_info import archive_contents
from .repository.access import NO_ACCESS, Access
from .repository.artifact import StoredArtifact, open_artifact, stored_artifact
from .repository.catalogue import ListedBackup
from .repository.layout import LOGICAL, PHYSICAL
from .repository.lock_holders import lock_holders
from .repository.marks import HOLD_NAME, VERIFICATIONS_NAME, read_hold, read_verifications
from .repository.piped import PipedArtifact
from .repository.records import Manifest
from .repository.repository import CatalogueEntry, Repository
from .repository.sets import missing_members
from .running_jobs import read_running
from .summary import backup_summary, marks_summary

_Listed = t.Union[CatalogueEntry, ListedBackup]
_MOSTLY_EQUAL = ("server", "options", "objects", "recipients", "warnings", "verifications", "cluster", "database")


@dataclass(frozen=True)
class InfoRequest:
    """A question about a repository, or about one backup.

    :param location: a repository's path or URL, the path of an artifact, a backup's folder, or ``-`` for an archive or
        script on standard input.
    :param backup: an id or ``latest``: that backup with its tables. Empty lists all.
    :param contents: look into the artifact of the one backup too; what has no manifest is always looked into.
    :param skip_damaged: list what is sound where some manifests are not, and name those in the result; else one of them
        is an error.
    :param access: what it takes to look into it.
    """

    location: str
    cluster: str = ""
    database: str = ""
    backup: str = ""
    contents: bool = False
    skip_damaged: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class InfoResult:
    """Backups as plain data (see :mod:`summary`); one with tables where one was asked for.

    :param sets: every set that was found, as plain data: its ``id``, ``cluster``, ``started_at``, ``databases`` and
        those ``missing`` of them.
    :param damaged: ``path`` and ``error`` of every manifest of a repository that cannot be trusted.
    :param windows: the time that archived binlogs or WAL put within reach from each backup, see
        :func:`.mysql.binlog.windows.windows_of` and :func:`.wal_windows.wal_windows_of`.
    :param running: the jobs that are at work in the repository: ``path`` of the folder that they hold the lock of,
        ``purpose``, ``host``, ``pid``, ``last_seen`` in seconds, and ``progress`` (see :mod:`running_jobs`) where this
        host and user can tell it, else ``None``.
    :param contents: what the artifact is and holds, see :func:`.postgresql.archive_info.archive_contents`.
    """

    backups: tuple[t.Mapping[str, t.Any], ...]
    backup: t.Mapping[str, t.Any] | None = None
    damaged: tuple[t.Mapping[str, str], ...] = ()
    sets: tuple[t.Mapping[str, t.Any], ...] = ()
    contents: t.Mapping[str, t.Any] | None = None
    windows: tuple[t.Mapping[str, t.Any], ...] = ()
    running: tuple[t.Mapping[str, t.Any], ...] = ()

    def to_dict(self) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {
            "changed": False,
            "backups": [dict(entry) for entry in self.backups],
            "sets": [dict(entry) for entry in self.sets],
            "damaged": [dict(entry) for entry in self.damaged],
            "windows": [dict(entry) for entry in self.windows],
            "running": [dict(entry) for entry in self.running],
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
    repository = Repository(request.location, request.access)
    repository.require()
    if request.backup:
        entry = repository.find(request.backup, cluster=request.cluster, database=request.database)
        return InfoResult(
            backups=(_summary(repository, entry, tables=False),),
            backup=_summary(repository, entry),
            sets=_sets(repository, [entry]),
            windows=_windows(repository, [entry]),
            contents=_contents(stored_artifact(repository, entry)) if request.contents else None,
        )
    if request.contents:
        raise UsageError("the contents can be listed of one backup only", hint="name it: an id, or latest")
    return _list(repository, request)


def _list(repository: Repository, request: InfoRequest) -> InfoResult:
    """All backups that were asked for. Of very many, little is kept beyond what is told of them."""
    damaged: list[CorruptArtifactError] = []
    backups: list[dict[str, t.Any]] = []
    entries: list[ListedBackup] = []
    shared: dict[str, t.Any] = {}
    running: list[t.Mapping[str, t.Any]] = []
    for folder in repository.database_folders(request.cluster, request.database):
        for one in repository.catalogue(folder).backups(damaged.append):
            backups.append(_shared(_listed_summary(repository, one), shared))
            if one.manifest.members or _has_window(one.manifest):
                entries.append(one)
        running += _running(repository, folder)
    if damaged and not request.skip_damaged:
        paths = [str(error.context.get("path", "")) for error in damaged]
        raise CorruptArtifactError(
            f"{len(damaged)} of {len(damaged) + len(backups)} backups cannot be trusted; {damaged[0].message}",
            hint=damaged[0].hint,
            paths=paths,
        )
    try:
        windows = _windows(repository, entries)
    except CorruptArtifactError as error:
        if not request.skip_damaged:
            raise
        damaged.append(error)
        windows = ()
    return InfoResult(
        backups=tuple(backups),
        damaged=tuple({"path": str(error.context.get("path", "")), "error": error.message} for error in damaged),
        sets=_sets(repository, entries),
        windows=windows,
        running=tuple(running),
    )


def _running(repository: Repository, folder: str) -> t.Iterator[t.Mapping[str, t.Any]]:
    """The jobs that are at work in a folder."""
    for holder in lock_holders(repository.storage, folder):
        progress = read_running(holder.owner.pid) if holder.is_here else None
        yield {
            "path": repository.storage.url(folder),
            **holder.owner.context(),
            "last_seen": round(holder.silent, 1),
            "progress": progress.to_dict() if progress is not None else None,
        }


def _windows(repository: Repository, entries: t.Iterable[_Listed]) -> tuple[t.Mapping[str, t.Any], ...]:
    """What archived binlogs and WAL put within reach."""
    manifests = [entry.manifest for entry in entries if _has_window(entry.manifest)]
    if not manifests:
        return ()
    # Who looks at backups of one system does without the other's engine.
    windows: list[dict[str, t.Any]] = []
    if any(manifest.kind != PHYSICAL for manifest in manifests):
        from .mysql.binlog.windows import windows_of

        windows += windows_of(repository.storage, manifests)
    if any(manifest.kind == PHYSICAL for manifest in manifests):
        from .wal_windows import wal_windows_of

        windows += wal_windows_of(repository, manifests)
    return tuple(windows)


def _has_window(manifest: Manifest) -> bool:
    """Whether archived logs can put more within reach than the backup's own moment."""
    return manifest.server.dbms != "postgresql" or manifest.kind == PHYSICAL


def _listed_summary(repository: Repository, listed: ListedBackup) -> dict[str, t.Any]:
    """One backup of a list, without its tables and files."""
    storage, folder = repository.storage, listed.folder
    hold = read_hold(storage, folder) if HOLD_NAME in listed.marks else None
    verifications = read_verifications(storage, folder) if VERIFICATIONS_NAME in listed.marks else ()
    summary = backup_summary(listed.manifest, path=listed.url, tables=False)
    del summary["checksums"]
    numbers = {"size": listed.size, "rows": listed.rows, "table_count": listed.tables}
    return {**summary, **numbers, **marks_summary(hold, verifications)}


def _shared(summary: dict[str, t.Any], known: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same with one object for what many backups have in common."""
    for name in _MOSTLY_EQUAL:
        summary[name] = known.setdefault(json.dumps(summary[name], sort_keys=True), summary[name])
    return summary


def _summary(repository: Repository, entry: CatalogueEntry, *, tables: bool = True) -> dict[str, t.Any]:
    """A backup with what became known of it after it was finished."""
    storage, folder = repository.storage, entry.folder
    marks = marks_summary(read_hold(storage, folder), read_verifications(storage, folder))
    return {**backup_summary(entry.manifest, path=entry.url, tables=tables), **marks}


def _sets(repository: Repository, entries: t.Iterable[_Listed]) -> tuple[t.Mapping[str, t.Any], ...]:
    """The sets that the globals among the entries are the records of."""
    return tuple(
        {
            "id": entry.manifest.id,
            "cluster": entry.manifest.cluster,
            "started_at": entry.manifest.started_at,
            "databases": [member.database for member in entry.manifest.members],
            "missing": list(missing_members(repository, entry.manifest)),
        }
        for entry in entries
        if entry.manifest.members
    )


def _single_backup(request: InfoRequest) -> InfoResult | None:
    """The backup that a path is itself, ``None`` for a folder that is none."""
    artifact = open_artifact(request.location, request.access)
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
