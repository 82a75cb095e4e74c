# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that choose what is backed up or restored: whole databases, and what both systems know of a database."""

from __future__ import annotations

from .option import POSTGRESQL, Option

SELECTION = (
    Option(
        "all_databases",
        "every database of the server and what belongs to none, as one set",
        ("--all-databases",),
        worlds=(POSTGRESQL,),
        type="bool",
    ),
)
