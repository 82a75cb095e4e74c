# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a look into a repository or at one backup, out of the options that were given."""

from __future__ import annotations

from ..info import InfoRequest
from .access import access_of
from .given import Given


def info_request(given: Given) -> InfoRequest:
    """Where to look, and at what.

    :raises UsageError: the options contradict each other.
    """
    place = given.exactly_one("repository", "source")
    location = given.text(place)
    return InfoRequest(
        # A module's standard input is not the user's.
        location="./-" if (place, location) == ("source", "-") else location,
        cluster=given.text("cluster"),
        database=given.text("database"),
        backup=given.text("backup"),
        contents=given.switch("contents"),
        access=access_of(given),
    )
