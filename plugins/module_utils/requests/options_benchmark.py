# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a measurement of both engines; the connection's lead to the database."""

from __future__ import annotations

from .option import BENCHMARK, MYSQL, POSTGRESQL, WORLDS, Option

_BENCHMARK = (BENCHMARK,)

BENCHMARKS = (
    Option("database", "the database", ("--database", "--dbname"), _BENCHMARK, required=WORLDS, metavar="DB"),
    Option("runs", "how often each engine does it", ("--runs",), _BENCHMARK, type="int", default=3, metavar="N"),
    Option(
        "restores",
        "restore each backup too, into a scratch database of the same server",
        ("--restore",),
        _BENCHMARK,
        type="bool",
    ),
    Option(
        "format",
        "the artifact's format",
        ("--format",),
        _BENCHMARK,
        choices={POSTGRESQL: ("custom", "directory", "tar", "plain"), MYSQL: ("plain",)},
    ),
    Option(
        "compress",
        "none, gzip, lz4 or zstd, with a level if wanted: zstd:3",
        ("--compress",),
        _BENCHMARK,
        metavar="METHOD[:LEVEL]",
    ),
    Option("jobs", "how many processes share the work", ("--jobs",), _BENCHMARK, type="int", default=1, metavar="N"),
    Option("tools_path", "the folder of the vendor's programs", ("--tools-path",), _BENCHMARK, type="path"),
    Option(
        "scratch_folder",
        "where backups are meanwhile, /var/tmp by default",
        ("--scratch-folder",),
        _BENCHMARK,
        type="path",
    ),
)
