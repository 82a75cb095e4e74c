# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What ``dbfleet job`` did and found, for a person."""

from __future__ import annotations

import typing as t

from ..jobs.health import OK, Health
from ..jobs.outcome import numbers_of
from ..jobs.runner import Ended
from .text import duration_text, printable, table_text


def ended_text(name: str, job: str, ended: Ended, *, check: bool) -> str:
    """How a run ended."""
    if ended.skipped:
        return f"{'would skip' if check else 'skipped'} job {printable(name)}: {printable(ended.skipped)}\n"
    numbers = ", ".join(f"{key} {printable(str(value))}" for key, value in numbers_of(job, ended.data).items())
    return f"job {printable(name)} {'would succeed' if check else 'succeeded'}: {numbers}\n"


def health_text(found: t.Sequence[Health]) -> str:
    """A table of all jobs, and what is wrong with those that are not well."""
    if not found:
        return "there are no jobs\n"
    rows = [
        (
            one.name,
            one.job,
            one.state,
            "yes" if one.running else "",
            one.last_success_at,
            duration_text(one.objective) if one.objective else "",
        )
        for one in found
    ]
    table = table_text(("NAME", "JOB", "STATE", "RUNS", "LAST SUCCESS", "WITHIN"), rows)
    return table + "".join(f"{printable(one.name)}: {printable(one.words)}\n" for one in found if one.state != OK)
