# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of retention: what is to stay of a repository's backups, and holds on single ones."""

from __future__ import annotations

from .option import Option

_PRUNE = ("prune",)
_HOLD = ("hold",)


def _count(name: str, text: str) -> Option:
    return Option(name, text, ("--" + name.replace("_", "-"),), _PRUNE, (), "int", default=0, metavar="N")


PRUNE = (
    _count("keep_last", "keep the newest N backups of each database"),
    _count("keep_daily", "keep the newest backup of each of the last N days that have one"),
    _count("keep_weekly", "the same for ISO weeks"),
    _count("keep_monthly", "the same for months"),
    _count("keep_yearly", "the same for years"),
    _count("keep_verified", "keep the newest N backups that a verification has passed"),
    Option(
        "recovery_window",
        "keep what it takes to go back to any moment of this time, for example 14d",
        ("--recovery-window",),
        _PRUNE,
        (),
        metavar="TIME",
    ),
    Option(
        "timezone",
        "where days begin, for example Europe/Berlin",
        ("--timezone",),
        _PRUNE,
        (),
        default="UTC",
        metavar="ZONE",
    ),
    Option(
        "newest_within",
        "remove nothing of a database whose newest good backup is older than this, for example 2d",
        ("--newest-within",),
        _PRUNE,
        (),
        metavar="TIME",
    ),
    Option("force", "remove in spite of --newest-within", ("--force",), _PRUNE, (), "bool"),
    Option("keep_logs", "leave archived WAL and binlogs as they are", ("--keep-logs",), _PRUNE, (), "bool"),
)

HOLD = (
    Option("state", "held, or released", ("--state",), _HOLD, (), choices={"": ("held", "released")}, default="held"),
    Option("until", "hold it until then: a date, or a time with its zone", ("--until",), _HOLD, (), metavar="TIME"),
    Option("reason", "why, for the one who wonders later", ("--reason",), _HOLD, (), metavar="TEXT"),
)
