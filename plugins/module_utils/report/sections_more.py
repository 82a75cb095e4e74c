# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report's sections about what surrounds databases: windows, archives, jobs and repositories."""

from __future__ import annotations

import datetime
import typing as t

from ..overview import Plain, parsed
from .charts import reach
from .html import Markup, element, joined
from .rows import Row
from .sections import badge, cell, row_name, table
from .words import duration_words, moment_words, size_words, span_words


def reach_section(rows: t.Sequence[Row], overviews: t.Sequence[Plain], now: datetime.datetime) -> Markup:
    """Which moments can be brought back, and how far the archivers are."""
    parts: list[Markup] = []
    windows = [row for row in rows if row.plain["window"] is not None]
    if windows:
        first = min(parsed(row.plain["window"]["begins"]) for row in windows)
        body = [_window_line(row, first, now) for row in windows]
        headings = ["Database", "From", "To", "Behind", "Since the first of them", "Gap"]
        parts.append(table(headings, body, numbers=("Behind",), caption="Moments within reach"))
    archives = [(one["host"], archive) for one in overviews for archive in one["archives"]]
    if archives:
        body = [_archive_line(host, archive) for host, archive in archives]
        headings = ["Archive", "Server", "Host", "Behind", "Behind by size", "Last heard of"]
        parts += [
            element("h3", "Archivers"),
            table(headings, body, numbers=("Behind", "Behind by size"), caption="Archivers"),
        ]
    return joined(parts)


def _window_line(row: Row, first: datetime.datetime, now: datetime.datetime) -> Markup:
    window = row.plain["window"]
    behind = max(0.0, (now - parsed(window["ends"])).total_seconds())
    text = f"{row.where}: any moment from {moment_words(window['begins'])} to {moment_words(window['ends'])}"
    return element(
        "tr",
        row_name("Database", row.where),
        cell("From", moment_words(window["begins"]), class_="time"),
        cell("To", moment_words(window["ends"]), class_="time"),
        cell("Behind", span_words(behind), key=behind, class_="number"),
        cell("Window", reach(window["begins"], window["ends"], first, now, text)),
        cell("Gap", window["gap"], class_="name" if window["gap"] else "empty"),
        data_search=row.search,
        data_state=row.plain["state"],
    )


def _archive_line(host: str, archive: Plain) -> Markup:
    lag, size, silent = archive["lag_seconds"], archive["lag_bytes"], archive["silent"]
    return element(
        "tr",
        row_name("Archive", f"{archive['kind']} {archive['log']}"),
        cell("Server", archive["cluster"], class_="name"),
        cell("Host", host, class_="name"),
        cell(
            "Behind", "unknown" if lag is None else span_words(lag), key=1e12 if lag is None else lag, class_="number"
        ),
        cell(
            "By size",
            "unknown" if size is None else size_words(size),
            key=1e18 if size is None else size,
            class_="number",
        ),
        cell(
            "Heard of",
            "never" if silent is None else f"{span_words(silent)} ago",
            key=1e12 if silent is None else silent,
            class_="time",
        ),
    )


def jobs_section(overviews: t.Sequence[Plain]) -> Markup:
    """What became of scheduled jobs."""
    jobs = [(one["host"], job) for one in overviews for job in one["jobs"]]
    if not jobs:
        return Markup("")
    headings = ["State", "Job", "Does", "Host", "Last run", "Outcome", "Duration", "Last success", "Next", "Failures"]
    body = [
        _job_line(host, job)
        for host, job in sorted(jobs, key=lambda one: (one[1]["state"] == "ok", one[0], one[1]["name"]))
    ]
    return table(headings, body, numbers=("Duration", "Failures"), caption="Scheduled jobs")


def _job_line(host: str, job: Plain) -> Markup:
    run = job["last_run"]
    error = (run["error"] or {}).get("message", "") if run else ""
    return element(
        "tr",
        cell("State", badge(job["state"]), key=0 if job["state"] == "critical" else 1),
        row_name("Job", job["name"]),
        cell("Does", job["job"]),
        cell("Host", host, class_="name"),
        cell("Last run", moment_words(run["started_at"]) if run else "never", class_="time"),
        cell(
            "Outcome",
            run["outcome"] if run else "",
            element("div", error, class_="dim small") if error else None,
            class_="name",
        ),
        cell(
            "Duration",
            duration_words(run["duration"]) if run else "",
            key=run["duration"] if run else -1,
            class_="number",
        ),
        cell("Last success", moment_words(job["last_success_at"]), class_="time"),
        cell("Next", moment_words(job["next_due_at"]) if job["next_due_at"] else "", class_="time"),
        cell("Failures", f"{job['failures']} of {job['runs']}", key=job["failures"], class_="number"),
    )


def repositories_section(overviews: t.Sequence[Plain]) -> Markup:
    """Where all of this was read."""
    body = []
    for one in overviews:
        for repository in one["repositories"]:
            inside = [each for each in one["databases"] if each["repository"] == repository["location"]]
            size = sum(each["total_size"] for each in inside)
            count = sum(each["count"] for each in inside)
            body.append(
                element(
                    "tr",
                    cell("State", badge(repository["state"]), key=0 if repository["error"] else 1),
                    row_name("Repository", repository["location"]),
                    cell("Host", one["host"], class_="name"),
                    cell("Databases", str(len(inside)), key=len(inside), class_="number"),
                    cell("Backups", str(count), key=count, class_="number"),
                    cell("Size", size_words(size), key=size, class_="number"),
                    cell("As of", moment_words(one["generated_at"]), class_="time"),
                )
            )
    if not body:
        return Markup("")
    headings = ["State", "Repository", "Host", "Databases", "Backups", "Size", "As of"]
    return table(headings, body, numbers=("Databases", "Backups", "Size"), caption="Repositories")
