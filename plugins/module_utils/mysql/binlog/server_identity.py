# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which server a binlog is of, and what it has."""

from __future__ import annotations

import re
import typing as t

from ...errors import ConsistencyError
from ..quoting import literal
from ..session import Session

#: How many events at a file's beginning are looked at for what came before it.
_HEAD_EVENTS = 4
_HISTORY = ("Previous_gtids", "Gtid_list")


def identity_of(session: Session) -> dict[str, str]:
    """A server's address, version, family, id and, where it has one, its UUID."""
    server = {"address": session.address, "version": session.version.text, "dbms": session.version.dbms}
    server["server_id"] = session.scalar("SELECT @@server_id") or ""
    if session.has_variable("server_uuid"):
        server["uuid"] = session.variables["server_uuid"]
    return server


def binlogs_of(session: Session) -> dict[str, int]:
    """The names of a server's binlogs in their order, with their sizes.

    :raises ConsistencyError: it has none.
    :raises PrivilegeError: the user may not see them.
    """
    found = {name or "": int(size or 0) for name, size, *_rest in session.query("SHOW BINARY LOGS")}
    if not found:
        raise ConsistencyError(f"{session.address} has no binlogs", hint="set log_bin and restart the server")
    return found


def gtids_before(session: Session, name: str) -> str:
    """What a server had when it began one of its binlogs, as it says itself; empty for nothing."""
    for _log, _position, kind, _server, _end, info, *_rest in session.query(
        f"SHOW BINLOG EVENTS IN {literal(name)} LIMIT {_HEAD_EVENTS}"
    ):
        if kind in _HISTORY:
            return re.sub(r"[\s\[\]]", "", info or "")
    return ""


def bytes_behind(logs: t.Mapping[str, int], file: str, position: int) -> int | None:
    """How many bytes a server has written behind a place in its log; ``None`` where it does not have that file."""
    if file not in logs:
        return None
    names = list(logs)
    behind = names[names.index(file) :]
    return max(0, sum(logs[name] for name in behind) - position)
