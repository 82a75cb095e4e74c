# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a PostgreSQL backup that choose its moment, and what goes with its rows."""

from __future__ import annotations

from .option import POSTGRESQL, Option

POSTGRESQL_CONSISTENCY = (
    Option(
        "snapshot",
        "back up the moment of a snapshot that another session exported",
        ("--snapshot",),
        ("backup",),
        (POSTGRESQL,),
        metavar="NAME",
    ),
    *(
        Option(name, text, (flag,), ("backup",), (POSTGRESQL,), type="bool")
        for name, flag, text in (
            (
                "serializable_deferrable",
                "--serializable-deferrable",
                "wait for a moment that no serializable transaction can contradict",
            ),
            ("statistics", "--statistics", "with the optimizer's statistics, which servers from 18 on can take"),
            ("statistics_only", "--statistics-only", "the optimizer's statistics and nothing else"),
            ("no_statistics", "--no-statistics", "without them, as is the default"),
            ("sequence_data", "--sequence-data", "the sequences' values, also where no other data is wanted"),
        )
    ),
)
