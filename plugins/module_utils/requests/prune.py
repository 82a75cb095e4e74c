# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The requests of retention, out of the options that were given."""

from __future__ import annotations

import datetime

from ..errors import UsageError
from ..hold import HoldRequest
from ..prune import PruneRequest
from ..repository.retention import RetentionPolicy
from .access import access_of
from .given import Given


def prune_request(given: Given, *, check: bool) -> PruneRequest:
    """Which backups to judge, and by which rules.

    :raises UsageError: an option is missing or makes no sense.
    """
    given.exactly_one("repository")
    given.only_with("force", "newest_within")
    return PruneRequest(
        location=given.text("repository"),
        policy=RetentionPolicy(
            last=given.count("keep_last", least=0),
            daily=given.count("keep_daily", least=0),
            weekly=given.count("keep_weekly", least=0),
            monthly=given.count("keep_monthly", least=0),
            yearly=given.count("keep_yearly", least=0),
            verified=given.count("keep_verified", least=0),
            window=given.duration("recovery_window"),
            timezone=given.text("timezone"),
        ),
        cluster=given.text("cluster"),
        database=given.text("database"),
        newest_within=given.duration("newest_within"),
        force=given.switch("force"),
        keep_logs=given.switch("keep_logs"),
        check=check,
        access=access_of(given),
    )


def hold_request(given: Given, *, check: bool) -> HoldRequest:
    """Which backup to hold or to release.

    :raises UsageError: an option is missing or makes no sense.
    """
    given.exactly_one("repository")
    held = given.text("state") == "held"
    if not held and (given.has("until") or given.has("reason")):
        raise UsageError(f"{given.spelled('until')} and {given.spelled('reason')} mean nothing to a released backup")
    return HoldRequest(
        location=given.text("repository"),
        backup=given.text("backup"),
        cluster=given.text("cluster"),
        database=given.text("database"),
        held=held,
        until=_utc_time(given) if given.has("until") else "",
        reason=given.text("reason"),
        check=check,
        access=access_of(given),
    )


def _utc_time(given: Given) -> str:
    """A date or a time with its zone, as ISO 8601 in UTC; a date alone means that its day is still held, in UTC."""
    text = given.text("until").strip()
    try:
        time = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if len(text) == len("2027-01-31"):
            time = time.replace(tzinfo=datetime.timezone.utc) + datetime.timedelta(days=1)
    except (ValueError, OverflowError):
        time = None
    if time is None or time.tzinfo is None:
        raise UsageError(
            f"{given.spelled('until')} {text!r} is not a date, nor a time with its zone",
            hint="write for example 2027-01-31 or 2027-01-31T18:00:00+01:00",
        )
    return time.astimezone(datetime.timezone.utc).isoformat(timespec="seconds")
