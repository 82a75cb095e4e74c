# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that choose what is backed up or restored: whole databases, and what both systems know of a database."""

from __future__ import annotations

from .option import MYSQL, TRANSFER, Option

SELECTION = (
    Option(
        "all_databases",
        "every database of the server and what belongs to none, as one set",
        ("--all-databases",),
        type="bool",
    ),
    Option(
        "tables",
        "only the tables that match this pattern",
        ("--table",),
        ("backup",),
        type="list",
        metavar="PATTERN",
        more_flags={MYSQL: ("--tables",)},
    ),
    Option(
        "exclude_tables",
        "without the tables that match this pattern",
        ("--exclude-table",),
        ("backup",),
        type="list",
        metavar="PATTERN",
        more_flags={MYSQL: ("--ignore-table",)},
    ),
    Option(
        "schema_only",
        "the definitions without the data",
        ("--schema-only",),
        TRANSFER,
        type="bool",
        more_flags={MYSQL: ("--no-data",)},
    ),
    Option(
        "data_only",
        "the data alone",
        ("--data-only",),
        TRANSFER,
        type="bool",
        more_flags={MYSQL: ("--no-create-info",)},
    ),
    Option(
        "tables",
        "only this table, view or sequence, with its data",
        ("--table",),
        ("restore",),
        type="list",
        metavar="NAME",
        more_flags={MYSQL: ("--tables",)},
    ),
)
