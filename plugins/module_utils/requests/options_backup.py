# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a backup that every database system has, in whole or in part."""

from __future__ import annotations

from .option import MYSQL, POSTGRESQL, Option

BACKUP = (
    Option("database", "the database", ("--database", "--dbname"), metavar="DB"),
    Option(
        "format",
        "the artifact's format",
        ("--format",),
        ("backup",),
        choices={POSTGRESQL: ("custom", "directory", "tar", "plain"), MYSQL: ("plain", "directory")},
    ),
    Option(
        "compress",
        "none, gzip, lz4 or zstd, with a level if wanted: zstd:3",
        ("--compress",),
        ("backup",),
        metavar="METHOD[:LEVEL]",
    ),
    Option("jobs", "how many processes share the work", ("--jobs",), type="int", default=1, metavar="N"),
    Option(
        "max_age",
        "do nothing if a good backup is younger than this, for example 6h",
        ("--max-age",),
        ("backup",),
        metavar="TIME",
    ),
)
