# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of retention, whatever the calendar, the time zone and the runs that were missed."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import UsageError
from dbfleet.repository.retention import RecoveryPoint, RetentionPolicy, retained

UTC = datetime.timezone.utc
NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu")
PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


def point(text: str, **fields: object) -> RecoveryPoint:
    return RecoveryPoint(text, datetime.datetime.fromisoformat(text).replace(tzinfo=UTC), **fields)  # type: ignore[arg-type]


def nightly(days: int, *, hour: int = 3) -> list[RecoveryPoint]:
    first = NOW.replace(hour=hour)
    return [point((first - datetime.timedelta(days=day)).strftime("%Y-%m-%d %H:%M")) for day in range(days)]


_TIMES = st.datetimes(*map(datetime.datetime.fromisoformat, ("2019-12-20", "2026-12-01"))).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)


@st.composite
def points(draw: st.DrawFn) -> list[RecoveryPoint]:
    times = draw(st.lists(_TIMES, max_size=60, unique=True))
    return [
        RecoveryPoint(
            f"b{number}",
            time,
            failed=draw(st.sampled_from(["", "", "", "a row is missing"])),
            verified=draw(st.booleans()),
            bound=draw(st.sampled_from([(), (), (), ("on hold",)])),
        )
        for number, time in enumerate(times)
    ]


_COUNTS = st.integers(0, 9)
_POLICIES = st.builds(
    RetentionPolicy,
    last=_COUNTS,
    daily=_COUNTS,
    weekly=_COUNTS,
    monthly=_COUNTS,
    yearly=_COUNTS,
    window=st.none() | st.floats(0, 86400 * 900),
    verified=_COUNTS,
    timezone=st.sampled_from(ZONES),
)


@given(points(), _POLICIES)
def test_every_rule_has_what_it_asks_for(found: list[RecoveryPoint], policy: RetentionPolicy) -> None:
    kept = retained(found, policy, now=NOW)
    good = sorted((one for one in found if not one.failed), key=lambda one: (one.started, one.id), reverse=True)
    assert {one.id for one in found if one.bound} <= kept.keys()
    assert {one.id for one in good[: max(policy.last, 1)]} <= kept.keys()
    assert {one.id for one in [one for one in good if one.verified][: policy.verified]} <= kept.keys()
    zone = zoneinfo.ZoneInfo(policy.timezone)
    for rule, form in PERIODS.items():
        newest: dict[str, str] = {}
        for one in reversed(good):
            newest[one.started.astimezone(zone).strftime(form)] = one.id
        wanted = sorted(newest)[-getattr(policy, rule) :] if getattr(policy, rule) else []
        assert {newest[period] for period in wanted} <= kept.keys()
    assert all(kept.values())


@given(points(), _POLICIES, st.floats(0, 1))
def test_every_moment_of_the_window_can_be_gone_back_to(
    found: list[RecoveryPoint], policy: RetentionPolicy, where: float
) -> None:
    if policy.window is None:
        return
    kept = retained(found, policy, now=NOW)
    moment = NOW - datetime.timedelta(seconds=policy.window * where)
    before = [one for one in found if not one.failed and one.started <= moment]
    if before:
        # The last good backup before the moment is what a recovery to it begins with.
        assert max(before, key=lambda one: (one.started, one.id)).id in kept


@given(points(), _POLICIES)
def test_what_was_kept_is_judged_the_same_again(found: list[RecoveryPoint], policy: RetentionPolicy) -> None:
    kept = retained(found, policy, now=NOW)
    again = retained([one for one in found if one.id in kept], policy, now=NOW)
    assert again == kept


@given(points(), _POLICIES)
def test_nothing_stays_without_a_rule_that_wants_it(found: list[RecoveryPoint], policy: RetentionPolicy) -> None:
    kept = retained(found, policy, now=NOW)
    good = [one for one in found if not one.failed]
    most = policy.last + policy.daily + policy.weekly + policy.monthly + policy.yearly + policy.verified + 1
    if policy.window is None:
        assert len([one for one in good if one.id in kept and not one.bound]) <= most
    newest = max((one.started for one in good), default=None)
    for one in found:
        if one.failed and not one.bound and newest is not None and one.started < newest:
            assert one.id not in kept


def test_a_month_of_nightly_backups() -> None:
    kept = retained(nightly(60), RetentionPolicy(daily=7, weekly=4, monthly=2), now=NOW)
    assert sorted(kept) == [
        "2026-10-31 03:00",
        "2026-11-01 03:00",
        "2026-11-08 03:00",
        "2026-11-15 03:00",
        *(f"2026-11-{day} 03:00" for day in range(16, 23)),
    ]
    assert kept["2026-11-22 03:00"] == (
        "the newest good backup", "daily 2026-11-22", "weekly 2026-W47", "monthly 2026-11",
    )  # fmt: skip
    assert kept["2026-10-31 03:00"] == ("monthly 2026-10",)


def test_missed_runs_cost_no_place() -> None:
    found = [one for one in nightly(400) if one.started.day not in range(2, 29)]
    kept = retained(found, RetentionPolicy(monthly=6), now=NOW)
    assert [name[:7] for name in sorted(kept)] == ["2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]


def test_a_day_begins_where_the_user_lives() -> None:
    found = [point("2026-11-20 22:30"), point("2026-11-20 23:30"), point("2026-11-21 22:30")]
    assert len(retained(found, RetentionPolicy(daily=2), now=NOW)) == 2
    in_berlin = retained(found, RetentionPolicy(daily=9, timezone="Europe/Berlin"), now=NOW)
    assert in_berlin["2026-11-20 22:30"] == ("daily 2026-11-20",)
    assert in_berlin["2026-11-21 22:30"][1:] == ("daily 2026-11-21",)
    with pytest.raises(UsageError, match="knows no time zone 'Mars/Olympus'"):
        retained(found, RetentionPolicy(daily=1, timezone="Mars/Olympus"), now=NOW)
    with pytest.raises(UsageError, match="knows no time zone"):
        retained(found, RetentionPolicy(daily=1, timezone="../../etc/passwd"), now=NOW)


def test_a_bad_backup_stays_only_while_it_may_be_the_best_there_is() -> None:
    bad = point("2026-11-21 03:00", failed="shop.orders has 3 rows instead of 4")
    older, newer = point("2026-11-20 03:00"), point("2026-11-22 03:00")
    assert set(retained([bad, older], RetentionPolicy(last=1), now=NOW)) == {bad.id, older.id}
    assert set(retained([bad, older, newer], RetentionPolicy(last=2), now=NOW)) == {older.id, newer.id}
    assert set(retained([bad], RetentionPolicy(last=1), now=NOW)) == {bad.id}


def test_the_window_begins_with_the_backup_before_it() -> None:
    kept = retained(nightly(30), RetentionPolicy(window=3 * 86400.0), now=NOW)
    assert kept == {
        "2026-11-22 03:00": ("the newest good backup", "in the recovery window"),
        "2026-11-21 03:00": ("in the recovery window",),
        "2026-11-20 03:00": ("in the recovery window",),
        "2026-11-19 03:00": ("what the recovery window begins with",),
    }
