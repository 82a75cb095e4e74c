# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Making the report: looking at repositories, adding what other hosts saw of theirs, and writing the page."""

from __future__ import annotations

import os
import typing as t

from ..errors import UsageError
from ..lazy_dataclass import dataclass
from ..overview import VERSION, OverviewRequest, Plain, overview, worst
from ..streams.replaced_file import replace_file
from .page import page

_TITLE = "Database backups"


@dataclass(frozen=True)
class ReportRequest:
    """What to report on.

    :param overviews: of other hosts, see :func:`.overview.overview`.
    :param output: the file to write; empty for none.
    :param check: only look, write nothing.
    """

    of: OverviewRequest
    overviews: tuple[Plain, ...] = ()
    output: str = ""
    title: str = ""
    check: bool = False


@dataclass(frozen=True)
class ReportResult:
    """What was found, and where the page is.

    :param found: what was seen on this host, ``None`` where nothing was to be looked at.
    :param databases: how many stand in which state.
    """

    changed: bool
    found: Plain | None
    output: str
    state: str
    databases: t.Mapping[str, int]

    def to_dict(self) -> Plain:
        return {
            "changed": self.changed,
            "overview": self.found,
            "output": self.output,
            "state": self.state,
            "databases": dict(self.databases),
        }


def make_report(request: ReportRequest) -> ReportResult:
    """Look at the repositories and write the page.

    :raises UsageError: there is nothing to report on, or something given is no overview of this version.
    :raises StorageError: the page could not be written; the old one is still there.
    :raises CorruptArtifactError: the status of a job is damaged.
    """
    if not (request.of.repositories or request.of.status_folder or request.overviews):
        raise UsageError("there is nothing to report on", hint="name a repository")
    looks = request.of.repositories or request.of.status_folder
    found = overview(request.of) if looks else None
    every = [*request.overviews, *([found] if found is not None else [])]
    text = _page(every, request.title or _TITLE)
    output = os.path.abspath(request.output) if request.output else ""
    if output and not request.check:
        replace_file(output, text.encode("utf-8"))
    databases = [database["state"] for one in every for database in one["databases"]]
    return ReportResult(
        changed=bool(output),
        found=found,
        output=output,
        state=worst(one["state"] for one in every),
        databases={state: databases.count(state) for state in ("ok", "warning", "critical")},
    )


def _page(overviews: t.Sequence[Plain], title: str) -> str:
    for one in overviews:
        if one.get("version") != VERSION:
            raise UsageError(
                "something given is no overview of this version", hint="use the same version of dbfleet on all hosts"
            )
    try:
        return page(overviews, title=title)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"something given is no overview: {type(error).__name__} {error}") from error
