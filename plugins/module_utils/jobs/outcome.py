# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a job said of itself, in the few numbers and names that its status keeps."""

from __future__ import annotations

import typing as t

_OF_BACKUP = ("id", "cluster", "database", "path", "size", "rows", "duration")


def numbers_of(job: str, data: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of a job in short.

    :param job: ``backup``, ``verify`` ...
    :param data: as ``--json`` prints it.
    """
    found: dict[str, t.Any] = {"changed": bool(data.get("changed"))}
    if isinstance(data.get("backup"), t.Mapping):
        found.update({name: data["backup"][name] for name in _OF_BACKUP if name in data["backup"]})
    if data.get("set"):
        backups = data.get("backups", ())
        found.update(
            set=data["set"],
            backups=len(backups),
            size=sum(one.get("size", 0) for one in backups),
            rows=sum(one.get("rows", 0) for one in backups),
        )
    for name in ("verifications", "removed", "copies", "sealed"):
        if isinstance(data.get(name), (list, tuple)):
            found[name] = len(data[name])
    for name in ("received", "lag_bytes", "file", "position", "kept"):
        if isinstance(data.get(name), (int, float, str)):
            found[name] = data[name]
    return found
