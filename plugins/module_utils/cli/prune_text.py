# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What retention did, as the user reads it."""

from __future__ import annotations

import typing as t

from .text import size_text, table_text

Data = t.Mapping[str, t.Any]


def prune_text(data: Data, *, check: bool) -> str:
    """What went, or in check mode would go, and why each of the others stays."""
    gone = "would go" if check else "removed"
    found = [(one, gone) for one in data["removed"]]
    found += [(one, f"stays: {', '.join(one['reasons'])}") for one in data["kept"]]
    found.sort(key=lambda each: (each[0]["cluster"], each[0]["database"], each[0]["id"]))
    rows = [
        (one["cluster"], one["database"] or f"({one['kind']})", one["id"], size_text(one["size"]), what)
        for one, what in found
    ]
    verb = "would be removed" if check else "removed"
    title = f"{len(data['removed'])} of {len(found)} backups {verb}, {size_text(data['freed_bytes'])}\n"
    return (
        title
        + _logs_text(data["logs"], verb)
        + (table_text(("CLUSTER", "DATABASE", "BACKUP", "SIZE", "WHAT"), rows, right=("SIZE",)) if rows else "")
    )


def _logs_text(logs: Data, verb: str) -> str:
    """What went of archived logs; nothing where none are archived."""
    lines = ""
    for kind, name in (("wal", "files of WAL"), ("binlog", "binlogs")):
        gone = [one["size"] for one in logs["removed"] if one["kind"] == kind]
        if gone or logs["kept"][kind]:
            lines += f"{len(gone)} {name} {verb}, {size_text(sum(gone))}; {logs['kept'][kind]} stay\n"
    return lines


def hold_text(data: Data) -> str:
    """Whether a backup is on hold."""
    backup = data["backup"]
    mark = backup["hold"]
    if mark is None:
        return f"backup {backup['id']} is not on hold\n"
    told = " ".join(
        filter(None, (mark["until"] and f"until {mark['until']}", mark["reason"] and f"({mark['reason']})"))
    )
    return f"backup {backup['id']} is on hold{told and ' '}{told}\n"
