# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a backup of MySQL and MariaDB has, with mysqldump's names where it has them."""

from __future__ import annotations

from ..mysql.choices import GTID_PURGED
from .option import MYSQL, TRANSFER, Option

_KINDS = tuple(
    Option(name, text, flags, TRANSFER, (MYSQL,), type="bool")
    for name, flags, text in (
        ("skip_triggers", ("--skip-triggers",), "without triggers"),
        ("skip_routines", ("--skip-routines",), "without procedures, functions, packages and libraries"),
        ("skip_events", ("--skip-events",), "without events"),
        ("ignore_views", ("--ignore-views",), "without views"),
    )
)
_SWITCHES = tuple(
    Option(name, text, flags, ("backup",), (MYSQL,), type="bool")
    for name, flags, text in (
        ("dump_history", ("--dump-history",), "the old rows of system-versioned tables too"),
        (
            "lock_tables",
            ("--lock-tables",),
            "lock tables that no snapshot covers (MyISAM and others) while they are read",
        ),
        ("insert_ignore", ("--insert-ignore",), "write INSERT IGNORE statements"),
        ("replace", ("--replace",), "write REPLACE statements"),
        ("complete_insert", ("--complete-insert",), "name the columns in every INSERT"),
        ("skip_extended_insert", ("--skip-extended-insert",), "one row in a statement"),
        ("order_by_primary", ("--order-by-primary",), "the rows of each table in the order of its primary key"),
        ("skip_add_drop_table", ("--skip-add-drop-table",), "no DROP TABLE before a CREATE TABLE"),
        ("skip_add_locks", ("--skip-add-locks",), "no LOCK TABLES around the rows of a table"),
        ("skip_disable_keys", ("--skip-disable-keys",), "no DISABLE KEYS before the rows of a table"),
        ("no_autocommit", ("--no-autocommit",), "the rows of each table in one transaction"),
    )
)
_POSITION_FORMS = ("0", "1", "2")

_SERVER = (
    Option(
        "databases",
        "these databases in one snapshot, as one set, or with --dest as one script or folder",
        ("--databases",),
        ("backup",),
        (MYSQL,),
        type="list",
        metavar="DB",
    ),
    Option(
        "system",
        "what of the server beside its databases (the default: users)",
        ("--system",),
        ("backup",),
        (MYSQL,),
        type="list",
        metavar="PART",
    ),
    Option("no_system", "databases alone, no accounts", ("--no-system",), ("backup",), (MYSQL,), type="bool"),
    Option(
        "include_user",
        "only the accounts that match this pattern",
        ("--include-user",),
        ("backup",),
        (MYSQL,),
        type="list",
        metavar="PATTERN",
    ),
    Option(
        "exclude_user",
        "without the accounts that match this pattern",
        ("--exclude-user",),
        ("backup",),
        (MYSQL,),
        type="list",
        metavar="PATTERN",
    ),
)

MYSQL_BACKUP: tuple[Option, ...] = (
    *_SERVER,
    Option(
        "where",
        "only the rows that meet this condition",
        ("--where",),
        ("backup",),
        (MYSQL,),
        metavar="CONDITION",
    ),
    Option(
        "ignore_table_data",
        "of the tables that match this pattern the definitions only",
        ("--ignore-table-data",),
        TRANSFER,
        (MYSQL,),
        type="list",
        metavar="PATTERN",
    ),
    *_KINDS,
    *_SWITCHES,
    Option(
        "net_buffer_length",
        "how many bytes of rows an INSERT holds at most",
        ("--net-buffer-length",),
        ("backup",),
        (MYSQL,),
        type="int",
        metavar="N",
    ),
    Option(
        "source_data",
        "the binlog's position: 0 not in the script, 1 as a statement, 2 in a comment",
        ("--source-data", "--master-data"),
        ("backup",),
        (MYSQL,),
        choices={MYSQL: _POSITION_FORMS},
        aliases=("master_data",),
    ),
    Option(
        "dump_replica",
        "the position of this replica in its source's binlog, likewise",
        ("--dump-replica", "--dump-slave"),
        ("backup",),
        (MYSQL,),
        choices={MYSQL: _POSITION_FORMS},
        aliases=("dump_slave",),
    ),
    Option(
        "set_gtid_purged",
        "the GTIDs of the snapshot as a statement (on), a comment or not at all",
        ("--set-gtid-purged",),
        ("backup",),
        (MYSQL,),
        choices={MYSQL: GTID_PURGED},
    ),
)
