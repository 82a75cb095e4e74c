# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a backup of PostgreSQL has."""

from __future__ import annotations

from ..postgresql.archive.header import ARCHIVE_VERSIONS
from .option import POSTGRESQL, Option

_SCRIPT = tuple(
    Option(name, text, (flag,), ("backup",), (POSTGRESQL,), type="bool")
    for name, flag, text in (
        ("inserts", "--inserts", "store rows as INSERT statements, which other databases understand"),
        ("column_inserts", "--column-inserts", "the same with the columns' names"),
        ("on_conflict_do_nothing", "--on-conflict-do-nothing", "with ON CONFLICT DO NOTHING in them"),
        ("clean", "--clean", "plain: drop what the script makes first"),
        ("if_exists", "--if-exists", "plain: with clean, drop only what exists"),
        ("create", "--create", "plain: make the database too"),
        ("no_restrict", "--no-restrict", "plain: leave out what psql before 14.19, 15.14, 16.10 and 17.6 refuses"),
    )
)

_FORM = (
    Option(
        "archive_version",
        "the archive's version, for pg_restore of an older or newer series",
        ("--archive-version",),
        ("backup",),
        (POSTGRESQL,),
        choices={POSTGRESQL: ARCHIVE_VERSIONS},
    ),
    *_SCRIPT,
    Option(
        "rows_per_insert",
        "the most rows of an INSERT statement",
        ("--rows-per-insert",),
        ("backup",),
        (POSTGRESQL,),
        type="int",
        metavar="N",
    ),
    Option(
        "restrict_key",
        "plain: the key around the script, to get the same script again",
        ("--restrict-key",),
        ("backup",),
        (POSTGRESQL,),
        metavar="KEY",
    ),
)

POSTGRESQL_BACKUP = (
    Option(
        "exclude_database",
        "leave out the databases that match this pattern",
        ("--exclude-database",),
        ("backup",),
        type="list",
        metavar="PATTERN",
    ),
    Option(
        "no_role_passwords",
        "leave the roles' passwords out, which need SELECT on pg_authid",
        ("--no-role-passwords",),
        ("backup",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "lock_wait_timeout",
        "how long to wait for the tables' locks, for example 30s",
        ("--lock-wait-timeout",),
        ("backup",),
        (POSTGRESQL,),
        metavar="TIME",
    ),
    *_FORM,
)
