# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of the report and of metrics: which repositories, and how old a newest backup may be."""

from __future__ import annotations

from .option import METRICS, REPORT, Option

_BOTH = (REPORT, METRICS)

OVERVIEW = (
    Option("repositories", "the repositories to look at", jobs=_BOTH, worlds=(), type="list"),
    Option(
        "objective",
        "how old the newest good backup of a database may be, for example 26h",
        ("--objective",),
        _BOTH,
        (),
        metavar="TIME",
    ),
    Option(
        "objectives",
        "the same for the databases whose CLUSTER/DATABASE fits a pattern, as PATTERN=TIME; the first that fits counts",
        ("--objective-of",),
        _BOTH,
        (),
        "list",
        metavar="PATTERN=TIME",
    ),
    Option(
        "status_folder",
        "the status files of this host's scheduled jobs",
        ("--status-folder",),
        _BOTH,
        (),
        "path",
        metavar="FOLDER",
    ),
    Option(
        "output",
        "the file to write",
        ("--output",),
        _BOTH,
        (),
        "path",
        metavar="FILE",
    ),
    Option("title", "the heading of the page", ("--title",), (REPORT,), (), metavar="TEXT"),
)
