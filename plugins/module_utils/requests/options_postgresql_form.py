# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options for how a backup of PostgreSQL is read and worded, with pg_dump's names."""

from __future__ import annotations

from .option import POSTGRESQL, Option

_BACKUP = ("backup",)
_SYSTEM = (POSTGRESQL,)

POSTGRESQL_FORM = (
    *(
        Option(name, text, (flag,), _BACKUP, _SYSTEM, type="bool")
        for name, flag, text in (
            ("no_owner", "--no-owner", "plain: say of nothing whose it is"),
            (
                "use_set_session_authorization",
                "--use-set-session-authorization",
                "plain: make objects as their owners instead of giving them away",
            ),
            ("no_tablespaces", "--no-tablespaces", "plain: everything in the default tablespace"),
            (
                "no_table_access_method",
                "--no-table-access-method",
                "plain: every table with the default access method",
            ),
            ("disable_triggers", "--disable-triggers", "plain, with data_only: load rows with triggers switched off"),
            ("disable_dollar_quoting", "--disable-dollar-quoting", "write functions' bodies between single quotes"),
            ("quote_all_identifiers", "--quote-all-identifiers", "put every name in double quotes"),
            (
                "load_via_partition_root",
                "--load-via-partition-root",
                "load the rows of partitions through the partitioned table",
            ),
            (
                "enable_row_security",
                "--enable-row-security",
                "take the rows that the user may see where policies hide others",
            ),
        )
    ),
    Option("role", "become this role after connecting", ("--role",), _BACKUP, _SYSTEM, metavar="ROLE"),
    Option(
        "encoding",
        "the encoding of the backup's text, instead of the database's",
        ("--encoding",),
        _BACKUP,
        _SYSTEM,
        metavar="ENCODING",
    ),
    Option(
        "extra_float_digits",
        "the server's setting of this name while it is read, 3 by default",
        ("--extra-float-digits",),
        _BACKUP,
        _SYSTEM,
        type="int",
        metavar="N",
    ),
)
