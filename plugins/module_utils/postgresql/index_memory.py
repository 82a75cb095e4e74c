# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How much memory the sessions of a restore may build indexes in.

A server's ``maintenance_work_mem`` is meant for a server at work, by default 64 MiB: larger indexes are sorted by way
of the disk. Where the server is on this host, what is free here is known.
"""

from __future__ import annotations

import os
import typing as t

from .session import Session

# The rest is for the server's other sessions, and for its cache of files.
_SHARE = 8
_MOST = 1 << 30
# Whoever has set it otherwise, for a role, a database or a session, knows better.
_OWN_SOURCES = frozenset(("default", "configuration file"))
_SETTING = "SELECT setting, source FROM pg_catalog.pg_settings WHERE name = 'maintenance_work_mem'"


class _Files(t.NamedTuple):
    """What a control group says of its memory in.

    :param limits: the names of the files that hold limits, ``used`` of the one that holds what is taken.
    """

    limits: tuple[str, ...]
    used: str


_VERSION_1 = _Files(("memory.limit_in_bytes",), "memory.usage_in_bytes")
_VERSION_2 = _Files(("memory.max", "memory.high"), "memory.current")


def index_memory(session: Session, *, jobs: int) -> int:
    """KiB of memory for each of ``jobs`` sessions; 0 where the server's own setting is to stay.

    That is raised, never lowered, to a share of what is free on the server's host.
    """
    if not session.host.startswith("/"):
        return 0
    ((setting, source),) = session.rows(_SETTING)
    if source not in _OWN_SOURCES:
        return 0
    wanted = min(available_memory(session.pgconn.backend_pid) // _SHARE // jobs, _MOST) >> 10
    return wanted if wanted > int(setting or 0) else 0


def available_memory(process: int, *, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> int:
    """How many bytes a server's process can still take; 0 where that cannot be known from here.

    :param process: of the server. The socket may come out of a container, whose processes have other numbers here.
    """
    try:
        if _read(f"{proc}/{process}/comm").strip() != "postgres":
            return 0
        available = _free_on_host(_read(f"{proc}/meminfo"))
        for line in _read(f"{proc}/{process}/cgroup").splitlines():
            _number, controllers, group = line.split(":", 2)
            if not controllers:
                available = min(available, _free_in_groups(cgroups, group, available, _VERSION_2))
            elif "memory" in controllers.split(","):
                available = min(available, _free_in_groups(f"{cgroups}/memory", group, available, _VERSION_1))
    except (OSError, ValueError):
        return 0
    return max(available, 0)


def _free_on_host(meminfo: str) -> int:
    for line in meminfo.splitlines():
        name, _colon, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) << 10
    return 0


def _free_in_groups(root: str, group: str, otherwise: int, files: _Files) -> int:
    """What a control group and those above it have left. Cached files count as used, so it may be more."""
    free = otherwise
    while group.strip("/"):
        for limit in files.limits:
            try:
                text = _read(f"{root}{group}/{limit}").strip()
            except FileNotFoundError:
                # Memory is not controlled here, or the group is another one inside of a container.
                continue
            if text != "max":
                free = min(free, int(text) - int(_read(f"{root}{group}/{files.used}")))
        group = os.path.dirname(group)
    return free


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
