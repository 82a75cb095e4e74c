# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What retention does with archived WAL and binlogs: those go that none of the backups needs that stay."""

from __future__ import annotations

import dataclasses
import typing as t

from .binlog_prune import PruneBinlogsRequest, prune_binlogs
from .errors import CorruptArtifactError, LockedError
from .mysql.binlog.archive_repository import binlogs_folder
from .postgresql.wal.archive import archived_systems
from .progress import Progress
from .repository.layout import escape_name
from .repository.repository import Repository
from .wal_prune import PruneWalRequest, prune_wal

WAL, BINLOG = "wal", "binlog"


@dataclasses.dataclass
class PrunedLogs:
    """What went of archived logs, or would go.

    :param removed: as plain data: ``kind`` (:data:`WAL` or :data:`BINLOG`), ``cluster``, ``path``, ``file``, ``size``
        (of WAL as stored, of a binlog as the server wrote it, in bytes).
    :param kept: how many files of each kind stay.
    :param problems: of each cluster whose logs could not be judged, why.
    """

    removed: list[t.Mapping[str, t.Any]] = dataclasses.field(default_factory=list)
    kept: dict[str, int] = dataclasses.field(default_factory=lambda: {WAL: 0, BINLOG: 0})
    problems: list[str] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, t.Any]:
        return {"removed": [dict(one) for one in self.removed], "kept": dict(self.kept)}


def prune_logs(
    repository: Repository, cluster: str, *, gone: frozenset[str], check: bool, pruned: PrunedLogs, progress: Progress
) -> None:
    """Prune the logs of one server after its backups.

    :param gone: the folders of the backups that went, or in check mode would go.
    :param check: find out what would go, and remove nothing.
    :param pruned: where it is noted.
    """
    location, access = repository.location, repository.access

    def wal() -> tuple[tuple[t.Mapping[str, t.Any], ...], int]:
        done = prune_wal(PruneWalRequest(location, cluster, check, access, gone), progress)
        return done.removed, done.kept

    def binlogs() -> tuple[tuple[t.Mapping[str, t.Any], ...], int]:
        done = prune_binlogs(PruneBinlogsRequest(location, cluster, None, check, access, gone), progress)
        return done.removed, done.kept

    names = repository.storage.folders(escape_name(cluster))
    there = {
        WAL: bool(archived_systems(repository.storage, cluster)),
        BINLOG: binlogs_folder(cluster).rpartition("/")[2] in names,
    }
    for kind, job in ((WAL, wal), (BINLOG, binlogs)):
        if not there[kind]:
            continue
        try:
            removed, kept = job()
        except (LockedError, CorruptArtifactError) as error:
            pruned.problems.append(f"the archived {kind} of {cluster}: {error.message}")
            continue
        names_of = ("cluster", "path", "file", "size")
        pruned.removed += [{"kind": kind, **{name: one[name] for name in names_of}} for one in removed]
        pruned.kept[kind] += kept
