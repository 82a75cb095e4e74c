# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The events of a plan in the order in which whatever applies them takes them."""

from __future__ import annotations

import contextlib
import typing as t

from ...progress import Progress
from . import codes
from .binlog_file import log_name, open_binlog
from .events import BinlogReader, Event, RawEvent
from .format_description import FormatDescription
from .replay_changes import EventChanger, ReplayChanges
from .replay_plan import PlannedFile, ReplayPlan


class EventTaker(t.Protocol):
    """What the events of a plan are passed to."""

    def describe(self, event: Event, description: FormatDescription, name: str) -> None:
        """Events are from here on as the format description of the file ``name`` says."""

    def begin(self, position: int) -> None:
        """The transactions from here on follow each other."""

    def take(self, event: Event) -> None:
        """The next event of a transaction."""


class RawTaker(EventTaker, t.Protocol):
    """One that can take events as the file holds them, too.

    :ivar looked_at: the types that it has to get by :meth:`take`.
    """

    looked_at: frozenset[int]

    def take_raw(self, events: t.Sequence[RawEvent], next_position: int) -> None:
        """The next events, with the offset behind the last of them."""


def pass_events(plan: ReplayPlan, taker: EventTaker, progress: Progress) -> None:
    """Read the plan's files and pass on what is wanted of them, changed as the plan says.

    :raises DbfleetError: a file cannot be read any more, or what the taker raises.
    """
    for planned in plan.files:
        if planned.ranges:
            progress.item(log_name(planned.path))
            _pass_file(planned, plan.changes, taker, progress)


def _pass_file(planned: PlannedFile, changes: ReplayChanges, taker: EventTaker, progress: Progress) -> None:
    name = log_name(planned.path)
    ranges = iter(planned.ranges)
    start, stop = next(ranges)
    begun = False
    changer: EventChanger | None = None
    raw_taker = t.cast(RawTaker, taker) if hasattr(taker, "take_raw") else None
    with contextlib.closing(open_binlog(planned.path)) as source:
        reader = BinlogReader(source, name, partial=True)
        for event in reader:
            if event.header.type == codes.FORMAT_DESCRIPTION:
                taker.describe(event, reader.format, name)
                if not changes.is_nothing:
                    changer = EventChanger(changes, name, mariadb=reader.format.is_mariadb)
                continue
            if event.position >= stop:
                following = next(ranges, None)
                if following is None:
                    return
                (start, stop), begun = following, False
            if event.position < start:
                continue
            if not begun:
                taker.begin(event.position)
                begun = True
            if changer is None:
                taker.take(event)
            else:
                for changed in changer.take(event):
                    taker.take(changed)
            progress.advance(event.header.size)
            if raw_taker is not None and changer is None:
                done = reader.position
                events = reader.take_raw(stop, raw_taker.looked_at)
                if events:
                    raw_taker.take_raw(events, reader.position)
                    progress.advance(reader.position - done)
