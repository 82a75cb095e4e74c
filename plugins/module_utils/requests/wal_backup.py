# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for a physical backup of PostgreSQL, out of the options that were given."""

from __future__ import annotations

from ..backup import BackupRequest, Destination
from ..physical_backup import PhysicalBackupRequest
from ..postgresql.replication.options import PhysicalBackupOptions
from .access import access_of, encryption_of
from .connection import postgresql_connection
from .given import Given
from .given_compression import compression_of
from .required import required


def wal_backup_request(given: Given, *, check: bool) -> PhysicalBackupRequest:
    """Which server to back up, how and where to, and whether to do it at all.

    :param given: of the job ``wal_backup``.
    :param check: only find out what would be done.
    :raises UsageError: a value is missing or not valid.
    """
    rate = given.number("max_rate")
    timeout = given.duration("receive_timeout")
    options = PhysicalBackupOptions(
        connection=postgresql_connection(given),
        checkpoint=given.text("checkpoint") or "spread",
        label=given.text("label") or PhysicalBackupOptions.label,
        compression=compression_of(given),
        server_compression=given.switch("server_compression"),
        max_rate=rate or 0,
        checksum_errors=given.text("checksum_errors") or "fail",
        use_slot=not given.switch("no_slot"),
        timeout=PhysicalBackupOptions.timeout if timeout is None else timeout,
    )
    destination = Destination(
        repository=required(given, "repository"),
        cluster=given.text("cluster"),
        copy_to=given.text("copy_to"),
        encryption=encryption_of(given),
        sign_key=given.text("sign_key"),
        access=access_of(given),
    )
    return PhysicalBackupRequest(
        BackupRequest(options=options, destination=destination, max_age=given.duration("max_age"), check=check),
        incremental=given.text("incremental"),
    )
