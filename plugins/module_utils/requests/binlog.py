# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for archiving binlogs out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..mysql.binlog.archive import ArchiveRequest
from .connection import mysql_connection
from .given import Given

_LARGEST_SERVER_ID = 0xFFFFFFFF


def archive_request(given: Given) -> ArchiveRequest:
    """Where to archive from, and where to.

    :raises UsageError: a value is not valid.
    """
    server_id = given.number("replica_server_id") or 0
    if not 0 <= server_id <= _LARGEST_SERVER_ID:
        raise UsageError(f"{given.spelled('replica_server_id')} is {server_id}", hint="use 1 to 4294967295")
    return ArchiveRequest(
        connection=mysql_connection(given),
        folder=given.text("archive_folder"),
        follow=given.switch("follow"),
        server_id=server_id,
    )
