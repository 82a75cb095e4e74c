# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which moments the archived WAL of a repository puts within reach from its physical backups."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import typing as t

from .errors import ConsistencyError, CorruptArtifactError, IdentityError, NotFoundError, UsageError
from .lazy_dataclass import dataclass
from .postgresql.physical_restore.recovery import RecoveryTarget
from .postgresql.physical_restore.wal_chain import BackupMoment, WalChain, WalSegment, chain_from, read_segment
from .postgresql.physical_restore.wal_records import RESTORE_POINT, WalScanner
from .postgresql.replication.lsn import format_lsn, parse_lsn
from .postgresql.wal.archive import WalArchive, archived_systems
from .postgresql.wal.archived_file import ArchivedFile
from .postgresql.wal.tail import tails
from .repository.layout import PHYSICAL, PHYSICAL_FOLDER, PHYSICAL_NAME, database_folder
from .repository.records import Manifest
from .repository.repository import Repository

_DEFAULT_SEGMENT_SIZE = 16 << 20
#: So far back the last transaction is looked for; segments without any are those of a server that is asked for nothing.
_MOST_READ = 8

Plain = dict[str, t.Any]


def physical_backups(repository: Repository, cluster: str) -> list[Manifest]:
    """A cluster's physical backups, the oldest first.

    :raises CorruptArtifactError: a manifest is damaged.
    """
    return [entry.manifest for entry in repository.entries_in(database_folder(cluster, PHYSICAL_NAME))]


def clusters_with_backups(repository: Repository) -> list[str]:
    """The names of the clusters that have physical backups."""
    found: set[str] = set()
    for outer in repository.clusters():
        # All of one folder are of one cluster, and the manifest says its name.
        entries = repository.entries_in(f"{outer}/{PHYSICAL_FOLDER}", newest_first=True)
        found.update(entry.manifest.cluster for entry in itertools.islice(entries, 1))
    return sorted(found)


def backup_moment(manifest: Manifest) -> BackupMoment | None:
    """What a physical backup needs of the log; ``None`` for a backup of another kind."""
    if manifest.kind != PHYSICAL:
        return None
    snapshot, options = manifest.contents.snapshot, manifest.contents.options
    start = parse_lsn(str(snapshot.get("lsn", "")))
    finished = datetime.datetime.fromisoformat(manifest.finished_at.replace("Z", "+00:00"))
    return BackupMoment(
        system_identifier=int(manifest.server.identifier or 0),
        timeline=int(snapshot.get("timeline") or 1),
        start=start,
        end=max(start, parse_lsn(str(snapshot.get("end_lsn") or snapshot.get("lsn")))),
        segment_size=int(options.get("wal_segment_size") or _DEFAULT_SEGMENT_SIZE),
        finished=finished if finished.tzinfo is not None else finished.replace(tzinfo=datetime.timezone.utc),
    )


def wal_windows_of(repository: Repository, manifests: t.Iterable[Manifest]) -> list[Plain]:
    """Of every physical backup of a server whose WAL is archived, the time that can be reached from it.

    :return: plain data, as for binlogs: ``cluster``, ``database`` (empty), ``backup``; ``begins`` and ``ends``, each
        with ``time`` (ISO 8601; at the end that of the last transaction), ``lsn`` and ``timeline``; ``gap``, why it
        ends there, empty where it ends with the archive.
    :raises CorruptArtifactError: the record of an archive is damaged.
    """
    archives: dict[tuple[str, int], WalArchive | None] = {}
    times: dict[tuple[str, str], _End] = {}
    windows = []
    for manifest in manifests:
        moment = backup_moment(manifest)
        if moment is None:
            continue
        key = (manifest.cluster, moment.system_identifier)
        if key not in archives:
            there = moment.system_identifier in archived_systems(repository.storage, manifest.cluster)
            archives[key] = ListedArchive(repository, *key) if there else None
        archive = archives[key]
        if archive is not None:
            windows.append(_window(archive, manifest, moment, times))
    return windows


class ListedArchive(WalArchive):
    """An archive in which each timeline is listed once."""

    _listed: dict[int, list[ArchivedFile]] | None = None

    def files(self, timeline: int) -> list[ArchivedFile]:
        """See :meth:`.WalArchive.files`."""
        if self._listed is None:
            self._listed = {}
        if timeline not in self._listed:
            self._listed[timeline] = super().files(timeline)
        return self._listed[timeline]


def _window(archive: WalArchive, manifest: Manifest, moment: BackupMoment, times: dict[tuple[str, str], _End]) -> Plain:
    finished = _text(moment.finished) if moment.finished is not None else manifest.finished_at
    begins: Plain = {"time": finished, "lsn": format_lsn(moment.end), "timeline": moment.timeline}
    window: Plain = {"cluster": manifest.cluster, "database": "", "backup": manifest.id, "begins": begins}
    try:
        chain = chain_from(archive, moment, RecoveryTarget())
    except (ConsistencyError, NotFoundError, UsageError) as error:
        return {**window, "ends": begins, "gap": error.message}
    gap = f"{chain.gap} is missing" if chain.gap else _gap_to_tail(archive, chain)
    archived = [segment for segment in chain.segments if segment.is_archived]
    if not archived or archived[-1] is not chain.segments[-1] or chain.end <= moment.end:
        return {**window, "ends": begins, "gap": gap}
    key = (archive.folder, str(archived[-1].place) + format_lsn(chain.end))
    if key not in times:
        times[key] = _end_of(archive, chain)
    end = times[key]
    if end.lsn <= moment.end:
        return {**window, "ends": begins, "gap": end.damage or gap}
    ends = {
        "time": max(end.time, finished, key=_moment_of),
        "lsn": format_lsn(end.lsn),
        "timeline": archived[-1].place.timeline,
    }
    return {**window, "ends": ends, "gap": end.damage or gap}


def _gap_to_tail(archive: WalArchive, chain: WalChain) -> str:
    """What is missing between the last segment of a chain and one that is being streamed."""
    last = chain.segments[-1].place
    later = [place for place in tails(archive) if place.timeline == last.timeline and place > last]
    missing = last.next(chain.segment_size)
    return f"{missing} is missing" if later and missing not in later else ""


@dataclass(frozen=True)
class _End:
    """The end of what can be reached in an archive.

    :param time: of the last transaction; a very early one where that cannot be found out.
    :param damage: why it ends there, empty where it ends with the archive.
    """

    lsn: int
    time: str
    damage: str


def _end_of(archive: WalArchive, chain: WalChain) -> _End:
    lsn, damage = chain.end, ""
    for segment in reversed(chain.segments[-_MOST_READ:]):
        if not segment.is_archived:
            break
        with contextlib.suppress(IdentityError):
            try:
                moments = _times_in(archive, segment, chain.segment_size)
            except CorruptArtifactError as error:
                lsn, damage = segment.place.start(chain.segment_size), error.message
                continue
            if moments:
                return _End(lsn, _text(max(moments)), damage)
            continue
        break
    return _End(lsn, _text(datetime.datetime.fromtimestamp(0, datetime.timezone.utc)), damage)


def _times_in(archive: WalArchive, segment: WalSegment, size: int) -> list[datetime.datetime]:
    """When the transactions of a segment ended."""
    data = b"".join(read_segment(archive, segment, size))
    events = WalScanner().segment(data, segment.place.start(size))
    return [event.moment for event in events if event.kind != RESTORE_POINT]


def _text(moment: datetime.datetime) -> str:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return f"{moment.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _moment_of(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
