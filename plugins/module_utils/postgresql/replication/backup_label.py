# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""PostgreSQL's ``backup_label`` and ``tablespace_map``: where recovery begins, and what lies elsewhere."""

from __future__ import annotations

import re

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass

LABEL_NAME = "backup_label"
TABLESPACE_MAP_NAME = "tablespace_map"
#: A label names some places; nothing of it is long but what the user called the backup.
LARGEST_LABEL = 1 << 20

_LSN = rb"([0-9A-F]{1,8})/([0-9A-F]{1,8})"
_START = re.compile(rb"START WAL LOCATION: " + _LSN + rb" \(file ([0-9A-F]{24})\)\n")
_CHECKPOINT = re.compile(rb"^CHECKPOINT LOCATION: " + _LSN + rb"$", re.MULTILINE)
_FROM = re.compile(rb"^BACKUP FROM: (\w+)$", re.MULTILINE)
_TIMELINE = re.compile(rb"^START TIMELINE: ([0-9]{1,10})$", re.MULTILINE)
_TIME = re.compile(rb"^START TIME: (.*)$", re.MULTILINE)
_LABEL = re.compile(rb"^LABEL: (.*)$", re.MULTILINE)
_INCREMENTAL_LSN = re.compile(rb"^INCREMENTAL FROM LSN: " + _LSN + rb"\n", re.MULTILINE)
_INCREMENTAL_TIMELINE = re.compile(rb"^INCREMENTAL FROM TLI: ([0-9]{1,10})\n", re.MULTILINE)


@dataclass(frozen=True)
class BackupLabel:
    """What a label says.

    :param start: the LSN at which recovery begins.
    :param timeline: on which; of servers before 11, that of the segment's name.
    :param from_standby: whether the backup was made on a standby.
    :param started: as the server wrote it, in its own time zone.
    :param incremental_lsn: the start of the backup that this one builds on, ``None`` for a full backup.
    """

    start: int
    checkpoint: int
    timeline: int
    from_standby: bool
    started: str
    label: str
    incremental_lsn: int | None = None
    incremental_timeline: int | None = None


def parse_backup_label(data: bytes, *, name: str = LABEL_NAME) -> BackupLabel:
    """Read a label.

    :raises CorruptArtifactError: it is none.
    """
    start = _START.match(data) if len(data) <= LARGEST_LABEL else None
    checkpoint = _CHECKPOINT.search(data)
    if start is None or checkpoint is None or not data.endswith(b"\n"):
        raise CorruptArtifactError(f"{name} is damaged: it does not say where recovery begins", path=name)
    origin, timeline, time, label = (found.search(data) for found in (_FROM, _TIMELINE, _TIME, _LABEL))
    built_on, built_on_timeline = _INCREMENTAL_LSN.search(data), _INCREMENTAL_TIMELINE.search(data)
    if (built_on is None) != (built_on_timeline is None):
        raise CorruptArtifactError(f"{name} is damaged: it says only half of what it builds on", path=name)
    return BackupLabel(
        start=_lsn(start),
        checkpoint=_lsn(checkpoint),
        timeline=int(timeline.group(1)) if timeline else int(start.group(3)[:8], 16),
        from_standby=origin is not None and origin.group(1) == b"standby",
        started=_text(time),
        label=_text(label),
        incremental_lsn=_lsn(built_on) if built_on else None,
        incremental_timeline=int(built_on_timeline.group(1)) if built_on_timeline else None,
    )


def without_incremental(data: bytes) -> bytes:
    """The label of a full backup that was put together of a chain, made of its last member's."""
    return _INCREMENTAL_TIMELINE.sub(b"", _INCREMENTAL_LSN.sub(b"", data))


def _lsn(found: re.Match[bytes]) -> int:
    return int(found.group(1), 16) << 32 | int(found.group(2), 16)


def _text(found: re.Match[bytes] | None) -> str:
    return found.group(1).decode("utf-8", "replace") if found else ""


def parse_tablespace_map(data: bytes) -> dict[int, bytes]:
    """The places of tablespaces by their OIDs.

    A line break in a path has a backslash before it, and so has a backslash (from 9.5 on, xlog.c).

    :raises CorruptArtifactError: it is damaged.
    """
    found: dict[int, bytes] = {}
    for line in re.findall(rb"((?:[^\\\n\r]|\\.)*)(?:\n|\r|\Z)", data, re.DOTALL):
        if not line:
            continue
        oid, blank, path = line.partition(b" ")
        if not blank or not oid.isdigit() or len(oid) > 10 or not path:
            raise CorruptArtifactError(f"{TABLESPACE_MAP_NAME} is damaged", path=TABLESPACE_MAP_NAME)
        found[int(oid)] = re.sub(rb"\\(.)", rb"\1", path, flags=re.DOTALL)
    return found


def format_tablespace_map(places: dict[int, bytes]) -> bytes:
    """The text of a map, as the server writes it."""
    lines = [b"%d %s\n" % (oid, re.sub(rb"([\\\n\r])", rb"\\\1", path)) for oid, path in places.items()]
    return b"".join(lines)
