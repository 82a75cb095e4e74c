# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of archiving binlogs."""

from __future__ import annotations

from .option import MYSQL, Option

_ARCHIVE = ("archive",)

BINLOG = (
    Option(
        "archive_folder",
        "the folder of this server's archived binlogs",
        ("--folder",),
        _ARCHIVE,
        (MYSQL,),
        type="path",
        required=(MYSQL,),
    ),
    Option("follow", "go on with what will be written, until stopped", ("--follow",), _ARCHIVE, (MYSQL,), type="bool"),
    Option(
        "replica_server_id",
        "as which replica to ask, instead of a number made of the names of host and folder",
        ("--connection-server-id",),
        _ARCHIVE,
        (MYSQL,),
        type="int",
        metavar="N",
    ),
)
