# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.replication.backup_label import (
    format_tablespace_map,
    parse_backup_label,
    parse_tablespace_map,
    without_incremental,
)

FULL = b"""START WAL LOCATION: 0/4000028 (file 000000010000000000000004)
CHECKPOINT LOCATION: 0/4000080
BACKUP METHOD: streamed
BACKUP FROM: standby
START TIME: 2026-11-22 23:44:19 UTC
LABEL: nightly
START TIMELINE: 1
"""
INCREMENTAL = FULL + b"INCREMENTAL FROM LSN: 0/2000028\nINCREMENTAL FROM TLI: 1\n"


def test_reads_labels() -> None:
    label = parse_backup_label(FULL)
    assert (label.start, label.checkpoint, label.timeline) == (0x4000028, 0x4000080, 1)
    assert (label.from_standby, label.started, label.label) == (True, "2026-11-22 23:44:19 UTC", "nightly")
    assert label.incremental_lsn is None
    # Servers before 11 do not name the timeline.
    old = parse_backup_label(FULL.replace(b"START TIMELINE: 1\n", b"").replace(b"file 00000001", b"file 0000000A"))
    assert old.timeline == 10


def test_knows_what_an_increment_builds_on() -> None:
    label = parse_backup_label(INCREMENTAL)
    assert (label.incremental_lsn, label.incremental_timeline) == (0x2000028, 1)
    assert without_incremental(INCREMENTAL) == FULL


@pytest.mark.parametrize("data", [b"", FULL[:40], FULL[5:], INCREMENTAL[:-26], b"x" * (2 << 20)])
def test_refuses_what_is_no_label(data: bytes) -> None:
    with pytest.raises(CorruptArtifactError):
        parse_backup_label(data)


def test_maps_of_tablespaces_survive_strange_paths() -> None:
    places = {16384: b"/srv/fast disk", 16385: b"/srv/a\nb\\c\rd"}
    assert parse_tablespace_map(format_tablespace_map(places)) == places
    assert parse_tablespace_map(b"16384 /srv/x\n") == {16384: b"/srv/x"}
    for damaged in (b"/srv/x\n", b"x /srv\n", b"16384\n"):
        with pytest.raises(CorruptArtifactError):
            parse_tablespace_map(damaged)
