# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a restore of PostgreSQL has."""

from __future__ import annotations

from .option import POSTGRESQL, Option

POSTGRESQL_RESTORE = (
    Option(
        "globals_only",
        "restore roles, tablespaces and what else belongs to no database, out of a set",
        ("--globals-only",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
)
