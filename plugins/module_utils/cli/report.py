# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet report``: one page of how the backups of many databases stand."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from ..report.written import ReportRequest, make_report
from ..requests.overview import overview_request
from .overview_arguments import overview_arguments
from .text import printable

SUMMARY = "write one HTML page of how the backups of many databases stand"


def run_report(arguments: t.Sequence[str]) -> tuple[dict[str, t.Any] | str, bool]:
    """Do what stands behind ``dbfleet report``.

    :return: what is to be printed, as an object or as text, and whether it goes to standard output.
    :raises UsageError: there is no file to write the page to.
    """
    namespace, given = overview_arguments("report", SUMMARY, arguments)
    output = given.text("output")
    if not output and not namespace.json:
        raise UsageError("the page needs a file", hint="name it: --output report.html; or ask for --json alone")
    request = ReportRequest(overview_request(given), output=output, title=given.text("title"))
    result = make_report(request)
    if namespace.json:
        return result.to_dict(), True
    states = ", ".join(f"{count} {state}" for state, count in result.databases.items())
    return "" if namespace.quiet else f"{printable(result.output)}: {result.state} ({states})\n", False
