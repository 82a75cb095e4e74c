# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether the archived WAL of a repository has no gap, is of the right server, and is what it was."""

from __future__ import annotations

import contextlib
import itertools
import typing as t

from .errors import CorruptArtifactError, DbfleetError, NotFoundError
from .lazy_dataclass import dataclass
from .postgresql.physical_restore.wal_chain import BackupMoment
from .postgresql.replication.lsn import format_lsn
from .postgresql.wal.archive import WalArchive, archived_systems
from .postgresql.wal.archived_file import ArchivedFile
from .postgresql.wal.segment import SegmentName, check_segment, parse_segment, segment_at
from .postgresql.wal.tail import TailSource, read_tail, tails
from .postgresql.wal.timelines import Ancestor, parse_history
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.records import Manifest
from .repository.repository import Repository
from .wal_windows import (
    ListedArchive,
    backup_moment,
    clusters_with_backups,
    physical_backups,
    wal_windows_of,
)

GAP, FOREIGN, TIMELINE, TWICE, DAMAGED = "gap", "foreign", "timeline", "twice", "damaged"
_BLOCK = 1 << 20

Plain = dict[str, t.Any]


@dataclass(frozen=True)
class CheckWalRequest:
    """Which archives to look at.

    :param cluster: only this one's; empty for all.
    :param read: read every file, and compare digests and pages.
    """

    repository: str
    cluster: str = ""
    read: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class CheckWalResult:
    """What was found.

    :param archives: as plain data: ``cluster``, ``system_identifier``, ``version``, ``segment_size`` and ``ranges``,
        each with ``timeline``, ``first``, ``last``, ``segments``, ``begins`` and ``ends`` (LSNs; the tail counts).
    :param problems: as plain data: ``kind`` (``gap``, ``foreign``, ``timeline``, ``twice`` or ``damaged``),
        ``cluster``, ``system_identifier``, ``file``, ``message``, and ``needed``: whether a backup needs it.
    :param windows: see :func:`.wal_windows.wal_windows_of`.
    :param read: how many files were read.
    """

    archives: tuple[Plain, ...]
    problems: tuple[Plain, ...]
    windows: tuple[Plain, ...]
    read: int

    @property
    def sound(self) -> bool:
        """Whether there is no problem that matters to a backup or a backup to come."""
        return not any(problem["needed"] for problem in self.problems)

    def to_dict(self) -> Plain:
        return {
            "changed": False,
            "sound": self.sound,
            "archives": list(self.archives),
            "problems": list(self.problems),
            "windows": list(self.windows),
            "read": self.read,
        }


def check_wal(request: CheckWalRequest, progress: Progress) -> CheckWalResult:
    """Look at archives, by the names of their files or by all that is in them.

    :raises NotFoundError: the location is no repository, or no WAL is archived there.
    :raises CorruptArtifactError: the manifest of a backup is damaged, so that nobody knows what is needed.
    """
    repository = Repository(request.repository, request.access)
    repository.require()
    archives: list[Plain] = []
    problems: list[Plain] = []
    windows: list[Plain] = []
    read = 0
    for cluster in _clusters(repository, request.cluster):
        manifests = physical_backups(repository, cluster)
        systems = archived_systems(repository.storage, cluster)
        for system in systems:
            archive = ListedArchive(repository, cluster, system)
            check = _Check(archive, cluster, manifests, progress)
            check.names()
            if request.read:
                check.contents()
            archives.append(check.archive())
            problems += check.problems
            read += check.read
        try:
            windows += wal_windows_of(repository, manifests)
        except DbfleetError as error:
            problems.append(
                {
                    "kind": DAMAGED,
                    "cluster": cluster,
                    "system_identifier": "",
                    "file": str(error.context.get("path", "")),
                    "message": error.message,
                    "needed": True,
                }
            )
    if not archives:
        raise NotFoundError(f"{repository.location} holds no archived WAL", hint="see the name of the cluster")
    return CheckWalResult(tuple(archives), tuple(problems), tuple(windows), read)


