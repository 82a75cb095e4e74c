# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report's sections about databases: where each stands, its calendar, its sizes and its verifications."""

from __future__ import annotations

import datetime
import typing as t

from ..overview import Plain, parsed
from .charts import DAYS, calendar, chart, objective_bar, trend
from .html import Child, Markup, element, joined
from .rows import Row
from .words import count_words, duration_words, moment_words, size_words, span_words

#: As many as a chart can show.
_CHARTED = 60
_LEVELS = {"checksums": "checksums", "structure": "structure", "restore": "restore drill"}


def cell(label: str, *children: Child, key: float | None = None, class_: str = "") -> Markup:
    """A cell of a table that is sorted by ``key`` where there is one, and named where the table is narrow."""
    return element(
        "td",
        # One piece, so that it stands beside the label where the table is narrow.
        element("div", *children),
        data_label=label,
        data_key=None if key is None else f"{key:.3f}",
        class_=class_ or None,
    )


def row_name(label: str, name: str) -> Markup:
    """The cell that says what a line is about."""
    return element("th", element("div", name), class_="name", scope="row", data_label=label)


def table(
    headings: t.Sequence[str], body: t.Sequence[Markup], *, numbers: t.Collection[str] = (), caption: str
) -> Markup:
    """A table whose columns can be sorted; on a narrow screen its cells stand below one another."""
    head = [element("th", one, scope="col", class_="number" if one in numbers else None) for one in headings]
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", head)),
            element("tbody", body),
            class_="sortable stack",
            aria_label=caption,
        ),
        class_="scroll",
    )


def badge(state: str) -> Markup:
    return element("span", state, class_=f"badge {state}")


def _searched(row: Row, *, counted: bool = False) -> dict[str, t.Any]:
    return {"data_search": row.search, "data_state": row.plain["state"], "data_counted": counted or None}


def databases_section(rows: t.Sequence[Row]) -> Markup:
    """A line for each database."""
    if not rows:
        return Markup("")
    buttons = [
        element("button", label, type="button", data_only=state, aria_pressed="true" if not state else "false")
        for state, label in (("", "All"), ("critical", "Critical"), ("warning", "Warning"), ("ok", "Well"))
    ]
    tools = element(
        "div",
        element("label", "Find ", element("input", id="search", type="search", placeholder="database, server, host")),
        buttons,
        element(
            "span",
            element("output", str(len(rows)), id="shown"),
            f" of {len(rows)} shown",
            class_="dim small",
            role="status",
        ),
        class_="tools script-only",
    )
    many_hosts = len({row.host for row in rows}) > 1
    headings = ["State", "Database", "Server", "Newest good", "Objective"]
    headings += ["Size", "Trend", "Rows", "Duration", "Verified", "Backups"]
    body = [_database_line(row, many_hosts) for row in rows]
    return joined(tools, table(headings, body, numbers=("Size", "Rows", "Duration", "Backups"), caption="Databases"))


def _database_line(row: Row, many_hosts: bool) -> Markup:
    plain = row.plain
    newest = plain["newest"]
    rank = {"critical": 0, "warning": 1, "ok": 2}[plain["state"]]
    return element(
        "tr",
        cell("State", badge(plain["state"]), key=rank),
        row_name("Database", row.name),
        cell(
            "Server",
            plain["cluster"],
            element("div", f"{plain['dbms']} {plain['server_version']}", class_="dim small"),
            element("div", row.host, class_="dim small") if many_hosts else None,
            class_="name",
        ),
        _newest_cell(newest, plain["age"]),
        _objective_cell(plain["age"], plain["objective"]),
        _number("Size", newest, "size", size_words),
        _trend_cell(plain["backups"]),
        _number("Rows", newest, "rows", count_words),
        _number("Duration", newest, "duration", duration_words),
        _verified_cell(plain["verification"]),
        cell("Backups", str(plain["count"]), key=plain["count"], class_="number"),
        **_searched(row, counted=True),
    )


def _number(label: str, newest: Plain | None, name: str, words: t.Callable[[t.Any], str]) -> Markup:
    """One of the newest backup's numbers."""
    if newest is None:
        return cell(label, key=-1, class_="number empty")
    return cell(label, words(newest[name]), key=newest[name], class_="number")


def _trend_cell(backups: t.Sequence[Plain]) -> Markup:
    sizes = [one["size"] for one in backups if one["good"] and not one["partial"]][-30:]
    if len(sizes) < 2:
        return cell("Trend", key=0, class_="empty")
    growth = sizes[-1] / sizes[0] if sizes[0] else 0
    return cell("Trend", trend(sizes, f"Sizes of the last {len(sizes)} backups"), key=growth)


def _verified_cell(verifications: t.Sequence[Plain]) -> Markup:
    passed = [one for one in verifications if one["passed"]]
    if not passed:
        return cell("Verified", element("span", "never", class_="dim"), key=1e12, class_="time")
    last = max(passed, key=lambda one: parsed(one["verified_at"]))
    level = element("div", _LEVELS.get(last["level"], last["level"]), class_="dim small")
    return cell("Verified", f"{span_words(last['age'])} ago", level, key=last["age"], class_="time")


