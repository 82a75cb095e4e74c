# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report's pictures: small SVGs without a script, whose colours come from the page's style sheet.

Each has a text for those who do not see it.
"""

from __future__ import annotations

import datetime
import typing as t

from ..overview import Plain, parsed
from .html import Markup, element
from .words import moment_words

DAYS = 56
_CELL, _GAP = 9, 2
_TREND_WIDTH, _TREND_HEIGHT = 120, 26
_CHART_WIDTH, _CHART_HEIGHT = 420, 110
_BAR_WIDTH, _BAR_HEIGHT = 110, 8
_REACH_WIDTH, _REACH_HEIGHT = 420, 14
#: Of several things on one day, the worst is shown.
_RANKS = ("good", "partial", "bad", "failed")
_MEANINGS = {
    "good": "a good backup",
    "partial": "a backup of a part only",
    "bad": "a backup that failed its verification",
    "failed": "a run that failed",
}


def calendar(backups: t.Sequence[Plain], failed_runs: t.Sequence[str], now: datetime.datetime, name: str) -> Markup:
    """A square for each of the last days: whether there was a backup, and what became of it.

    :param failed_runs: when runs failed, ISO 8601.
    """
    days = run_days(backups, failed_runs, now)
    # Days of nothing are one piece: of a large fleet they would be most of the page.
    empty, cells = [], []
    for index in range(DAYS):
        day = now.date() - datetime.timedelta(days=DAYS - 1 - index)
        left = index * (_CELL + _GAP)
        if day not in days:
            empty.append(f"M{left},0h{_CELL}v{_CELL + 5}h-{_CELL}z")
            continue
        kind, count = days[day]
        what = f"{count} runs, among them {_MEANINGS[kind]}" if count > 1 else _MEANINGS[kind]
        title = element("title", f"{day:%a %Y-%m-%d}: {what}")
        cells.append(element("rect", title, class_=f"day {kind}", x=left, y=0, width=_CELL, height=_CELL + 5, rx=2))
    if empty:
        cells.insert(0, element("path", class_="day none", d="".join(empty)))
    good = sum(kind in ("good", "partial") for kind, _count in days.values())
    troubled = sum(kind in ("bad", "failed") for kind, _count in days.values())
    text = f"{name}: in the last {DAYS} days, {good} days with backups and {troubled} days with failures"
    width = DAYS * (_CELL + _GAP) - _GAP
    return _picture(width, _CELL + 5, text, cells, class_="calendar")


def run_days(
    backups: t.Sequence[Plain], failed_runs: t.Sequence[str], now: datetime.datetime
) -> dict[datetime.date, tuple[str, int]]:
    """Of each of the last days that something was done on: the worst of it, and how much."""
    days: dict[datetime.date, tuple[str, int]] = {}
    seen = [(one["started_at"], _kind_of(one)) for one in backups] + [(moment, "failed") for moment in failed_runs]
    first = now.date() - datetime.timedelta(days=DAYS - 1)
    for moment, kind in seen:
        day = parsed(moment).astimezone(datetime.timezone.utc).date()
        if first <= day <= now.date():
            known, count = days.get(day, (kind, 0))
            days[day] = (max(known, kind, key=_RANKS.index), count + 1)
    return days


def _kind_of(backup: Plain) -> str:
    if not backup["good"]:
        return "bad"
    return "partial" if backup["partial"] else "good"


def objective_bar(age: float | None, objective: float, text: str) -> Markup:
    """How much of the time that its objective leaves a backup has used."""
    share = min(1.0, age / objective) if age is not None and objective else 1.0
    state = "late" if age is None or age > objective else "soon" if share > 0.8 else "fine"
    return _picture(
        _BAR_WIDTH,
        _BAR_HEIGHT,
        text,
        [
            element("rect", class_="groove", x=0, y=0, width=_BAR_WIDTH, height=_BAR_HEIGHT, rx=4),
            element("rect", class_=f"fill {state}", x=0, y=0, width=_round(share * _BAR_WIDTH), height=8, rx=4),
        ],
        class_="bar",
    )


def trend(values: t.Sequence[float], text: str) -> Markup:
    """How a number went, without an axis."""
    points = _points(values, _TREND_WIDTH, _TREND_HEIGHT, 3)
    last = points[-1] if points else (0.0, 0.0)
    drawing = [
        element("path", class_="line", d=_path(points)),
        element("circle", class_="dot", cx=_round(last[0]), cy=_round(last[1]), r=2.5),
    ]
    return _picture(_TREND_WIDTH, _TREND_HEIGHT, text, drawing if points else [], class_="trend")


def chart(values: t.Sequence[tuple[str, float]], text: str, label: t.Callable[[float], str], *, tone: str) -> Markup:
    """A number of each backup as a bar over time, with the largest and the dates of both ends."""
    if not values:
        return Markup("")
    top, bottom, left = 14, 16, 64
    width, height = _CHART_WIDTH - left, _CHART_HEIGHT - top - bottom
    largest = max(value for _moment, value in values) or 1.0
    step = width / len(values)
    bars = []
    for index, (moment, value) in enumerate(values):
        tall = max(1.0, value / largest * height)
        bars.append(
            element(
                "rect",
                element("title", f"{moment_words(moment)}: {label(value)}"),
                class_=f"column {tone}",
                x=_round(left + index * step + min(1.0, step * 0.1)),
                y=_round(top + height - tall),
                width=_round(max(0.6, step - min(2.0, step * 0.2))),
                height=_round(tall),
            )
        )
    base = top + height
    drawing = [
        element("line", class_="axis", x1=left, y1=base, x2=_CHART_WIDTH, y2=base),
        element("line", class_="axis faint", x1=left, y1=top, x2=_CHART_WIDTH, y2=top),
        element("text", label(largest), class_="tick end", x=left - 6, y=top + 4),
        element("text", "0", class_="tick end", x=left - 6, y=base),
        element("text", moment_words(values[0][0])[:10], class_="tick", x=left, y=_CHART_HEIGHT - 3),
        element("text", moment_words(values[-1][0])[:10], class_="tick end", x=_CHART_WIDTH, y=_CHART_HEIGHT - 3),
        *bars,
    ]
    return _picture(_CHART_WIDTH, _CHART_HEIGHT, text, drawing, class_="chart")


def reach(begins: str, ends: str, first: datetime.datetime, now: datetime.datetime, text: str) -> Markup:
    """The time within reach as a bar between ``first`` and the present."""
    whole = max(1.0, (now - first).total_seconds())

    def at(moment: str) -> float:
        return min(1.0, max(0.0, (parsed(moment) - first).total_seconds() / whole)) * _REACH_WIDTH

    left, right = at(begins), at(ends)
    drawing = [
        element("rect", class_="groove", x=0, y=3, width=_REACH_WIDTH, height=8, rx=4),
        element("rect", class_="fill reach", x=_round(left), y=3, width=_round(max(2.0, right - left)), height=8, rx=4),
    ]
    return _picture(_REACH_WIDTH, _REACH_HEIGHT, text, drawing, class_="reach")


def _picture(width: float, height: float, text: str, drawing: t.Sequence[Markup], *, class_: str) -> Markup:
    return element(
        "svg",
        drawing,
        class_=class_,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=text,
    )


def _points(values: t.Sequence[float], width: float, height: float, margin: float) -> list[tuple[float, float]]:
    if not values:
        return []
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    step = (width - 2 * margin) / max(1, len(values) - 1)
    tall = height - 2 * margin
    flat = high == low
    return [
        (margin + index * step, height / 2 if flat else height - margin - (value - low) / spread * tall)
        for index, value in enumerate(values)
    ]


def _path(points: t.Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_round(x)},{_round(y)}" for x, y in points)


def _round(value: float) -> str:
    return f"{value:.1f}".replace(".0", "")
