# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The positions for replication as they stand in a script: statements, or the same in comments."""

from __future__ import annotations

import typing as t

from . import quoting
from .options import COMMENT, LEFT_OUT, STATEMENT, PositionForm
from .replication_state import ReplicaPosition
from .snapshot import Snapshot
from .version import ServerVersion

# Since then MySQL calls a master a source.
_SOURCE_SINCE = 80023


def positions(snapshot: Snapshot, version: ServerVersion, form: PositionForm) -> str:
    """What stands in the script's header."""
    purged = _gtid_form(snapshot, form)
    parts = [_binlog(snapshot, version, form.source_data)]
    gtid = snapshot.position.gtid
    if gtid and purged != LEFT_OUT and version.is_mariadb:
        parts.append(_as(purged, [f"SET GLOBAL gtid_slave_pos={quoting.literal(gtid)};"]))
    elif gtid and purged != LEFT_OUT:
        parts.append(_as(purged, [_PURGED.format(quoting.literal(gtid))]))
    if purged == STATEMENT and not version.is_mariadb:
        parts.append(_WITHOUT_BINLOG)
    parts += [_as(form.dump_replica, [_replica(one, version)]) for one in snapshot.replica]
    text = "".join(parts)
    if not text:
        return ""
    title = "Position of the binary log at which replication or point-in-time recovery starts"
    return f"\n--\n-- {title}\n--\n\n{text}\n"


_PURGED = "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ {};"
_WITHOUT_BINLOG = """\
SET @DBFLEET_SQL_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;
"""


def binlog_again(snapshot: Snapshot, form: PositionForm, version: ServerVersion) -> str:
    """What stands at the script's end where it switched the binlog off."""
    if version.is_mariadb or not snapshot.position.gtid or _gtid_form(snapshot, form) != STATEMENT:
        return ""
    return "SET @@SESSION.SQL_LOG_BIN = @DBFLEET_SQL_LOG_BIN;\n"


def _gtid_form(snapshot: Snapshot, form: PositionForm) -> int:
    if not snapshot.position.gtid:
        return LEFT_OUT
    return {"off": LEFT_OUT, "commented": COMMENT}.get(form.gtid_purged, STATEMENT)


def _binlog(snapshot: Snapshot, version: ServerVersion, form: int) -> str:
    if form == LEFT_OUT:
        return ""
    position = snapshot.position
    if not position.file:
        return "-- The server wrote no binary log: there is no position.\n"
    return _as(form, [f"{_change(version, '', position.file, position.position)};"])


def _replica(position: ReplicaPosition, version: ServerVersion) -> str:
    if version.is_mariadb:
        channel = f" {quoting.literal(position.channel)}" if position.channel else ""
        return f"{_change(version, channel, position.file, position.position)};"
    channel = f" FOR CHANNEL {quoting.literal(position.channel)}" if position.channel else ""
    return f"{_change(version, '', position.file, position.position)}{channel};"


def _change(version: ServerVersion, connection: str, file: str, position: int) -> str:
    if not version.is_mariadb and version.number >= _SOURCE_SINCE:
        return f"CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE={quoting.literal(file)}, SOURCE_LOG_POS={position}"
    return f"CHANGE MASTER{connection} TO MASTER_LOG_FILE={quoting.literal(file)}, MASTER_LOG_POS={position}"


def _as(form: int, lines: t.Iterable[str]) -> str:
    if form == LEFT_OUT:
        return ""
    return "".join(f"{line}\n" if form == STATEMENT else f"{quoting.comment_line(line)}\n" for line in lines)
