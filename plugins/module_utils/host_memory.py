# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How much memory there is, as the host and its control groups say."""

from __future__ import annotations

import os
import typing as t


class _Files(t.NamedTuple):
    """What a control group says of its memory in.

    :param limits: the names of the files that hold limits, ``used`` of the one that holds what is taken.
    """

    limits: tuple[str, ...]
    used: str


_VERSION_1 = _Files(("memory.limit_in_bytes",), "memory.usage_in_bytes")
_VERSION_2 = _Files(("memory.max", "memory.high"), "memory.current")


def available_memory(process: int, *, name: str = "", proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> int:
    """How many bytes a process of this host can still take; 0 where that cannot be known from here.

    :param name: of the program it must run, where its number comes from elsewhere: out of a container, whose processes
        have other numbers here.
    """
    try:
        if name and _read(f"{proc}/{process}/comm").strip() != name:
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
    while True:
        for limit in files.limits:
            try:
                text = _read(f"{root}{group}/{limit}").strip()
            except FileNotFoundError:
                # Memory is not controlled here: it never is at the top, but a container sees its own group there.
                continue
            if text != "max":
                free = min(free, int(text) - int(_read(f"{root}{group}/{files.used}")))
        if not group.strip("/"):
            return free
        group = os.path.dirname(group)


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
