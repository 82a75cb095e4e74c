# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which backups of one database are to stay, and why: pure rules over times, without a storage.

A period (a day, a week …) that has no backup takes none of the places: seven daily backups are those of the last seven
days on which there was one, however many runs were missed. Of a period's backups the newest stays.
"""

from __future__ import annotations

import datetime
import typing as t
import zoneinfo

from ..errors import UsageError
from ..lazy_dataclass import dataclass

_PERIODS: dict[str, t.Callable[[datetime.datetime], str]] = {
    "daily": lambda local: local.strftime("%Y-%m-%d"),
    "weekly": lambda local: local.strftime("%G-W%V"),
    "monthly": lambda local: local.strftime("%Y-%m"),
    "yearly": lambda local: local.strftime("%Y"),
}


@dataclass(frozen=True)
class RetentionPolicy:
    """How many backups of each database are to stay; 0 for a rule that is not wanted.

    :param last: the newest ones.
    :param daily, weekly, monthly, yearly: the newest one of each of so many days, ISO weeks, months and years.
    :param window: seconds; every moment of that time before now shall be within reach: all backups made in it, and the
        newest one before it.
    :param verified: the newest ones that a verification has passed.
    :param timezone: an IANA name; where days begin.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    window: float | None = None
    verified: int = 0
    timezone: str = "UTC"

    def is_empty(self) -> bool:
        """Whether it names nothing that is to stay."""
        counts = (self.last, self.daily, self.weekly, self.monthly, self.yearly, self.verified)
        return not any(counts) and self.window is None

    def zone(self) -> zoneinfo.ZoneInfo:
        """:raises UsageError: this host knows no such time zone."""
        try:
            return zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UsageError(
                f"this host knows no time zone {self.timezone!r}",
                hint="use an IANA name, for example Europe/Berlin, and install the package tzdata if it is missing",
            ) from error


@dataclass(frozen=True)
class RecoveryPoint:
    """One backup, as far as retention is concerned.

    :param started: an aware time.
    :param failed: what a verification found wrong with it, empty for a good one. A bad backup takes no place of a rule.
    :param verified: whether a verification passed.
    :param bound: why it has to stay whatever the rules say: a hold, a set; empty for nothing.
    """

    id: str
    started: datetime.datetime
    failed: str = ""
    verified: bool = False
    bound: tuple[str, ...] = ()


def retained(
    points: t.Iterable[RecoveryPoint], policy: RetentionPolicy, *, now: datetime.datetime
) -> dict[str, tuple[str, ...]]:
    """The ids of the backups that stay, each with its reasons; the others may go.

    The newest good backup always stays, and a bad one until there is a newer good one.

    :param points: all backups of one database, in any order.
    :raises UsageError: the policy's time zone is unknown.
    """
    newest_first = sorted(points, key=lambda point: (point.started, point.id), reverse=True)
    good = [point for point in newest_first if not point.failed]
    reasons: dict[str, list[str]] = {point.id: list(point.bound) for point in newest_first}
    if good:
        reasons[good[0].id].append("the newest good backup")
    for point in newest_first:
        if point.failed and (not good or point.started > good[0].started):
            reasons[point.id].append("failed its verification, but there is no newer good backup")
    for number, point in enumerate(good[: policy.last], 1):
        reasons[point.id].append(f"last {number} of {policy.last}")
    for number, point in enumerate([point for point in good if point.verified][: policy.verified], 1):
        reasons[point.id].append(f"verified {number} of {policy.verified}")
    _keep_periods(good, policy, reasons)
    if policy.window is not None:
        _keep_window(good, now - datetime.timedelta(seconds=policy.window), reasons)
    return {identity: tuple(why) for identity, why in reasons.items() if why}


def _keep_periods(good: t.Sequence[RecoveryPoint], policy: RetentionPolicy, reasons: dict[str, list[str]]) -> None:
    zone = policy.zone()
    for rule, period_of in _PERIODS.items():
        wanted: int = getattr(policy, rule)
        seen: set[str] = set()
        for point in good:
            if len(seen) == wanted:
                break
            period = period_of(point.started.astimezone(zone))
            if period not in seen:
                seen.add(period)
                reasons[point.id].append(f"{rule} {period}")


def _keep_window(good: t.Sequence[RecoveryPoint], begin: datetime.datetime, reasons: dict[str, list[str]]) -> None:
    for point in good:
        if point.started < begin:
            reasons[point.id].append("what the recovery window begins with")
            break
        reasons[point.id].append("in the recovery window")
