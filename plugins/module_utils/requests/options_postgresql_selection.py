# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that choose what a backup of PostgreSQL takes, and a restore where that is the same; the names and rules
are those of pg_dump and pg_restore."""

from __future__ import annotations

from ..postgresql.selection.options import SECTIONS
from .option import POSTGRESQL, TRANSFER, Option

_BACKUP = ("backup",)
_SYSTEM = (POSTGRESQL,)

_PATTERNS = tuple(
    Option(name, text, (flag,), _BACKUP, _SYSTEM, type="list", metavar="PATTERN")
    for name, flag, text in (
        ("schemas", "--schema", "only the schemas that match this pattern, and what is in them"),
        ("exclude_schemas", "--exclude-schema", "without the schemas that match this pattern"),
        ("tables_and_children", "--table-and-children", "as --table, with all partitions and inheriting tables"),
        (
            "exclude_tables_and_children",
            "--exclude-table-and-children",
            "as --exclude-table, with all partitions and inheriting tables",
        ),
        ("exclude_table_data", "--exclude-table-data", "the tables that match this pattern without their rows"),
        (
            "exclude_table_data_and_children",
            "--exclude-table-data-and-children",
            "as --exclude-table-data, with all partitions and inheriting tables",
        ),
        ("extensions", "--extension", "only the extensions that match this pattern"),
        ("exclude_extensions", "--exclude-extension", "without the extensions that match this pattern"),
        (
            "include_foreign_data",
            "--include-foreign-data",
            "with the rows of the foreign tables of the servers that match this pattern",
        ),
    )
)

_SWITCHES = tuple(
    Option(name, text, flags, jobs, _SYSTEM, type="bool")
    for jobs, name, flags, text in (
        (TRANSFER, "strict_names", ("--strict-names",), "everything that is named must be there"),
        (TRANSFER, "no_schema", ("--no-schema",), "no definitions"),
        (TRANSFER, "no_data", ("--no-data",), "no data"),
        (
            _BACKUP,
            "large_objects",
            ("--large-objects", "--blobs"),
            "with large objects, also where schemas or tables are named",
        ),
        (_BACKUP, "no_large_objects", ("--no-large-objects", "--no-blobs"), "without large objects"),
        (TRANSFER, "no_comments", ("--no-comments",), "without comments"),
        (TRANSFER, "no_policies", ("--no-policies",), "without row security policies"),
        (TRANSFER, "no_privileges", ("--no-privileges", "--no-acl"), "without privileges"),
        (TRANSFER, "no_publications", ("--no-publications",), "without publications"),
        (TRANSFER, "no_security_labels", ("--no-security-labels",), "without security labels"),
        (TRANSFER, "no_subscriptions", ("--no-subscriptions",), "without subscriptions"),
        (_BACKUP, "no_toast_compression", ("--no-toast-compression",), "without how columns are compressed"),
        (_BACKUP, "no_unlogged_table_data", ("--no-unlogged-table-data",), "without the rows of unlogged tables"),
    )
)

POSTGRESQL_SELECTION = (
    *_PATTERNS,
    Option("filters", "rules, as the lines of a filter file", (), TRANSFER, _SYSTEM, type="list"),
    Option(
        "filter_files",
        "a file with a rule on each line: include or exclude, a kind, a pattern",
        ("--filter",),
        TRANSFER,
        _SYSTEM,
        type="list",
        metavar="FILE",
    ),
    Option(
        "sections",
        f"only this section: {', '.join(SECTIONS)}",
        ("--section",),
        TRANSFER,
        _SYSTEM,
        type="list",
        metavar="SECTION",
    ),
    *_SWITCHES,
)
