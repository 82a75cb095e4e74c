# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the report has to say of each database, gathered from the overviews of many hosts, the worst first."""

from __future__ import annotations

import typing as t

from ..job_status import FAILURE
from ..lazy_dataclass import dataclass
from ..overview import STATES, Plain, name_of


@dataclass(frozen=True)
class Row:
    """One database of one host.

    :param plain: as :func:`.overview.overview` has it.
    :param failed_runs: when jobs that are about it failed, ISO 8601.
    """

    host: str
    plain: Plain
    failed_runs: tuple[str, ...]

    @property
    def name(self) -> str:
        return name_of(self.plain)

    @property
    def where(self) -> str:
        """The whole name, by which it can be told from all others."""
        return f"{self.plain['cluster']} / {self.name}"

    @property
    def search(self) -> str:
        """What a search looks through."""
        plain = self.plain
        words = (self.host, self.where, plain["dbms"], plain["server_version"], plain["repository"], plain["state"])
        return " ".join(words).lower()


@dataclass(frozen=True)
class Problem:
    """What somebody has to look at."""

    state: str
    where: str
    texts: tuple[str, ...]


def rows_of(overviews: t.Iterable[Plain]) -> list[Row]:
    """All databases, the worst first and in the order of their names."""
    rows = [
        Row(one["host"], database, tuple(_failed_runs(one["jobs"], database)))
        for one in overviews
        for database in one["databases"]
    ]
    return sorted(rows, key=lambda row: (-STATES.index(row.plain["state"]), row.where.lower(), row.host))


def _failed_runs(jobs: t.Sequence[Plain], database: Plain) -> t.Iterator[str]:
    for job in jobs:
        # A job of a whole server says no database, and its failure is one of each.
        if job["cluster"] == database["cluster"] and job["database"] in ("", database["database"]):
            yield from (run["started_at"] for run in job["history"] if run["outcome"] == FAILURE)


def problems_of(overviews: t.Sequence[Plain], rows: t.Sequence[Row]) -> list[Problem]:
    """Everything that is not as it should be, the worst first."""
    found = [Problem(row.plain["state"], row.where, tuple(row.plain["problems"])) for row in rows]
    for one in overviews:
        host = one["host"]
        found += [
            Problem(repository["state"], f"{host}: {repository['location']}", (repository["error"],))
            for repository in one["repositories"]
        ]
        found += [
            Problem("critical", f"{host}: {damaged['path'] or damaged['repository']}", (damaged["error"],))
            for damaged in one["damaged"]
        ]
        found += [
            Problem(archive["state"], f"{archive['cluster']}: archive of {archive['kind']}", ("its status is damaged",))
            for archive in one["archives"]
        ]
        found += [Problem(job["state"], f"{host}: job {job['name']}", tuple(job["problems"])) for job in one["jobs"]]
    return sorted(
        (one for one in found if one.state != "ok"), key=lambda one: (-STATES.index(one.state), one.where.lower())
    )
