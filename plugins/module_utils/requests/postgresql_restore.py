# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to restore into a PostgreSQL server, out of the options that were given."""

from __future__ import annotations

from ..postgresql.options import RestoreOptions
from ..postgresql.restore_selection import RestoreSelection
from ..postgresql.restore_session import SessionOptions
from .connection import database_name, postgresql_connection
from .given import Given
from .postgresql_restore_run import run_options
from .postgresql_restore_selection import check_triggers, restore_selection


def postgresql_restore(given: Given) -> RestoreOptions:
    """Where one database goes, and how.

    :raises UsageError: a value is not valid.
    """
    return RestoreOptions(
        connection=postgresql_connection(given),
        database=database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
        source_database="" if given.has("repository") else given.text("source_database"),
        create_roles=given.switch("create_roles"),
        run=run_options(given),
        selection=_selection(given),
        session=SessionOptions(
            role=given.text("role"),
            row_security=given.switch("enable_row_security"),
            disable_triggers=given.switch("disable_triggers"),
        ),
    )


def _selection(given: Given) -> RestoreSelection:
    selection = restore_selection(given)
    check_triggers(given, selection)
    return selection
