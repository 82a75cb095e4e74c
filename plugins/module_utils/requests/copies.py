# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a copy, out of the options that were given."""

from __future__ import annotations

from ..copies import CopyRequest
from .access import access_of
from .given import Given


def copy_request(given: Given, *, check: bool) -> CopyRequest:
    """What to copy, and where to.

    :raises UsageError: an option is missing.
    """
    for name in ("repository", "copy_to"):
        given.exactly_one(name)
    return CopyRequest(
        location=given.text("repository"),
        copy_to=given.text("copy_to"),
        backup=given.text("backup"),
        cluster=given.text("cluster"),
        database=given.text("database"),
        check=check,
        access=access_of(given),
    )
