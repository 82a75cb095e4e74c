# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to back up of a PostgreSQL server, out of the options that were given."""

from __future__ import annotations

from ..postgresql.options import BackupOptions, DumpSettings, ScriptForm
from .connection import database_name, postgresql_connection
from .given import Given
from .given_compression import compression_of
from .postgresql_selection import postgresql_selection


def postgresql_backup(given: Given) -> BackupOptions:
    """One database, and in which form.

    :raises UsageError: a value is not valid.
    """
    given.at_most_one("snapshot", "serializable_deferrable")
    given.at_most_one("snapshot", "all_databases")
    return BackupOptions(
        connection=postgresql_connection(given),
        database=database_name(given),
        format=given.text("format") or "custom",
        compression=compression_of(given),
        archive_version=given.text("archive_version"),
        jobs=given.count("jobs", least=1),
        lock_wait_timeout=given.duration("lock_wait_timeout") or 0,
        inserts=given.switch("inserts"),
        column_inserts=given.switch("column_inserts"),
        rows_per_insert=given.count("rows_per_insert", least=1) if given.has("rows_per_insert") else 0,
        on_conflict_do_nothing=given.switch("on_conflict_do_nothing"),
        clean=given.switch("clean"),
        if_exists=given.switch("if_exists"),
        create=given.switch("create"),
        restrict=not given.switch("no_restrict"),
        restrict_key=given.text("restrict_key"),
        snapshot=given.text("snapshot"),
        serializable_deferrable=given.switch("serializable_deferrable"),
        selection=postgresql_selection(given),
        settings=_settings(given),
        script=ScriptForm(
            owners=not given.switch("no_owner"),
            session_authorization=given.switch("use_set_session_authorization"),
            tablespaces=not given.switch("no_tablespaces"),
            access_methods=not given.switch("no_table_access_method"),
            disable_triggers=given.switch("disable_triggers"),
        ),
    )


def _settings(given: Given) -> DumpSettings:
    digits = given.number("extra_float_digits")
    return DumpSettings(
        role=given.text("role"),
        encoding=given.text("encoding"),
        row_security=given.switch("enable_row_security"),
        extra_float_digits=DumpSettings.extra_float_digits if digits is None else digits,
        quote_all_identifiers=given.switch("quote_all_identifiers"),
        dollar_quoting=not given.switch("disable_dollar_quoting"),
        load_via_partition_root=given.switch("load_via_partition_root"),
    )
