# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Who does a job, out of the options that were given, and what the vendor's programs are told of the others."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from ..tools.engine import AUTO, NATIVE, Engine
from .given import Given
from .option import MYSQL, POSTGRESQL
from .options import options_of
from .options_connection import CONNECTION

_OF_PROGRAMS = ("tools_path", "scratch_folder")
# What is done around the programs, or looked at in the places where they are run.
_EVERYWHERE = frozenset(
    ("engine", *_OF_PROGRAMS, "database", "repository", "cluster", "dest", "copy_to", "encrypt_to", "sign_key",
     "verify_key", "identity", "identity_file", "max_age", "source", "backup", "source_database", "python_environment",
     "dbms", "s3_access_key", "s3_secret_key", "s3_session_token")
)  # fmt: skip
#: Options that the programs themselves know, under the flags that they have in common with our command.
_PASSED = {
    ("backup", POSTGRESQL): (
        "inserts", "column_inserts", "on_conflict_do_nothing", "rows_per_insert", "clean", "if_exists", "create",
        "restrict_key", "tables", "exclude_tables", "tables_and_children", "exclude_tables_and_children", "schemas",
        "exclude_schemas", "exclude_table_data", "exclude_table_data_and_children", "extensions",
        "exclude_extensions", "include_foreign_data", "filter_files", "sections", "strict_names", "schema_only",
        "data_only", "no_schema", "no_data", "large_objects", "no_large_objects", "no_comments", "no_policies",
        "no_privileges", "no_publications", "no_security_labels", "no_subscriptions", "no_toast_compression",
        "no_unlogged_table_data", "no_owner", "use_set_session_authorization", "no_tablespaces",
        "no_table_access_method", "disable_triggers", "disable_dollar_quoting", "quote_all_identifiers",
        "load_via_partition_root", "enable_row_security", "role", "encoding", "extra_float_digits", "snapshot",
        "serializable_deferrable", "statistics", "statistics_only", "no_statistics", "sequence_data",
    ),
    ("restore", POSTGRESQL): (
        "no_owner", "no_privileges", "no_tablespaces", "no_table_access_method", "no_comments", "no_publications",
        "no_security_labels", "no_subscriptions", "schema_only", "data_only", "disable_triggers", "superuser", "role",
        "enable_row_security", "use_set_session_authorization",
    ),
    ("backup", MYSQL): (
        "where", "insert_ignore", "replace", "complete_insert", "skip_extended_insert", "order_by_primary",
        "skip_add_drop_table", "skip_add_locks", "skip_disable_keys", "no_autocommit",
    ),
    ("restore", MYSQL): (),
}  # fmt: skip
#: Options that are heeded where the programs are run.
_HEEDED = {
    ("backup", POSTGRESQL): ("format", "compress", "jobs", "lock_wait_timeout"),
    ("restore", POSTGRESQL): ("create", "clean", "force", "jobs", "verify", "single_transaction"),
    ("backup", MYSQL): (
        "format", "compress", "lock_tables", "schema_only", "data_only", "skip_triggers", "skip_routines",
        "skip_events",
    ),
    ("restore", MYSQL): ("create", "force", "verify", "skip_binlog"),
}  # fmt: skip


def engine_of(given: Given) -> Engine:
    """The engine of a backup or a restore.

    :raises UsageError: the vendor's programs are chosen, and they cannot honour another option.
    """
    name = given.text("engine")
    if name == NATIVE:
        for option in _OF_PROGRAMS:
            if given.has(option):
                raise UsageError(
                    f"{given.spelled(option)} means something only to the vendor's programs",
                    hint=f"give {given.spelled('engine')} tools or auto",
                )
        return Engine()
    key = (given.job, given.world)
    connection = {option.name for option in CONNECTION}
    known = _EVERYWHERE | connection | set(_PASSED[key]) | set(_HEEDED[key])
    unhonoured = tuple(option for option in given.changed() if option not in known)
    if unhonoured and name != AUTO:
        named = ", ".join(given.spelled(option) for option in unhonoured)
        raise UsageError(
            f"the vendor's programs cannot honour {named}",
            hint=f"leave it out, or use {given.spelled('engine')} native",
            options=list(unhonoured),
        )
    return Engine(
        name,
        programs=given.text("tools_path"),
        scratch_folder=given.text("scratch_folder"),
        arguments=tuple(_arguments(given, _PASSED[key])),
        unhonoured=unhonoured,
    )


def one_database_only(given: Given) -> UsageError:
    """The error for an engine that was chosen where the native one alone can do the job."""
    return UsageError(
        f"{given.spelled('engine')} {given.text('engine')} is for one database at a time",
        hint=f"name the database, or leave {given.spelled('engine')} out",
    )


def _arguments(given: Given, names: t.Iterable[str]) -> t.Iterator[str]:
    """The options as the programs know them."""
    options = options_of(given.job, given.world)
    for name in names:
        if not given.has(name):
            continue
        flag = options[name].flags[0]
        if options[name].type == "bool":
            yield flag
        elif options[name].type == "list":
            yield from (f"{flag}={text}" for text in given.texts(name))
        else:
            yield f"{flag}={given.text(name)}"
