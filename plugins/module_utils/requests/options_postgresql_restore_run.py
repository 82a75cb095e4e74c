# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that say how a restore of PostgreSQL is run."""

from __future__ import annotations

from .option import POSTGRESQL, Option

POSTGRESQL_RESTORE_RUN = (
    Option(
        "replace",
        "with --create, replace a database of that name once the new one is complete",
        ("--replace",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "skip_existing",
        "leave objects that exist as they are, with their data",
        ("--skip-existing",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "no_data_for_failed_tables",
        "with --on-error continue, no data into tables that could not be made",
        ("--no-data-for-failed-tables",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "single_transaction",
        "everything in one transaction, or nothing",
        ("--single-transaction",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "transaction_size",
        "commit after this number of items",
        ("--transaction-size",),
        ("restore",),
        (POSTGRESQL,),
        type="int",
        metavar="N",
    ),
)
