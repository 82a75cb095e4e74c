# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The requests for checking and pruning archived WAL, out of the options that were given."""

from __future__ import annotations

from ..wal_check import CheckWalRequest
from ..wal_prune import PruneWalRequest
from .access import access_of
from .given import Given
from .required import required


def check_wal_request(given: Given) -> CheckWalRequest:
    """Which archives to look at.

    :raises UsageError: a value is missing or not valid.
    """
    return CheckWalRequest(
        repository=required(given, "repository"),
        cluster=given.text("cluster"),
        read=given.switch("read"),
        access=access_of(given),
    )


def prune_wal_request(given: Given, *, check: bool = False) -> PruneWalRequest:
    """Which archives to prune.

    :raises UsageError: a value is missing or not valid.
    """
    return PruneWalRequest(
        repository=required(given, "repository"), cluster=given.text("cluster"), check=check, access=access_of(given)
    )
