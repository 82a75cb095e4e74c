# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Timelines: which one came out of which, and where, as history files tell it (access/timeline.h)."""

from __future__ import annotations

from ...errors import CorruptArtifactError, UsageError
from ...lazy_dataclass import dataclass
from ..replication.lsn import parse_lsn
from .segment import LARGEST_HISTORY

_MOST_LINES = 10_000


@dataclass(frozen=True)
class Ancestor:
    """A timeline that another one came out of.

    :param switch: the LSN at which it was left.
    :param reason: why, in the server's words.
    """

    timeline: int
    switch: int
    reason: str


def parse_history(data: bytes, timeline: int, *, name: str) -> tuple[Ancestor, ...]:
    """The ancestors of a timeline, the oldest first.

    :param name: the file, for messages.
    :raises CorruptArtifactError: it is not a history file of that timeline.
    """
    if len(data) > LARGEST_HISTORY:
        raise _bad(name, "it is too large")
    found: list[Ancestor] = []
    for line in data.decode("utf-8", "replace").splitlines()[:_MOST_LINES]:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        parts = text.split(None, 2)
        number = parts[0] if parts[0].isascii() and parts[0].isdigit() else ""
        try:
            switch = parse_lsn(parts[1]) if len(parts) > 1 else -1
        except UsageError:
            switch = -1
        if not number or switch < 0:
            raise _bad(name, f"the line {text[:100]!r} does not name a timeline and a place")
        last = found[-1] if found else Ancestor(0, 0, "")
        if not last.timeline < int(number) < timeline or switch < last.switch:
            raise _bad(name, f"timeline {number} cannot follow timeline {last.timeline} there")
        found.append(Ancestor(int(number), switch, parts[2] if len(parts) > 2 else ""))
    if not found:
        raise _bad(name, "it names no ancestor")
    return tuple(found)


def _bad(name: str, cause: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"{name} is not a history file as it must be: {cause}", path=name)
