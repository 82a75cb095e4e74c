# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a restore of MySQL and MariaDB has."""

from __future__ import annotations

from ..mysql.load_options import DUPLICATES
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
        "skip_binlog",
        "do not write the restore into the target's binary log",
        ("--skip-binlog",),
        ("restore",),
        (MYSQL,),
        type="bool",
    ),
)
