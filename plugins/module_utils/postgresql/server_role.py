# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a server is the one that is written to, or copies another one."""

from __future__ import annotations

import contextlib

from . import connection
from .options import ConnectionOptions

# A primary that writes nothing sends nothing that could be replayed: what was received is replayed, and the connection
# lives (its row may be looked at by everybody but for the columns that say more than the process id).
_LAG = """
SELECT pg_catalog.pg_is_in_recovery(),
  CASE
    WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn()
      AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
    ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
  END
"""


def is_replica(options: ConnectionOptions) -> bool:
    """Whether the server is a standby.

    :raises DbfleetError: it cannot be asked.
    """
    return replica_lag(options)[0]


def replica_lag(options: ConnectionOptions) -> tuple[bool, float | None]:
    """Whether the server is a standby, and how many seconds it is behind its primary, ``None`` where it cannot tell.

    A standby without a connection to its primary is as far behind as its last replayed transaction is old.

    :raises DbfleetError: it cannot be asked.
    """
    database = options.maintenance_database
    with contextlib.closing(connection.connect(options, database=database)) as session:
        ((recovering, lag),) = session.query(_LAG)
        return recovering == "t", None if lag is None else max(0.0, float(lag))
