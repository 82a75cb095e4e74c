# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to restore into a MySQL or MariaDB server, out of the options that were given."""

from __future__ import annotations

from ..mysql.load_options import ERROR, STOP, LoadOptions
from ..mysql.options import RestoreOptions
from .connection import database_name, mysql_connection
from .given import Given


def mysql_restore(given: Given) -> RestoreOptions:
    """Where one database goes, and how.

    :raises UsageError: a value is not valid.
    """
    return RestoreOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
        load=LoadOptions(
            on_error=given.text("on_error") or STOP,
            duplicates=given.text("duplicates") or ERROR,
            show_data_in_errors=given.switch("show_data_in_errors"),
            skip_binlog=given.switch("skip_binlog"),
        ),
    )
