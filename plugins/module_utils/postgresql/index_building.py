# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the sessions of a restore may take for building indexes: memory, and the server's processors.

A server's ``maintenance_work_mem`` is meant for a server at work, by default 64 MiB: larger indexes are sorted by way
of the disk. ``max_parallel_maintenance_workers`` is meant for one who builds one index: where several restore, each
would have so many helpers, which take the processors from those that load. Where the server is on this host, what is
free here is known.
"""

from __future__ import annotations

import os

from ..host_memory import available_memory
from .session import Session

# The rest is for the server's other sessions, and for its cache of files.
_SHARE = 8
_MOST = 1 << 30
# Whoever has set it otherwise, for a role, a database or a session, knows better.
_OWN_SOURCES = frozenset(("default", "configuration file"))
_SETTING = "SELECT setting, source FROM pg_catalog.pg_settings WHERE name = $1"
_MEMORY, _WORKERS = "maintenance_work_mem", "max_parallel_maintenance_workers"


def index_memory(session: Session, *, jobs: int) -> int:
    """KiB of memory for each of ``jobs`` sessions; 0 where the server's own setting is to stay.

    That is raised, never lowered, to a share of what is free on the server's host.
    """
    setting = _own_setting(session, _MEMORY)
    if setting is None:
        return 0
    wanted = min(available_memory(session.pgconn.backend_pid, name="postgres") // _SHARE // jobs, _MOST) >> 10
    return wanted if wanted > setting else 0


def index_memory_statement(memory: int) -> str:
    """What gives a session so many KiB for building an index."""
    return f"SET {_MEMORY} = {memory:d}"


class IndexWorkers:
    """How many of the server's workers may help to build one index, by how many build or load beside."""

    def __init__(self, session: Session) -> None:
        self._setting = _own_setting(session, _WORKERS)
        self._processors = os.cpu_count() or 1

    def beside(self, busy: int) -> int | None:
        """
        :param busy: how many processes of the restore are at work, this one among them.
        :returns: no more than the server's own setting; ``None`` where that is to stay.
        """
        return None if self._setting is None else min(self._setting, max(self._processors - busy, 0))


def index_workers_statement(workers: int) -> str:
    """What lets so many workers help a session."""
    return f"SET {_WORKERS} = {workers:d}"


def _own_setting(session: Session, name: str) -> int | None:
    """A setting of a server of this host that nobody has chosen for these sessions; ``None`` where it is to stay."""
    if not session.host.startswith("/"):
        return None
    for setting, source in session.rows(_SETTING, (name,)):
        if source in _OWN_SOURCES:
            return int(setting or 0)
    return None
