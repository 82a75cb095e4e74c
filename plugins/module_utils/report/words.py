# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Times, spans and numbers as a person reads them in the report."""

from __future__ import annotations

import datetime

from ..cli.text import duration_text, size_text
from ..overview import parsed

_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def span_words(seconds: float) -> str:
    """``93600`` as ``26 h``, ``180000`` as ``2.1 d``."""
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:.1f} d".replace(".0 d", " d")
    for length, unit in _SPANS[1:]:
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}".replace(f".0 {unit}", f" {unit}")
    return f"{max(0.0, seconds):.0f} s"


def moment_words(moment: str) -> str:
    """A time in UTC to the minute, which sorts as it reads."""
    return f"{parsed(moment).astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M}" if moment else "never"


def size_words(size: float) -> str:
    return size_text(size).replace("bytes", "B")


def duration_words(seconds: float) -> str:
    return duration_text(seconds)


def count_words(count: int) -> str:
    return f"{count:,}"
