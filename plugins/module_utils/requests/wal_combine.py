# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a synthetic full backup, out of the options that were given."""

from __future__ import annotations

from ..physical_combine import CombineRequest
from .access import access_of, encryption_of
from .given import Given
from .given_compression import compression_of
from .required import required


def wal_combine_request(given: Given, *, check: bool) -> CombineRequest:
    """Which chain to put together, and how to store what comes of it.

    :param given: of the job ``wal_combine``.
    :raises UsageError: a value is missing or not valid.
    """
    return CombineRequest(
        repository=required(given, "repository"),
        cluster=given.text("cluster"),
        backup=given.text("backup") or "latest",
        compression=compression_of(given),
        encryption=encryption_of(given),
        sign_key=given.text("sign_key"),
        scratch_folder=given.text("scratch_folder"),
        check=check,
        access=access_of(given),
    )
