# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The archived WAL between a backup and a target: its segments, where it ends, and whether the target is inside."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError, NotFoundError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...streams.base import ByteSource
from ..replication.lsn import format_lsn, segment_start
from ..wal.archive import WalArchive
from ..wal.archived_file import ArchivedFile
from ..wal.segment import SegmentName, segment_at
from ..wal.tail import TailRecord, TailSource, read_tail
from .recovery import RecoveryTarget
from .timelines import TimelinePart, holds, timeline_at, timelines_to
from .wal_records import RESTORE_POINT, WalEvent, WalScanner, server_time

_READ_SIZE = 1 << 20


@dataclass(frozen=True)
class BackupMoment:
    """What a backup needs of the WAL.

    :param start: the LSN at which its recovery begins.
    :param end: the LSN from which on it is consistent.
    :param finished: when it ended, by the clock of the host that made it; ``None`` where nothing says it.
    """

    system_identifier: int
    timeline: int
    start: int
    end: int
    segment_size: int
    finished: datetime.datetime | None = None


@dataclass(frozen=True)
class WalSegment:
    """A segment on the way to the target.

    :param file: where it is archived whole.
    :param tail: what is archived of one that the server was still writing; neither of both for one that the backup
        itself holds.
    """

    place: SegmentName
    file: ArchivedFile | None = None
    tail: TailRecord | None = None

    @property
    def is_archived(self) -> bool:
        return self.file is not None or self.tail is not None


@dataclass(frozen=True)
class WalChain:
    """The way from a backup to the end of what is archived.

    :param histories: the timelines whose history files the server will ask for.
    :param segments: without a hole, the first being the one that recovery begins in.
    :param gap: the name of the first segment that is missing although later ones are archived; empty for none.
    """

    parts: tuple[TimelinePart, ...]
    histories: tuple[int, ...]
    segments: tuple[WalSegment, ...]
    segment_size: int
    gap: str = ""

    @property
    def end(self) -> int:
        """The LSN behind the last segment."""
        last = self.segments[-1]
        return last.tail.end if last.tail is not None else last.place.start(self.segment_size) + self.segment_size


def chain_from(archive: WalArchive | None, moment: BackupMoment, target: RecoveryTarget) -> WalChain:
    """Find the segments from a backup on.

    :param archive: ``None`` where nothing is archived: then there is what the backup holds.
    :raises NotFoundError: the timeline that is wanted is not there.
    :raises ConsistencyError: the way to that timeline does not lead over the backup.
    """
    parts = timelines_to(target.timeline, moment.timeline, archive)
    if not holds(parts, moment.timeline, moment.end):
        raise ConsistencyError(
            f"timeline {parts[-1].timeline} branched off before the backup was made (timeline {moment.timeline}, "
            f"{format_lsn(moment.end)})",
            hint="restore an older backup, or to another timeline",
        )
    size = moment.segment_size
    names: dict[str, ArchivedFile] = {}
    for part in parts:
        if archive is not None and (part.end is None or part.end >= moment.start):
            for file in archive.segments(part.timeline):
                if names.setdefault(file.name, file).sha256 != file.sha256:
                    # Says what is wrong and what to do about it.
                    archive.find(file.name)
    segments: list[WalSegment] = []
    lsn = segment_start(moment.start, size)
    while True:
        place = segment_at(lsn, timeline_at(parts, lsn, size), size)
        whole = names.pop(str(place), None)
        if whole is None and lsn >= moment.end:
            break
        segments.append(WalSegment(place, whole))
        lsn += size
    tail = read_tail(archive, place) if archive is not None else None
    if tail is not None:
        segments.append(WalSegment(place, None, tail))
    later = [name for name in names if name[8:] > str(place)[8:] and name[:8] == str(place)[:8]]
    histories = tuple(part.timeline for part in parts if part.timeline > 1)
    return WalChain(parts, histories, tuple(segments), size, str(place) if later else "")


@dataclass(frozen=True)
class SegmentContent:
    """What is known of a segment that the target is not in.

    :param prepared: a transaction ended in it that had been prepared.
    :param last: the last transaction that ended in it, ``None`` where none did.
    """

    prepared: bool
    last: WalEvent | None


