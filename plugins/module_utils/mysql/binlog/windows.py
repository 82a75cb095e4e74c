# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which moments can be reached from the backups of a repository, and which archived binlogs nobody needs any more."""

from __future__ import annotations

import datetime
import typing as t

from ...errors import ConsistencyError, UsageError
from ...repository.layout import LOGICAL
from ...repository.records import Manifest
from ...repository.storage import Storage
from .archive_repository import binlogs_folder, log_names
from .chain import BackupPoint, chain_from
from .coverage import ArchivedLog, archived_logs

_FAMILIES = ("mysql", "mariadb")


def windows_of(storage: Storage, manifests: t.Iterable[Manifest]) -> list[dict[str, t.Any]]:
    """Of every full backup of a server whose binlogs are archived, the time that can be reached from it.

    :return: plain data: ``cluster``, ``database``, ``backup``; ``begins`` and ``ends``, each with ``time`` (ISO 8601),
        ``file``, ``position`` and ``gtid``; ``gap``, why it ends there, empty where it ends with the archive.
    :raises CorruptArtifactError: the record of an archived binlog is damaged.
    """
    logs: dict[str, list[ArchivedLog]] = {}
    windows = []
    for manifest in manifests:
        if manifest.server.dbms not in _FAMILIES or manifest.kind != LOGICAL:
            continue
        if manifest.cluster not in logs:
            there = log_names(storage, binlogs_folder(manifest.cluster))
            logs[manifest.cluster] = archived_logs(storage, manifest.cluster) if there else []
        if logs[manifest.cluster]:
            windows.append(_window(storage, logs[manifest.cluster], manifest))
    return windows


def _window(storage: Storage, logs: t.Sequence[ArchivedLog], manifest: Manifest) -> dict[str, t.Any]:
    snapshot = manifest.contents.snapshot
    begins = {
        "time": str(snapshot.get("taken_at") or manifest.started_at),
        "file": str(snapshot.get("binlog_file") or ""),
        "position": int(snapshot.get("binlog_position") or 0),
        "gtid": str(snapshot.get("gtid") or ""),
    }
    window = {"cluster": manifest.cluster, "database": manifest.database, "backup": manifest.id, "begins": begins}
    try:
        point = BackupPoint.of(snapshot, manifest.server.identifier)
        chain = chain_from(storage, logs, point, reads=False)
    except (ConsistencyError, UsageError) as error:
        return {**window, "ends": begins, "gap": error.message}
    last = chain.files[-1]
    moment = datetime.datetime.fromtimestamp(max(chain.end_time, point.time), datetime.timezone.utc)
    ends = {"time": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "file": last.name, "position": last.size, "gtid": chain.gtids}
    return {**window, "ends": ends, "gap": chain.broken}


def removable(
    storage: Storage, logs: t.Sequence[ArchivedLog], points: t.Iterable[BackupPoint], *, keep_since: float | None
) -> list[tuple[str, str]]:
    """The archived binlogs that no backup needs: of each log, those before the first that is needed.

    :param points: the moments of all backups that are kept.
    :param keep_since: seconds since 1970; what has a later event stays too.
    :return: folders of logs and names of files, in the order in which they can be removed: whatever is removed of it,
        what remains of a log has no gap.
    """
    needed: set[tuple[str, str]] = set()
    for point in points:
        try:
            needed.update(chain_from(storage, logs, point, reads=False).steps)
        except ConsistencyError:
            # Nothing can be reached from it but its own moment, so it needs no binlog.
            continue
    if not needed:
        return []
    found = []
    for log in logs:
        # With the last file an archiver finds out where to go on.
        last = len(log.sealed) - 1
        for index, record in enumerate(log.sealed):
            is_young = keep_since is not None and record.last_time >= keep_since
            if index == last or (log.folder, record.file) in needed or is_young:
                break
            found.append((log.folder, record.file))
    return found
