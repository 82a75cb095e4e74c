# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Holds: a backup that must stay, whatever retention says, until a day or until it is released."""

from __future__ import annotations

import datetime
import typing as t

from .lazy_dataclass import dataclass
from .repository.access import NO_ACCESS, Access
from .repository.marks import Hold, read_hold, remove_hold, write_hold
from .repository.repository import Repository


@dataclass(frozen=True)
class HoldRequest:
    """Which backup to hold or to release.

    :param backup: its id, that of its set, or ``latest``.
    :param held: false to release it.
    :param until: ISO 8601 in UTC; empty for until it is released.
    :param access: what it takes to get into the repository.
    """

    location: str
    backup: str
    cluster: str = ""
    database: str = ""
    held: bool = True
    until: str = ""
    reason: str = ""
    check: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class HoldResult:
    """The backup and its hold, ``None`` for one that has none."""

    changed: bool
    id: str
    path: str
    hold: Hold | None
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        hold = None if self.hold is None else vars(self.hold)
        return {"changed": self.changed, "backup": {"id": self.id, "path": self.path, "hold": hold}}


def hold(request: HoldRequest) -> HoldResult:
    """Put a hold on a backup or release it; the same hold twice changes nothing.

    :raises NotFoundError: there is no such backup.
    :raises UsageError: it fits several databases.
    """
    repository = Repository(request.location, request.access)
    entry = repository.find(request.backup, cluster=request.cluster, database=request.database)
    storage, folder = repository.storage, entry.folder
    before = read_hold(storage, folder)
    after = None
    if request.held:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        after = Hold(until=request.until, reason=request.reason, set_at=now)
        if before is not None and (before.until, before.reason) == (after.until, after.reason):
            after = before
    changed = before != after
    if changed and not request.check:
        if after is None:
            remove_hold(storage, folder)
        else:
            write_hold(storage, folder, after)
    return HoldResult(changed, entry.manifest.id, entry.url, after, _line(entry.url, before), _line(entry.url, after))


def _line(url: str, mark: Hold | None) -> str:
    if mark is None:
        return f"{url}: not on hold\n"
    return " ".join(filter(None, (f"{url}: on hold", mark.until and f"until {mark.until}", mark.reason))) + "\n"