class SearchedWal:
    """The segments in which a transaction or a restore point was not found: an older backup's WAL holds them too."""

    def __init__(self) -> None:
        self._known: dict[tuple[WalSegment, WalSegment], SegmentContent] = {}

    def look_up(self, before: WalSegment, segment: WalSegment) -> SegmentContent | None:
        """What was found out of a segment; ``None`` for one that was not searched.

        :param before: the one before it: records begin there.
        """
        return self._known.get((before, segment))

    def add(self, before: WalSegment, segment: WalSegment, content: SegmentContent) -> None:
        """It was searched, together with the one before."""
        self._known[before, segment] = content


class TargetSearch:
    """Looks for the target in the WAL.

    :param chain: of :func:`chain_from`.
    :param searched: what other searches for the same target have gone through.
    """

    def __init__(
        self,
        archive: WalArchive | None,
        chain: WalChain,
        moment: BackupMoment,
        progress: Progress,
        searched: SearchedWal | None = None,
    ) -> None:
        self._searched = searched or SearchedWal()
        self._archive = archive
        self._chain = chain
        self._moment = moment
        self._progress = progress
        self.found: WalEvent | None = None

    def needed(self, target: RecoveryTarget) -> int:
        """How many of the chain's segments recovery reads until it stops.

        :raises NotFoundError: the target is not in the WAL that is archived; the error says what is.
        """
        count = len(self._chain.segments)
        if target.is_latest:
            return count
        if target.immediate:
            return self._number_of(self._moment.end - 1) + 1
        if target.lsn is not None:
            return self._number_of_lsn(target.lsn) + 1
        if target.time is not None:
            return self._number_of_time(target.time, exclusive=target.exclusive) + 1
        return self._number_of_event(target) + 1

    def last_event(self) -> WalEvent | None:
        """The last transaction that ended in the archive, ``None`` where none did."""
        for number in range(len(self._chain.segments) - 1, -1, -1):
            known = self._known(number)
            if known is None:
                events = [event for event in self._events(number) if event.kind != RESTORE_POINT]
                known = SegmentContent(False, events[-1] if events else None)
            if known.last is not None:
                return known.last
        return None

    def _known(self, number: int) -> SegmentContent | None:
        """What an earlier search has found out of a segment."""
        if not number:
            return None
        return self._searched.look_up(self._chain.segments[number - 1], self._chain.segments[number])

    def window(self) -> str:
        """What can be reached, for people; a damaged segment hinders only what lies behind it."""
        last, damage = None, ""
        try:
            last = self.last_event()
        except CorruptArtifactError as error:
            damage = f"; but the WAL is damaged: {error.message}"
        text = f"from {format_lsn(self._moment.end)}"
        if self._moment.finished is not None:
            text += f" ({self._moment.finished:%Y-%m-%d %H:%M:%S} UTC)"
        text += f" to {format_lsn(self._chain.end)}"
        if last is not None:
            text += f", the last transaction in it ended at {last.moment:%Y-%m-%d %H:%M:%S.%f} UTC"
        return text + damage

    def _number_of(self, lsn: int) -> int:
        size = self._chain.segment_size
        return (lsn - self._chain.segments[0].place.start(size)) // size

    def _number_of_lsn(self, lsn: int) -> int:
        if lsn < self._moment.end:
            raise NotFoundError(
                f"the backup is consistent from {format_lsn(self._moment.end)} on only, which is behind "
                f"{format_lsn(lsn)}",
                hint="restore an older backup",
            )
        number = self._number_of(lsn)
        if number >= len(self._chain.segments):
            raise self._beyond(f"LSN {format_lsn(lsn)}")
        return number

    def _number_of_time(self, time: datetime.datetime, *, exclusive: bool) -> int:
        wanted = server_time(time)
        damaged: dict[int, CorruptArtifactError] = {}

        def is_behind(number: int) -> bool:
            # What a damaged segment holds nobody knows; whatever comes before it can be reached all the same.
            if number in damaged:
                return True
            try:
                return is_known_behind(number)
            except CorruptArtifactError as error:
                damaged[number] = error
                return True

        def is_known_behind(number: int) -> bool:
            times = [event.time for event in self._events(number) if event.kind != RESTORE_POINT]
            return bool(times) and (max(times) > wanted or (exclusive and max(times) == wanted))

        last = len(self._chain.segments) - 1
        while last >= 0 and not is_behind(last):
            if any(event.kind != RESTORE_POINT for event in self._events(last)):
                raise self._beyond(f"{time.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S.%f} UTC")
            last -= 1
        if last < 0:
            raise self._beyond(f"{time.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S.%f} UTC")
        # Transactions end in the order of their times, all but: one segment more makes up for it.
        low, high = 0, last
        while low < high:
            middle = (low + high) // 2
            if is_behind(middle):
                high = middle
            else:
                low = middle + 1
        if low in damaged:
            raise damaged[low]
        return min(low + 1, len(self._chain.segments) - 1)

    def _number_of_event(self, target: RecoveryTarget) -> int:
        scanner: WalScanner | None = None
        prepared = False
        self._progress.phase("looking for the target in the WAL")
        for number, segment in enumerate(self._chain.segments):
            known = self._known(number)
            if known is not None:
                # The next one that is to be searched need not follow.
                prepared, scanner = prepared or known.prepared, None
                continue
            self._progress.item(str(segment.place))
            scanner = scanner or self._scanner_at(number)
            ended: list[WalEvent] = []
            for event in self._scanned(scanner, number):
                if _is_target(event, target):
                    self.found = event
                    return number
                if event.kind != RESTORE_POINT:
                    ended.append(event)
            content = SegmentContent(not all(event.xid for event in ended), ended[-1] if ended else None)
            prepared = prepared or content.prepared
            if number and self._chain.segments[number - 1].is_archived:
                self._searched.add(self._chain.segments[number - 1], segment, content)
        if target.xid is not None and prepared:
            # Which transaction it was that had been prepared, the head of a record does not say.
            return len(self._chain.segments) - 1
        raise self._beyond(f"restore point {target.name!r}" if target.name else f"transaction {target.xid}")

    def _beyond(self, what: str) -> NotFoundError:
        hint = "archive the WAL up to there, choose a target inside, or restore to the end (target latest)"
        gap = f"; {self._chain.gap} is missing" if self._chain.gap else ""
        return NotFoundError(f"{what} is not in the WAL that is archived{gap}; it reaches {self.window()}", hint=hint)

    def _events(self, number: int) -> list[WalEvent]:
        """Of a segment, with those that begin in the one before."""
        return list(self._scanned(self._scanner_at(number), number))

    def _scanner_at(self, number: int) -> WalScanner:
        """One that has read the segment before."""
        scanner = WalScanner()
        for _event in self._scanned(scanner, number - 1) if number else ():
            pass
        return scanner

    def _scanned(self, scanner: WalScanner, number: int) -> t.Iterator[WalEvent]:
        segment = self._chain.segments[number]
        if not segment.is_archived or self._archive is None:
            return iter(())
        data = b"".join(read_segment(self._archive, segment, self._chain.segment_size))
        return scanner.segment(data, segment.place.start(self._chain.segment_size))


def _is_target(event: WalEvent, target: RecoveryTarget) -> bool:
    if event.kind == RESTORE_POINT:
        return bool(target.name) and event.name == target.name
    return target.xid is not None and event.xid == target.xid


def read_segment(archive: WalArchive, segment: WalSegment, size: int) -> t.Iterator[bytes]:
    """An archived segment in pieces; zeros follow what is archived of an unfinished one.

    :raises CorruptArtifactError: it is damaged.
    """
    if segment.tail is not None:
        source: ByteSource = TailSource(archive, segment.tail, fill=True)
    elif segment.file is not None:
        source = archive.open(segment.file)
    else:
        raise NotFoundError(f"the segment {segment.place} is not archived")
    done = 0
    with contextlib.closing(source):
        for piece in iter(lambda: source.read(_READ_SIZE), b""):
            done += len(piece)
            yield piece
    if done != size:
        raise CorruptArtifactError(
            f"the archived segment {segment.place} has {done} bytes instead of {size}",
            hint="restore to a target before it",
        )
