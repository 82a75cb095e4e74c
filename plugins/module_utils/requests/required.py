# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Options without which there is nothing to do."""

from __future__ import annotations

from ..errors import UsageError
from .given import Given


def required(given: Given, name: str) -> str:
    """An option that the job cannot do without.

    :raises UsageError: it was not given.
    """
    if not given.has(name):
        raise UsageError(f"{given.spelled(name)} is missing")
    return given.text(name)
