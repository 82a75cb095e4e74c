# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What both engines cost, as the user reads it."""

from __future__ import annotations

import typing as t

from .text import printable, size_text, table_text

Data = t.Mapping[str, t.Any]

_HEADINGS = ("JOB", "ENGINE", "WALL", "FROM", "TO", "CPU", "MEMORY", "SIZE")


def benchmark_text(data: Data) -> str:
    """A line for each engine and job, and how they compare."""
    measurements = data["measurements"]
    rows = [
        (
            one["job"],
            one["engine"],
            *(f"{one['wall'][name]:.2f} s" for name in ("median", "least", "most")),
            f"{one['cpu']['median']:.2f} s",
            size_text(one["memory"]["most"]) if one["memory"]["most"] else "unknown",
            size_text(one["size"]),
        )
        for one in measurements
    ]
    lines = [f"database {printable(data['database'])}, {measurements[0]['runs']} runs each, medians\n"]
    lines.append(table_text(_HEADINGS, rows, right=_HEADINGS[2:]))
    for job in dict.fromkeys(one["job"] for one in measurements):
        native, tools = (one for one in measurements if one["job"] == job)
        wall, cpu = (_ratio(native[name]["median"], tools[name]["median"]) for name in ("wall", "cpu"))
        lines.append(f"{job}: native takes {wall} of the time and {cpu} of the CPU of {printable(tools['program'])}\n")
    return "".join(lines)


def _ratio(first: float, second: float) -> str:
    return f"{first / second:.2f}" if second else "an unknown part"
