# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The credentials of repositories in object storage; the command takes them from where Amazon's own tools do."""

from __future__ import annotations

from .option import BINLOG_JOBS, EVERY, METRICS, REPORT, WAL_JOBS, Option

_JOBS = (*EVERY, *BINLOG_JOBS, *WAL_JOBS, REPORT, METRICS)

STORAGE = (
    Option("s3_access_key", "the access key of a repository in object storage", jobs=_JOBS, secret=True),
    Option("s3_secret_key", "the secret key that belongs to it", jobs=_JOBS, secret=True),
    Option("s3_session_token", "the session token of credentials that end", jobs=_JOBS, secret=True),
)
