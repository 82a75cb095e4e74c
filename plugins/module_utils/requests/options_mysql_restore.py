# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a restore of MySQL and MariaDB has."""

from __future__ import annotations

from ..mysql.choices import DEFINERS
from ..mysql.load_options import DUPLICATES, LOAD_DATA
from .option import MYSQL, Option

MYSQL_RESTORE = (
    Option(
        "duplicates",
        "what becomes of rows whose keys are in the target already",
        ("--duplicates",),
        ("restore",),
        (MYSQL,),
        choices={MYSQL: DUPLICATES},
    ),
    Option(
        "load_data",
        "auto sends the rows of our own folders as files (LOAD DATA LOCAL) where the target takes them; never does not",
        ("--load-data",),
        ("restore",),
        (MYSQL,),
        choices={MYSQL: LOAD_DATA},
    ),
    Option(
        "skip_binlog",
        "do not write the restore into the target's binary log",
        ("--skip-binlog",),
        ("restore",),
        (MYSQL,),
        type="bool",
    ),
    Option(
        "exclude_tables",
        "without the tables that match this pattern",
        ("--exclude-table", "--ignore-table"),
        ("restore",),
        (MYSQL,),
        type="list",
        metavar="PATTERN",
    ),
    Option(
        "definer",
        "whom views and stored programs run as: keep, or current for the restoring user",
        ("--definer",),
        ("restore",),
        (MYSQL,),
        choices={MYSQL: DEFINERS},
    ),
    Option(
        "definer_map",
        "OLD=NEW: what runs as one account runs as another",
        ("--definer-map",),
        ("restore",),
        (MYSQL,),
        type="list",
        metavar="OLD=NEW",
    ),
    Option(
        "rewrite",
        "KIND:OLD=NEW: another collation, charset or engine, a word of sql_mode, or a name in a program",
        ("--rewrite",),
        ("restore",),
        (MYSQL,),
        type="list",
        metavar="KIND:OLD=NEW",
    ),
    Option(
        "gtid",
        "leave the target's GTID state, or set it to that of the backup",
        ("--gtid",),
        ("restore",),
        (MYSQL,),
        choices={MYSQL: ("leave", "set")},
    ),
)
