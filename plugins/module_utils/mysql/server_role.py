# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a server is the one that is written to, or copies another one."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import PrivilegeError, QueryError
from . import connection
from .options import ConnectionOptions
from .session import Session

_SYNTAX_ERROR = 1064
_Status = t.Mapping[str, t.Optional[str]]


def is_replica(options: ConnectionOptions) -> bool:
    """Whether the server replicates from another one, or is a secondary of a replication group.

    Of two servers that replicate from each other both are replicas; the members of a Galera cluster are none.

    :raises PrivilegeError: the user may not know.
    :raises DbfleetError: the server cannot be asked.
    """
    return replica_lag(options)[0]


def replica_lag(options: ConnectionOptions) -> tuple[bool, float | None]:
    """Whether the server is a replica as :func:`is_replica` says, and how many seconds it is behind its source.

    Of several sources the one counts that it is most behind; it is ``None`` where something of its replication does
    not run, so that nobody can tell.

    :raises PrivilegeError: the user may not know.
    :raises DbfleetError: the server cannot be asked.
    """
    with contextlib.closing(connection.connect(options)) as session:
        in_group = bool(session.variables.get("group_replication_group_name"))
        if in_group and session.variables.get("super_read_only") == "ON":
            return True, _lag_in_group(session)
        sources = _sources(session)
        lags = [_lag_of(source) for source in sources]
        known = [lag for lag in lags if lag is not None]
        return bool(sources), max(known, default=0.0) if len(known) == len(lags) else None


def _lag_in_group(session: Session) -> float | None:
    state = session.records(
        "SELECT member_state AS state FROM performance_schema.replication_group_members "
        "WHERE member_id = @@global.server_uuid"
    )
    return 0.0 if [one["state"] for one in state] == ["ONLINE"] else None


def _lag_of(status: _Status) -> float | None:
    running = [_first(status, f"replica_{part}_running", f"slave_{part}_running") for part in ("io", "sql")]
    behind = _first(status, "seconds_behind_source", "seconds_behind_master")
    return float(behind) if running == ["Yes", "Yes"] and behind is not None else None


def _first(status: _Status, *names: str) -> str | None:
    """The column by the name that the server's version has for it."""
    return next((status[name] for name in names if name in status), None)


def _sources(session: Session) -> t.Sequence[_Status]:
    new, old = "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"
    for statement in ("SHOW ALL SLAVES STATUS",) if session.version.is_mariadb else (new, old):
        try:
            return session.records(statement)
        except PrivilegeError as error:
            raise PrivilegeError(
                "the user may not read whether the server is a replica, which only_on and prefer ask for",
                hint="GRANT REPLICATION CLIENT (MariaDB: REPLICA MONITOR) ON *.* TO the user",
                **error.context,
            ) from error
        except QueryError as error:
            if error.context.get("errno") != _SYNTAX_ERROR or statement == old:
                raise
    return ()
