# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet metrics``: how backups stand, as a text file for the Prometheus node exporter."""

from __future__ import annotations

import typing as t

from ..metrics import MetricsRequest, write_metrics
from ..requests.overview import overview_request
from .overview_arguments import overview_arguments

SUMMARY = "write how backups stand as metrics for Prometheus"


def run_metrics(arguments: t.Sequence[str]) -> tuple[dict[str, t.Any] | str, bool]:
    """Do what stands behind ``dbfleet metrics``.

    :return: what is to be printed, as an object or as text, and whether it goes to standard output.
    """
    namespace, given = overview_arguments("metrics", SUMMARY, arguments)
    result = write_metrics(MetricsRequest(overview_request(given), output=given.text("output")))
    if namespace.json:
        return result.to_dict(), True
    if not result.output:
        return result.text, True
    count = len(result.overview["databases"])
    return "" if namespace.quiet else f"{result.output}: metrics of {count} databases\n", False
