# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for archiving binlogs out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..mysql.binlog.archive import ArchiveRequest
from .access import access_of, encryption_of
from .connection import mysql_connection
from .given import Given
from .given_compression import compression_of

_LARGEST_SERVER_ID = 0xFFFFFFFF


def archive_request(given: Given, *, check: bool = False) -> ArchiveRequest:
    """Where to archive from, and where to.

    :raises UsageError: a value is not valid.
    """
    server_id = given.number("replica_server_id") or 0
    if not 0 <= server_id <= _LARGEST_SERVER_ID:
        raise UsageError(f"{given.spelled('replica_server_id')} is {server_id}", hint="use 1 to 4294967295")
    given.exactly_one("archive_folder", "repository")
    for name in ("cluster", "compress", "encrypt_to", "new_chain"):
        given.only_with(name, "repository")
    given.only_with("semi_sync", "follow")
    return ArchiveRequest(
        connection=mysql_connection(given),
        folder=given.text("archive_folder"),
        repository=given.text("repository"),
        cluster=given.text("cluster"),
        compression=compression_of(given),
        follow=given.switch("follow"),
        semi_sync=given.switch("semi_sync"),
        new_chain=given.switch("new_chain"),
        server_id=server_id,
        check=check,
        encryption=encryption_of(given),
        access=access_of(given),
    )
