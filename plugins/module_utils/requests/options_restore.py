# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a restore that every database system has, in whole or in part."""

from __future__ import annotations

from .option import POSTGRESQL, WORLDS, Option

RESTORE = (
    Option("backup", "the backup's id, or latest", ("--backup",), ("restore",), default="latest", metavar="ID"),
    Option(
        "source_database",
        "the database's name in the repository, where the target is called otherwise",
        ("--source-database",),
        ("restore",),
        metavar="DB",
    ),
    Option("create", "create the target database", ("--create",), ("restore",), type="bool", default=False),
    Option(
        "clean",
        "drop what the backup holds from the target first",
        ("--clean",),
        ("restore",),
        type="bool",
        default=False,
    ),
    Option(
        "force",
        "restore into a target that is not empty, as it is",
        ("--force",),
        ("restore",),
        type="bool",
        default=False,
    ),
    Option(
        "on_error",
        "stop at the first error, or continue and name all of them in the end",
        ("--on-error",),
        ("restore",),
        choices=dict.fromkeys(WORLDS, ("stop", "continue")),
    ),
    Option(
        "show_data_in_errors",
        "errors may quote row values",
        ("--show-data-in-errors",),
        ("restore",),
        type="bool",
    ),
    Option(
        "verify",
        "compare the restored tables with the backup: none, their rows, or a digest of these",
        ("--verify",),
        ("restore",),
        choices=dict.fromkeys(WORLDS, ("none", "rows", "digest")),
    ),
    Option(
        "analyze",
        "gather statistics for the optimizer in the end",
        ("--analyze",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "resume",
        "record what is done, and go on where the same restore was interrupted",
        ("--resume",),
        ("restore",),
        type="bool",
    ),
    Option(
        "state_folder",
        "where --resume records what is done",
        ("--state-folder",),
        ("restore",),
        type="path",
        metavar="FOLDER",
    ),
)
