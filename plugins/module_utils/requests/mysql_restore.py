# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to restore into a MySQL or MariaDB server, out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..mysql.load_options import AUTO, ERROR, STOP, VERIFY_NONE, LoadOptions
from ..mysql.options import RestoreOptions, Selection
from .connection import database_name, mysql_connection
from .given import Given
from .mysql_restore_changes import restore_changes
from .state_folder import state_folder


def mysql_restore(given: Given) -> RestoreOptions:
    """Where one database goes, and how.

    :raises UsageError: a value is not valid.
    """
    folder = state_folder(given)
    load = LoadOptions(
        on_error=given.text("on_error") or STOP,
        duplicates=given.text("duplicates") or ERROR,
        show_data_in_errors=given.switch("show_data_in_errors"),
        verify=given.text("verify") or VERIFY_NONE,
        resume=given.switch("resume"),
        state_folder=folder if given.switch("resume") else "",
        skip_binlog=given.switch("skip_binlog"),
        load_data=given.text("load_data") or AUTO,
    )
    if load.resume:
        for name, alone in (
            ("clean", not given.switch("clean")),
            ("force", not given.switch("force")),
            ("on_error", load.on_error == STOP),
            ("duplicates", load.duplicates == ERROR),
        ):
            if not alone:
                raise UsageError(
                    f"{given.spelled('resume')} does not go with {given.spelled(name)}",
                    hint="restore into an empty database, or let the restore create it",
                )
    return RestoreOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        create=given.switch("create"),
        clean=given.switch("clean"),
        force=given.switch("force"),
        jobs=given.count("jobs", least=1),
        selection=_selection(given),
        changes=restore_changes(given),
        # Of a repository it chooses the backup.
        source_database=given.text("source_database") if given.has("source") else "",
        load=load,
    )


def _selection(given: Given) -> Selection:
    given.at_most_one("schema_only", "data_only")
    return Selection(
        tables=given.texts("tables"),
        exclude_tables=given.texts("exclude_tables"),
        exclude_table_data=given.texts("ignore_table_data"),
        schema_only=given.switch("schema_only"),
        data_only=given.switch("data_only"),
        skip_triggers=given.switch("skip_triggers"),
        skip_routines=given.switch("skip_routines"),
        skip_events=given.switch("skip_events"),
        skip_views=given.switch("ignore_views"),
    )
