# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to back up of a MySQL or MariaDB server, out of the options that were given."""

from __future__ import annotations

from ..mysql.options import BackupOptions
from .connection import database_name, mysql_connection
from .given import Given
from .given_compression import compression_of


def mysql_backup(given: Given) -> BackupOptions:
    """One database, and in which form.

    :raises UsageError: a value is not valid.
    """
    return BackupOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        format=given.text("format") or "plain",
        compression=compression_of(given),
        jobs=given.count("jobs", least=1),
    )
