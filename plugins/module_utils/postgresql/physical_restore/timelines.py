# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The way from a backup to a timeline: on which timeline the WAL of every moment lies."""

from __future__ import annotations

import typing as t

from ...errors import NotFoundError, UsageError
from ...lazy_dataclass import dataclass
from ..wal.timelines import parse_history
from .recovery import LATEST

_HIGHEST = (1 << 32) - 1


@dataclass(frozen=True)
class TimelinePart:
    """A timeline as far as it leads to the target's.

    :param begin: the LSN at which it branches off; 0 for the first one.
    :param end: the LSN at which the next one does; ``None`` for the last.
    """

    timeline: int
    begin: int
    end: int | None


class Histories(t.Protocol):
    """Where history files are kept."""

    def read_history(self, timeline: int) -> bytes | None: ...


def timeline_parts(data: bytes, timeline: int) -> tuple[TimelinePart, ...]:
    """The timelines that lead to ``timeline``, the oldest first, itself included.

    :param data: its history file.
    :raises CorruptArtifactError: it is no history of that timeline.
    """
    parts: list[TimelinePart] = []
    begin = 0
    for ancestor in parse_history(data, timeline, name=f"the history of timeline {timeline}"):
        parts.append(TimelinePart(ancestor.timeline, begin, ancestor.switch))
        begin = ancestor.switch
    return (*parts, TimelinePart(timeline, begin, None))


def timelines_to(wanted: str, start: int, archive: Histories | None) -> tuple[TimelinePart, ...]:
    """The timelines up to the one that is wanted.

    :param wanted: a number, ``latest`` or ``current``.
    :param start: the timeline of the backup.
    :raises NotFoundError: the history of the timeline is not archived.
    """
    if wanted == LATEST:
        # As the server looks for it: the numbers have no holes.
        timeline = start
        while archive is not None and archive.read_history(timeline + 1) is not None:
            timeline += 1
    elif wanted == "current":
        timeline = start
    else:
        timeline = int(wanted)
        if not 0 < timeline <= _HIGHEST:
            raise UsageError(f"there is no timeline {wanted}", hint="give a number from 1 on, latest or current")
    data = archive.read_history(timeline) if archive is not None and timeline > 1 else None
    if data is not None:
        return timeline_parts(data, timeline)
    if timeline == start:
        return (TimelinePart(timeline, 0, None),)
    raise NotFoundError(
        f"the history of timeline {timeline} is not archived", hint="take another timeline, or archive its history file"
    )


def holds(parts: t.Sequence[TimelinePart], timeline: int, lsn: int) -> bool:
    """Whether the way leads over the moment ``lsn`` of ``timeline``."""
    return any(part.timeline == timeline and (part.end is None or lsn <= part.end) for part in parts)


def timeline_at(parts: t.Sequence[TimelinePart], lsn: int, segment_size: int) -> int:
    """The timeline whose segment the server reads for the segment at ``lsn``: the newest that has begun in it."""
    newest = parts[0].timeline
    for part in parts:
        if part.begin < lsn - lsn % segment_size + segment_size:
            newest = part.timeline
    return newest
