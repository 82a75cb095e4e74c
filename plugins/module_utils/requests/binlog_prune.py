# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for removing archived binlogs out of the options that were given."""

from __future__ import annotations

from ..binlog_prune import PruneBinlogsRequest
from .access import access_of
from .given import Given


def prune_binlogs_request(given: Given, *, check: bool) -> PruneBinlogsRequest:
    """Which archived binlogs to judge.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.exactly_one("repository")
    return PruneBinlogsRequest(
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        keep_before=given.duration("keep_before"),
        check=check,
        access=access_of(given),
    )
