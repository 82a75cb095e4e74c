# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a look at how backups stand, out of the options that were given."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from ..overview import Objective, OverviewRequest
from .access import access_of
from .given import Given, seconds_of


def overview_request(given: Given) -> OverviewRequest:
    """What to look at, and what is expected of it.

    :raises UsageError: an objective is none.
    """
    return OverviewRequest(
        repositories=given.texts("repositories"),
        access=access_of(given),
        status_folder=given.text("status_folder"),
        objective=given.duration("objective") or 0.0,
        objectives=tuple(_objectives(given)),
    )


def _objectives(given: Given) -> t.Iterator[Objective]:
    for text in given.texts("objectives"):
        pattern, separator, time = text.rpartition("=")
        if not separator or not pattern:
            raise UsageError(
                f"{given.spelled('objectives')} {text!r} is not a pattern and a time",
                hint="write cluster/database=time, for example production/shop=6h or */scratch*=0",
            )
        yield Objective(pattern, seconds_of(time, given.spelled("objectives")))