def _newest_cell(newest: Plain | None, age: float | None) -> Markup:
    if newest is None or age is None:
        return cell("Newest good", element("b", "none"), key=1e12, class_="time")
    when = element("div", moment_words(newest["started_at"]), class_="dim small")
    return cell("Newest good", f"{span_words(age)} ago", when, key=age, class_="time")


def _objective_cell(age: float | None, objective: float) -> Markup:
    if not objective:
        return cell("Objective", element("span", "none set", class_="dim"), key=1e12, class_="time")
    used = f"{span_words(age)} of {span_words(objective)} used" if age is not None else "no good backup"
    return cell(
        "Objective",
        span_words(objective),
        objective_bar(age, objective, used),
        key=age / objective if age is not None else 1e9,
        class_="time",
    )


def calendar_section(rows: t.Sequence[Row], now: datetime.datetime) -> Markup:
    """What was done on each of the last days."""
    if not rows:
        return Markup("")
    body = [
        element(
            "tr",
            row_name("Database", row.where),
            cell("Runs", calendar(row.plain["backups"], row.failed_runs, now, row.where)),
            **_searched(row),
        )
        for row in rows
    ]
    legend = [
        element("span", _swatch(kind), text)
        for kind, text in (
            ("good", "good backup"),
            ("partial", "part of a database only"),
            ("bad", "failed its verification"),
            ("failed", "the run failed"),
            ("none", "nothing"),
        )
    ]
    return joined(
        element(
            "div",
            element(
                "table",
                element(
                    "thead",
                    element(
                        "tr",
                        element("th", "Database", scope="col"),
                        element("th", f"The last {DAYS} days, today at the right", scope="col"),
                    ),
                ),
                element("tbody", body),
                class_="stack",
                aria_label="Calendar of runs",
            ),
            class_="scroll",
        ),
        element("p", legend, class_="legend"),
    )


def _swatch(kind: str) -> Markup:
    square = element("rect", class_=f"day {kind}", x=1, y=1, width=10, height=10, rx=2)
    return element("svg", square, width=12, height=12, viewBox="0 0 12 12", aria_hidden="true")


def history_section(rows: t.Sequence[Row]) -> Markup:
    """The sizes and durations of each database's backups."""
    return joined(_history(row) for row in rows)


def _history(row: Row) -> Markup:
    backups = [one for one in row.plain["backups"] if not one["partial"]][-_CHARTED:]
    if not backups:
        return Markup("")
    sizes = [(one["started_at"], float(one["size"])) for one in backups]
    durations = [(one["started_at"], float(one["duration"])) for one in backups]
    figures = (
        ("Size", chart(sizes, f"Sizes of the backups of {row.where}", size_words, tone="blue")),
        ("Duration", chart(durations, f"Durations of the backups of {row.where}", duration_words, tone="violet")),
    )
    return element(
        "details",
        element(
            "summary",
            row.where,
            " ",
            badge(row.plain["state"]),
            element("span", f" {len(backups)} backups", class_="dim small"),
        ),
        element(
            "div", [element("figure", element("figcaption", name), drawn) for name, drawn in figures], class_="charts"
        ),
        open=row.plain["state"] == "critical",
        **_searched(row),
    )


def verification_section(rows: t.Sequence[Row]) -> Markup:
    """What was found when backups were looked at, failures first."""
    found = [(row, one) for row in rows for one in row.plain["verification"]]
    never = [row for row in rows if not row.plain["verification"]]
    parts: list[Markup] = []
    if found:
        found.sort(key=lambda pair: (pair[1]["passed"], pair[0].where.lower(), pair[1]["level"]))
        headings = ["Result", "Database", "Level", "When", "Backup", "Duration", "Findings"]
        body = [_verification_line(row, one) for row, one in found]
        parts.append(table(headings, body, numbers=("Duration",), caption="Verifications and restore drills"))
    if never:
        names = ", ".join(row.where for row in never[:20])
        more = f" and {len(never) - 20} more" if len(never) > 20 else ""
        parts.append(element("p", f"Never verified: {names}{more}.", class_="dim"))
    return joined(parts)


def _verification_line(row: Row, one: Plain) -> Markup:
    result = element(
        "span", "passed" if one["passed"] else "failed", class_=f"badge {'ok' if one['passed'] else 'critical'}"
    )
    return element(
        "tr",
        cell("Result", result, key=1 if one["passed"] else 0),
        row_name("Database", row.where),
        cell("Level", _LEVELS.get(one["level"], one["level"]), class_="time"),
        cell(
            "When",
            f"{span_words(one['age'])} ago",
            element("div", moment_words(one["verified_at"]), class_="dim small"),
            key=one["age"],
            class_="time",
        ),
        cell("Backup", one["backup"], class_="time"),
        cell("Duration", duration_words(one["duration"]), key=one["duration"], class_="number"),
        cell("Findings", "; ".join(one["findings"]), class_="name" if one["findings"] else "empty"),
        **_searched(row),
    )
