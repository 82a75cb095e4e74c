# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report as one HTML page that needs nothing else: problems first, then each database, then the evidence."""

from __future__ import annotations

import base64
import datetime
import hashlib
import typing as t

from ..overview import Plain, parsed, worst
from ..release import VERSION
from .html import Markup, element, joined, raw_element
from .rows import Row, problems_of, rows_of
from .script import SCRIPT
from .sections import calendar_section, databases_section, history_section, verification_section
from .sections_more import jobs_section, reach_section, repositories_section
from .style import STYLE
from .words import moment_words, size_words, span_words

#: Keys of sections in their order, for the links at the top.
_LINKS = (
    ("problems", "Problems"),
    ("databases", "Databases"),
    ("calendar", "Calendar"),
    ("history", "Sizes and durations"),
    ("verification", "Verification"),
    ("reach", "Within reach"),
    ("jobs", "Jobs"),
    ("repositories", "Repositories"),
)


def page(overviews: t.Sequence[Plain], *, title: str) -> str:
    """The page.

    :param overviews: of one host or of many, see :func:`.overview.overview`.
    """
    now = max(parsed(one["generated_at"]) for one in overviews)
    rows = rows_of(overviews)
    sections = {
        "problems": _problems(overviews, rows),
        "databases": databases_section(rows),
        "calendar": calendar_section(rows, now),
        "history": history_section(rows),
        "verification": verification_section(rows),
        "reach": reach_section(rows, overviews, now),
        "jobs": jobs_section(overviews),
        "repositories": repositories_section(overviews),
    }
    shown = [(key, name) for key, name in _LINKS if sections[key]]
    links = [element("a", name, href=f"#{key}") for key, name in shown]
    body = element(
        "body",
        element("a", "Skip to the problems", class_="skip", href="#problems"),
        element(
            "header",
            element("h1", title),
            element("p", _subtitle(overviews, now), class_="dim"),
            element("nav", links, aria_label="Sections"),
        ),
        element(
            "main",
            _tiles(overviews, rows),
            [
                element(
                    "section",
                    element("h2", name, id=f"{key}-heading"),
                    sections[key],
                    id=key,
                    aria_labelledby=f"{key}-heading",
                )
                for key, name in shown
            ],
        ),
        element("footer", element("p", f"Made by dbfleet {VERSION}. All times are UTC.")),
        raw_element("script", SCRIPT),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("title", title),
        raw_element("style", STYLE),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _policy() -> str:
    """Nothing is loaded, and nothing runs but what this program has written."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(STYLE)}'",
            f"script-src '{_digest(SCRIPT)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")


def _subtitle(overviews: t.Sequence[Plain], now: datetime.datetime) -> str:
    hosts = len({one["host"] for one in overviews})
    repositories = sum(len(one["repositories"]) for one in overviews)
    return (
        f"As of {moment_words(now.isoformat())} UTC: {repositories} {_plural('repository', repositories)} "
        f"on {hosts} {_plural('host', hosts)}"
    )


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _tiles(overviews: t.Sequence[Plain], rows: t.Sequence[Row]) -> Markup:
    states = [row.plain["state"] for row in rows]
    ages = [row.plain["age"] for row in rows if row.plain["age"] is not None]
    total = sum(row.plain["total_size"] for row in rows)
    tiles = (
        ("", str(len(rows)), _plural("database", len(rows))),
        ("ok", str(states.count("ok")), "well"),
        ("warning" if "warning" in states else "", str(states.count("warning")), "with warnings"),
        ("critical" if "critical" in states else "", str(states.count("critical")), "critical"),
        ("", span_words(max(ages)) if ages else "none", "oldest of the newest good backups"),
        ("", size_words(total), "stored in all backups"),
    )
    return element(
        "div",
        [element("div", element("b", value), label, class_=f"tile {tone}".strip()) for tone, value, label in tiles],
        class_="tiles",
    )


def _problems(overviews: t.Sequence[Plain], rows: t.Sequence[Row]) -> Markup:
    problems = problems_of(overviews, rows)
    if not problems:
        count = len(rows)
        text = f"None: {count} {_plural('database', count)} looked at, every one as it should be."
        if not rows:
            text = "There is no backup in any of these repositories, and nothing is expected of them."
        return element("p", text, class_="allwell")
    worst_state = worst(one.state for one in problems)
    critical = sum(one.state == "critical" for one in problems)
    heading = f"{len(problems)} in all, {critical} of them critical." if worst_state == "critical" else None
    items = [
        element(
            "li",
            element("p", element("b", one.where), " ", element("span", one.state, class_=f"badge {one.state}")),
            [element("p", text) for text in one.texts],
            class_=one.state,
        )
        for one in problems
    ]
    return joined(element("p", heading, class_="dim") if heading else None, element("ul", items, class_="problems"))