def _clusters(repository: Repository, wanted: str) -> list[str]:
    if wanted:
        return [wanted]
    known = {name for name in clusters_with_backups(repository) if archived_systems(repository.storage, name)}
    # A cluster that has no such backup has no name either, but that of its folder, which is the same mostly.
    others = {name for name in repository.clusters() if "%" not in name and archived_systems(repository.storage, name)}
    return sorted(known | others)


class _Check:
    """One server's archive."""

    def __init__(self, archive: WalArchive, cluster: str, manifests: t.Sequence[Manifest], progress: Progress) -> None:
        self._archive = archive
        self._cluster = cluster
        moments = [moment for moment in map(backup_moment, manifests) if moment is not None]
        self._foreign = bool(moments) and all(
            moment.system_identifier != archive.system_identifier for moment in moments
        )
        self._moments: list[BackupMoment] = [
            moment for moment in moments if moment.system_identifier == archive.system_identifier
        ]
        self._progress = progress
        self._ranges: list[Plain] = []
        self._record = archive.record()
        self.problems: list[Plain] = []
        self.read = 0

    def archive(self) -> Plain:
        """What there is."""
        record = self._record
        return {
            "cluster": self._cluster,
            "system_identifier": str(self._archive.system_identifier),
            "version": record.version if record is not None else 0,
            "segment_size": record.segment_size if record is not None else 0,
            "ranges": self._ranges,
        }

    def names(self) -> None:
        """Judge by what the files are called."""
        if self._foreign:
            self._problem(
                FOREIGN,
                "",
                f"no physical backup of the cluster {self._cluster!r} is of the system "
                f"{self._archive.system_identifier}: another server archives here, or its first backup is missing",
            )
        record = self._record
        if record is None:
            self._problem(DAMAGED, "", f"{self._archive.location} holds segments of which nothing is recorded")
            return
        for timeline in sorted({*self._archive.timelines(), *(place.timeline for place in tails(self._archive))}):
            self._timeline(timeline, record.segment_size)

    def contents(self) -> None:
        """Read everything."""
        archive = self._archive
        self._progress.phase("reading WAL")
        for timeline in archive.timelines():
            for file in archive.files(timeline):
                self._progress.item(file.name)
                self._read(file)
        for place in tails(archive):
            self.read += 1
            try:
                record = read_tail(archive, place)
                if record is None:
                    continue
                with contextlib.closing(TailSource(archive, record, fill=True)) as source:
                    check_segment(source, place, name=f"the unfinished segment {place}", partial=True)
            except (CorruptArtifactError, NotFoundError) as error:
                self._problem(DAMAGED, str(place), error.message, lsn=self._end(place))

    def _timeline(self, timeline: int, size: int) -> None:
        files = self._archive.segments(timeline)
        names = [file.segment for file in files if file.segment is not None]
        for name, found in itertools.groupby(files, key=lambda file: file.name):
            if len({file.sha256 for file in found}) > 1:
                message = f"{name} is archived with different content"
                self._problem(TWICE, name, message, lsn=self._end(parse_segment(name)))
        begin = self._branch(timeline, size)
        ranges: list[list[SegmentName]] = []
        for place in sorted(set(names)):
            if begin is not None and place < begin:
                message = f"{place} is from before timeline {timeline} began, which was in {begin}"
                self._problem(TIMELINE, str(place), message, lsn=self._end(place))
            if ranges and ranges[-1][-1].next(size) == place:
                ranges[-1].append(place)
            else:
                ranges.append([place])
        for before, behind in zip(ranges, ranges[1:]):
            first = before[-1].next(size)
            missing = (behind[0].start(size) - first.start(size)) // size
            text = f"{first} is" if missing == 1 else f"{missing} segments from {first} on are"
            self._problem(GAP, str(first), f"{text} missing on timeline {timeline}", lsn=behind[0].start(size))
        for place in tails(self._archive):
            # Where whole ones come before it, the gap between those and the next ones was found already.
            if place.timeline == timeline and ranges and place < ranges[0][0]:
                text = f"of {place} only a part is archived, and the next one is {ranges[0][0]}"
                self._problem(GAP, str(place), text, lsn=ranges[0][0].start(size))
            if place.timeline == timeline and ranges and place > ranges[-1][-1].next(size):
                first = ranges[-1][-1].next(size)
                text = f"{first} is missing on timeline {timeline}, the next one is {place}"
                self._problem(GAP, str(first), text, lsn=place.start(size))
        if begin is not None and ranges and begin < ranges[0][0]:
            text = f"timeline {timeline} began in {begin}, but is archived from {ranges[0][0]} on"
            self._problem(GAP, str(begin), text, lsn=ranges[0][0].start(size))
        self._add_ranges(timeline, ranges, size)

    def _branch(self, timeline: int, size: int) -> SegmentName | None:
        """The first segment that a timeline can have."""
        if timeline == 1:
            return None
        name = f"{timeline:08X}.history"
        try:
            data = self._archive.read_history(timeline)
            if data is None:
                self._problem(
                    TIMELINE, name, f"{name} is missing: nobody can tell where timeline {timeline} comes from"
                )
                return None
            ancestors: tuple[Ancestor, ...] = parse_history(data, timeline, name=name)
        except DbfleetError as error:
            self._problem(DAMAGED, name, error.message)
            return None
        return segment_at(ancestors[-1].switch, timeline, size)

    def _add_ranges(self, timeline: int, ranges: t.Sequence[t.Sequence[SegmentName]], size: int) -> None:
        unfinished = [place for place in tails(self._archive) if place.timeline == timeline]
        ends = {place: self._tail_end(place) for place in unfinished}
        for found in ranges:
            end = found[-1].next(size)
            tail = ends.pop(end, 0)
            self._ranges.append(
                {
                    "timeline": timeline,
                    "first": str(found[0]),
                    "last": str(found[-1]),
                    "segments": len(found),
                    "begins": format_lsn(found[0].start(size)),
                    "ends": format_lsn(tail or end.start(size)),
                }
            )
        for place, tail in ends.items():
            if tail and not any(place in found for found in ranges):
                plain = {"timeline": timeline, "first": str(place), "last": str(place), "segments": 0}
                lsns = {"begins": format_lsn(place.start(size)), "ends": format_lsn(tail)}
                self._ranges.append({**plain, **lsns})

    def _tail_end(self, place: SegmentName) -> int:
        try:
            record = read_tail(self._archive, place)
        except CorruptArtifactError as error:
            self._problem(DAMAGED, str(place), error.message, lsn=self._end(place))
            return 0
        return record.end if record is not None else 0

    def _read(self, file: ArchivedFile) -> None:
        self.read += 1
        place = file.segment
        try:
            with contextlib.closing(self._archive.open(file)) as source:
                if place is not None:
                    header = check_segment(source, place, name=self._archive.storage.url(file.path))
                    self._archive.check_record(header)
                    return
                while source.read(_BLOCK):
                    continue
        except (CorruptArtifactError, NotFoundError) as error:
            self._problem(DAMAGED, file.name, error.message, lsn=self._end(place))

    def _end(self, place: SegmentName | None) -> int | None:
        record = self._record
        return place.start(record.segment_size) + record.segment_size if place is not None and record else None

    def _problem(self, kind: str, file: str, message: str, *, lsn: int | None = None) -> None:
        """Note a problem.

        :param lsn: the end of what is affected: a backup that begins behind it does not need it.
        """
        needed = lsn is None or not self._moments or any(moment.start < lsn for moment in self._moments)
        self.problems.append(
            {
                "kind": kind,
                "cluster": self._cluster,
                "system_identifier": str(self._archive.system_identifier),
                "file": file,
                "message": message,
                "needed": needed,
            }
        )
