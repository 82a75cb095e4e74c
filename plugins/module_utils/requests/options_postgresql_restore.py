# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a restore of PostgreSQL has."""

from __future__ import annotations

from .option import POSTGRESQL, Option

_RESTORE = ("restore",)
_SYSTEM = (POSTGRESQL,)

_NAMES = tuple(
    Option(name, text, flags, _RESTORE, _SYSTEM, type="list", metavar=metavar)
    for name, flags, metavar, text in (
        ("schemas", ("--schema",), "NAME", "only what is in this schema"),
        ("exclude_schemas", ("--exclude-schema",), "NAME", "without what is in this schema"),
        ("indexes", ("--index",), "NAME", "only this index"),
        ("functions", ("--function",), "NAME(ARGS)", "only this function, aggregate or procedure"),
        ("triggers", ("--trigger",), "NAME", "only this trigger, named after its table"),
    )
)

_PARTS = tuple(
    Option(name, text, flags, _RESTORE, _SYSTEM, type="bool")
    for name, flags, text in (
        ("statistics_only", ("--statistics-only",), "the optimizer's statistics alone"),
        ("no_statistics", ("--no-statistics",), "no optimizer's statistics"),
        ("no_owner", ("--no-owner",), "what is restored belongs to the restoring user"),
        ("no_tablespaces", ("--no-tablespaces",), "everything in the default tablespace"),
        ("no_table_access_method", ("--no-table-access-method",), "every table with the default access method"),
        ("create_roles", ("--create-roles",), "make the roles that the server lacks, out of the backup's set"),
        ("with_dependencies", ("--with-dependencies",), "also what the named objects depend on"),
    )
)

_SCRIPT = tuple(
    Option(name, text, flags, _RESTORE, _SYSTEM, type="bool")
    for name, flags, text in (
        ("if_exists", ("--if-exists",), "file: with clean, drop only what exists"),
        ("no_restrict", ("--no-restrict",), "file: leave out what psql before 14.19, 15.14, 16.10 and 17.6 refuses"),
        ("disable_triggers", ("--disable-triggers",), "data alone: without the tables' triggers"),
        ("enable_row_security", ("--enable-row-security",), "load rows as policies allow"),
        (
            "use_set_session_authorization",
            ("--use-set-session-authorization",),
            "make objects as their owners, instead of giving them away",
        ),
    )
)

POSTGRESQL_RESTORE = (
    *_NAMES,
    *_PARTS,
    Option(
        "use_list",
        "only the items of this list, in its order; dbfleet info makes such a list",
        ("--use-list",),
        _RESTORE,
        _SYSTEM,
        type="path",
        metavar="FILE",
    ),
    Option(
        "file",
        "write the script that would be run, instead of running it (- for standard output)",
        ("--file",),
        _RESTORE,
        _SYSTEM,
        type="path",
    ),
    *_SCRIPT,
    Option(
        "role_map",
        "OLD=NEW: what belongs or is granted to one role goes to another",
        ("--role-map",),
        _RESTORE,
        _SYSTEM,
        type="list",
        metavar="OLD=NEW",
    ),
    Option("role", "do everything as this role", ("--role",), _RESTORE, _SYSTEM, metavar="ROLE"),
    Option(
        "superuser",
        "who disables triggers",
        ("--superuser",),
        _RESTORE,
        _SYSTEM,
        metavar="ROLE",
    ),
    Option(
        "restrict_key",
        "file: the key around the script, to get the same script again",
        ("--restrict-key",),
        _RESTORE,
        _SYSTEM,
        metavar="KEY",
    ),
    Option(
        "globals_only",
        "restore accounts and what else belongs to no database, out of a set",
        ("--globals-only",),
        ("restore",),
        type="bool",
    ),
)
