# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Removing archived WAL that no physical backup of a repository needs any more."""

from __future__ import annotations

import contextlib
import typing as t

from .errors import UsageError
from .lazy_dataclass import dataclass
from .postgresql.wal.archive import WalArchive, archived_systems
from .postgresql.wal.archived_file import ArchivedFile
from .postgresql.wal.segment import SegmentName, parse_segment
from .postgresql.wal.tail import tail_folder, tails
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.layout import PHYSICAL_NAME, database_folder
from .repository.lock import RepositoryLock
from .repository.repository import Repository
from .wal_windows import backup_moment, clusters_with_backups, physical_backups


@dataclass(frozen=True)
class PruneWalRequest:
    """Which archives to judge.

    :param repository: its path or URL.
    :param cluster: only this one's; empty for all.
    :param check: say what would be removed, and remove nothing.
    :param without: folders of backups that are judged as if they were gone.
    """

    repository: str
    cluster: str = ""
    check: bool = False
    access: Access = NO_ACCESS
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PruneWalResult:
    """What went, or would go.

    :param removed: as plain data: ``cluster``, ``path``, ``file``, ``size`` (as stored, in bytes).
    :param kept: how many segments stay.
    """

    removed: tuple[t.Mapping[str, t.Any], ...]
    kept: int

    @property
    def diff(self) -> dict[str, str]:
        return {"before": "".join(f"{one['path']}\n" for one in self.removed), "after": ""}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": bool(self.removed), "removed": [dict(one) for one in self.removed], "kept": self.kept}


def prune_wal(request: PruneWalRequest, progress: Progress) -> PruneWalResult:
    """Remove the archived segments from before the first that a physical backup needs, on whatever timeline.

    Backups decide: a server without a physical backup keeps all its WAL. Histories stay, and of each timeline the last
    segment, by which an archiver finds out where to go on. It can run while WAL is archived.

    :raises NotFoundError: the location is no repository.
    :raises CorruptArtifactError: a manifest or a record is damaged, so that nobody knows what is needed; nothing was
        removed of that cluster.
    :raises LockedError: another job prunes the same archive.
    """
    repository = Repository(request.repository, request.access)
    repository.require()
    removed: list[dict[str, t.Any]] = []
    kept = 0
    for cluster in _clusters(repository, request.cluster):
        progress.item(cluster)
        starts = _starts(repository, cluster, request.without)
        for system in archived_systems(repository.storage, cluster):
            of_system, left = _prune_system(WalArchive(repository, cluster, system), starts.get(system), request)
            removed += [{"cluster": cluster, **one} for one in of_system]
            kept += left
    return PruneWalResult(tuple(removed), kept)


def _clusters(repository: Repository, wanted: str) -> list[str]:
    if wanted:
        if not archived_systems(repository.storage, wanted):
            raise UsageError(f"no WAL is archived for the cluster {wanted!r}", hint="check the name")
        return [wanted]
    # Without backups nothing goes, so those that have any are enough.
    return clusters_with_backups(repository)


def _starts(repository: Repository, cluster: str, without: t.Collection[str]) -> dict[int, int]:
    """By system identifier, the LSN from which on the log is needed: the least that one of its backups begins at."""
    found: dict[int, int] = {}
    folder = database_folder(cluster, PHYSICAL_NAME)
    for manifest in physical_backups(repository, cluster):
        if f"{folder}/{manifest.id}" in without:
            continue
        moment = backup_moment(manifest)
        if moment is not None:
            system = moment.system_identifier
            found[system] = min(found.get(system, moment.start), moment.start)
    return found


def _prune_system(
    archive: WalArchive, start: int | None, request: PruneWalRequest
) -> tuple[list[dict[str, t.Any]], int]:
    record = archive.record()
    timelines = archive.timelines()
    with contextlib.ExitStack() as stack:
        if not request.check:
            lock = RepositoryLock(archive.storage, f"{archive.folder}/.prune", purpose="pruning WAL")
            stack.enter_context(lock)
            # A push that was killed was repeated by its server.
            archive.storage.abandon_uploads(archive.folder, repeated=True)
        files = {timeline: archive.files(timeline) for timeline in timelines}
        count = sum(file.segment is not None for found in files.values() for file in found)
        if start is None or record is None:
            return [], count
        size = record.segment_size
        removed, segments = [], 0
        for found in files.values():
            names = [file.segment for file in found if file.segment is not None]
            last = names[-1] if names else None
            # The oldest first: whatever is removed of it, what stays has no gap.
            for file in found:
                place = parse_segment(file.name[:24])
                if place is None or place == last or place.start(size) + size > start:
                    continue
                removed.append(_remove(archive, file, check=request.check))
                segments += file.segment is not None
        for place in tails(archive):
            is_before = place.start(size) + size <= start
            if is_before and not request.check and _is_old(place, timelines, files):
                archive.storage.remove(tail_folder(archive, place))
        return removed, count - segments


def _is_old(place: SegmentName, timelines: t.Sequence[int], files: t.Mapping[int, t.Sequence[ArchivedFile]]) -> bool:
    """Whether nobody will go on with an unfinished segment: there are later ones, on its timeline or a later one."""
    later = [file.segment for timeline in timelines if timeline >= place.timeline for file in files[timeline]]
    return any(segment is not None and segment > place for segment in later)


def _remove(archive: WalArchive, file: ArchivedFile, *, check: bool) -> dict[str, t.Any]:
    plain = {
        "path": archive.storage.url(file.path),
        "file": file.name,
        "size": archive.storage.size(file.path) or 0,
    }
    if not check:
        archive.remove(file)
    return plain
