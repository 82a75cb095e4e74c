# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to back up of a MySQL or MariaDB server, out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..mysql.options import (
    COMMENT,
    LEFT_OUT,
    STATEMENT_SIZE,
    USERS,
    BackupOptions,
    ClusterBackupOptions,
    GlobalsOptions,
    PositionForm,
    ScriptForm,
    Selection,
)
from .connection import database_name, mysql_connection
from .given import Given
from .given_compression import compression_of

_LEAST_STATEMENT = 4096


def mysql_backup(given: Given) -> BackupOptions:
    """One database (or each of several), what of it, and in which form.

    :raises UsageError: a value is not valid, or options contradict each other.
    """
    return BackupOptions(
        connection=mysql_connection(given),
        database=database_name(given),
        format=given.text("format") or "plain",
        compression=compression_of(given),
        jobs=given.count("jobs", least=1),
        lock_tables=given.switch("lock_tables"),
        selection=_selection(given),
        form=_form(given),
        positions=_positions(given),
    )


def mysql_cluster_backup(given: Given, each: BackupOptions) -> ClusterBackupOptions:
    """Several databases, or all of a server, and what of the server beside them.

    :raises UsageError: options contradict each other.
    """
    parts = given.texts("system") or (USERS,)
    if given.switch("no_system"):
        given.at_most_one("no_system", "system")
        parts = ()
    for name in ("include_user", "exclude_user"):
        if given.has(name) and USERS not in parts:
            raise UsageError(f"{given.spelled(name)} means nothing where accounts are not backed up")
    return ClusterBackupOptions(
        each=each,
        databases=given.texts("databases"),
        exclude_databases=given.texts("exclude_database"),
        globals=GlobalsOptions(
            parts=parts, include_users=given.texts("include_user"), exclude_users=given.texts("exclude_user")
        ),
    )


def _selection(given: Given) -> Selection:
    given.at_most_one("schema_only", "data_only")
    given.at_most_one("schema_only", "where")
    given.at_most_one("schema_only", "dump_history")
    return Selection(
        tables=given.texts("tables"),
        exclude_tables=given.texts("exclude_tables"),
        exclude_table_data=given.texts("ignore_table_data"),
        where=given.text("where"),
        dump_history=given.switch("dump_history"),
        schema_only=given.switch("schema_only"),
        data_only=given.switch("data_only"),
        skip_triggers=given.switch("skip_triggers"),
        skip_routines=given.switch("skip_routines"),
        skip_events=given.switch("skip_events"),
        skip_views=given.switch("ignore_views"),
    )


def _form(given: Given) -> ScriptForm:
    given.at_most_one("insert_ignore", "replace")
    given.at_most_one("skip_extended_insert", "net_buffer_length")
    size = given.number("net_buffer_length")
    if size is not None and size < _LEAST_STATEMENT:
        raise UsageError(
            f"{given.spelled('net_buffer_length')} is {size}", hint=f"use {_LEAST_STATEMENT} or more, in bytes"
        )
    return ScriptForm(
        insert="INSERT IGNORE" if given.switch("insert_ignore") else "REPLACE" if given.switch("replace") else "INSERT",
        complete_insert=given.switch("complete_insert"),
        extended_insert=not given.switch("skip_extended_insert"),
        statement_size=size or STATEMENT_SIZE,
        order_by_primary=given.switch("order_by_primary"),
        add_drop_table=not given.switch("skip_add_drop_table"),
        add_locks=not given.switch("skip_add_locks"),
        disable_keys=not given.switch("skip_disable_keys"),
        autocommit=not given.switch("no_autocommit"),
    )


def _positions(given: Given) -> PositionForm:
    return PositionForm(
        source_data=int(given.text("source_data") or COMMENT),
        gtid_purged=given.text("set_gtid_purged") or "commented",
        dump_replica=int(given.text("dump_replica") or LEFT_OUT),
    )
