# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import CorruptArtifactError, NotFoundError
from dbfleet.postgresql.physical_restore.timelines import TimelinePart, holds, timeline_at, timeline_parts, timelines_to

HISTORY = b"1\t0/3000100\tno recovery target specified\n\n# a comment\n2\t0/5000000\tbefore 2026-11-22 00:00:00+00\n"
PARTS = (TimelinePart(1, 0, 0x3000100), TimelinePart(2, 0x3000100, 0x5000000), TimelinePart(3, 0x5000000, None))
SEGMENT = 1 << 24


class Archive:
    def __init__(self, histories: dict[int, bytes]) -> None:
        self._histories = histories

    def read_history(self, timeline: int) -> bytes | None:
        return self._histories.get(timeline)


def test_reads_histories() -> None:
    assert timeline_parts(HISTORY, 3) == PARTS


@pytest.mark.parametrize("data", [b"x\n", b"3\t0/1\n", b"2\t0/1\n1\t0/2\n", b"1\t0/5\n2\t0/4\n", b"1 \xff/1\n"])
def test_refuses_what_is_no_history(data: bytes) -> None:
    with pytest.raises(CorruptArtifactError):
        timeline_parts(data, 3)


def test_finds_the_way() -> None:
    archive = Archive({2: b"1\t0/3000100\tx\n", 3: HISTORY})
    assert timelines_to("latest", 1, archive) == PARTS
    assert timelines_to("current", 1, archive) == (TimelinePart(1, 0, None),)
    assert timelines_to("2", 1, archive)[-1] == TimelinePart(2, 0x3000100, None)
    assert timelines_to("latest", 1, None) == (TimelinePart(1, 0, None),)
    with pytest.raises(NotFoundError, match="timeline 4 is not archived"):
        timelines_to("4", 1, archive)


def test_knows_whose_segments_are_read() -> None:
    assert [timeline_at(PARTS, lsn, SEGMENT) for lsn in (0x2000000, 0x3000000, 0x4FFFFFF, 0x5000000)] == [1, 2, 2, 3]
    assert holds(PARTS, 1, 0x3000000)
    assert holds(PARTS, 3, 0x9000000)
    # The backup went on where the timeline was left.
    assert not holds(PARTS, 1, 0x3000200)
    assert not holds(PARTS, 7, 0x1)
