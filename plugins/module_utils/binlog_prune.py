# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Removing archived binlogs that no backup of a repository needs any more."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .errors import UsageError
from .lazy_dataclass import dataclass
from .mysql.binlog.archive_repository import binlogs_folder
from .mysql.binlog.chain import BackupPoint
from .mysql.binlog.coverage import archived_logs
from .mysql.binlog.windows import removable
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.layout import LOGICAL, escape_name
from .repository.lock import RepositoryLock
from .repository.repository import Repository

_FAMILIES = ("mysql", "mariadb")


@dataclass(frozen=True)
class PruneBinlogsRequest:
    """Which archived binlogs to judge.

    :param repository: its path or URL.
    :param cluster: only this one's; empty for all.
    :param keep_before: seconds; what has events younger than this stays, even where no backup needs it.
    :param check: say what would be removed, and remove nothing.
    :param without: folders of backups that are judged as if they were gone.
    """

    repository: str
    cluster: str = ""
    keep_before: float | None = None
    check: bool = False
    access: Access = NO_ACCESS
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PruneBinlogsResult:
    """What went, or would go.

    :param removed: as plain data: ``cluster``, ``path``, ``file``, ``size`` (of the binlog), ``last_time``.
    :param kept: how many complete files stay.
    """

    removed: tuple[t.Mapping[str, t.Any], ...]
    kept: int

    @property
    def diff(self) -> dict[str, str]:
        return {"before": "".join(f"{one['path']}\n" for one in self.removed), "after": ""}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": bool(self.removed), "removed": [dict(one) for one in self.removed], "kept": self.kept}


def prune_binlogs(request: PruneBinlogsRequest, progress: Progress) -> PruneBinlogsResult:
    """Remove the archived binlogs before the first that a backup needs.

    Backups decide: a cluster without a full backup keeps all its binlogs. It can run while binlogs are archived.

    :raises NotFoundError: the location is no repository.
    :raises CorruptArtifactError: a manifest or a record is damaged, so that nobody knows what is needed; nothing was
        removed of that cluster.
    :raises LockedError: another job prunes the same binlogs.
    """
    repository = Repository(request.repository, request.access)
    repository.require()
    clusters = [request.cluster] if request.cluster else sorted(_clusters(repository))
    removed: list[dict[str, t.Any]] = []
    kept = 0
    for cluster in clusters:
        progress.item(cluster)
        of_cluster, left = _prune_cluster(repository, cluster, request)
        removed += of_cluster
        kept += left
    return PruneBinlogsResult(tuple(removed), kept)


def _clusters(repository: Repository) -> set[str]:
    return {entry.manifest.cluster for entry in repository.entries()}


def _prune_cluster(
    repository: Repository, cluster: str, request: PruneBinlogsRequest
) -> tuple[list[dict[str, t.Any]], int]:
    storage = repository.storage
    folder = binlogs_folder(cluster)
    if folder.rpartition("/")[2] not in storage.folders(escape_name(cluster)):
        if request.cluster:
            raise UsageError(f"no binlogs are archived for the cluster {cluster!r}", hint="check the name")
        return [], 0
    with contextlib.ExitStack() as stack:
        if not request.check:
            stack.enter_context(RepositoryLock(storage, f"{folder}/.prune", purpose="pruning binlogs"))
        logs = archived_logs(storage, cluster)
        keep_since = None if request.keep_before is None else time.time() - request.keep_before
        found = removable(storage, logs, _points(repository, cluster, request.without), keep_since=keep_since)
        records = {(log.folder, record.file): record for log in logs for record in log.sealed}
        removed = []
        for log, name in found:
            record = records[log, name]
            if not request.check:
                storage.remove(f"{log}/{name}")
            removed.append(
                {
                    "cluster": cluster,
                    "path": storage.url(f"{log}/{name}"),
                    "file": name,
                    "size": record.size,
                    "last_time": record.last_time,
                }
            )
        return removed, len(records) - len(found)


def _points(repository: Repository, cluster: str, without: t.Collection[str]) -> list[BackupPoint]:
    """The moments of all backups of a cluster that are in a binlog."""
    points = []
    for entry in repository.entries(cluster=cluster):
        manifest = entry.manifest
        if entry.folder in without:
            continue
        snapshot = manifest.contents.snapshot
        has_place = snapshot.get("binlog_file") or snapshot.get("gtid")
        if manifest.server.dbms in _FAMILIES and manifest.kind == LOGICAL and has_place:
            points.append(BackupPoint.of(snapshot, manifest.server.identifier))
    return points
