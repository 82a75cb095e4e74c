# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a comparison: the connection's lead to the database, these to what it is compared with."""

from __future__ import annotations

from .option import WORLDS, Option

_COMPARE = ("compare",)

COMPARE = (
    Option("database", "the database", ("--database", "--dbname"), _COMPARE, required=WORLDS, metavar="DB"),
    Option("backup", "the backup's id, or latest", ("--backup",), _COMPARE, default="latest", metavar="ID"),
    Option(
        "source_database",
        "the database's name in the repository, where it is called otherwise",
        ("--source-database",),
        _COMPARE,
        metavar="DB",
    ),
    Option("other_database", "another database, instead of a backup", ("--other-database",), _COMPARE, metavar="DB"),
    Option("other_host", "its server, where that is another one", ("--other-host",), _COMPARE, metavar="HOST"),
    Option("other_port", "the port of that server", ("--other-port",), _COMPARE, type="int", metavar="PORT"),
    Option("other_unix_socket", "the socket of that server", ("--other-socket",), _COMPARE, type="path"),
    Option("other_user", "the user there, where it is another one", ("--other-user",), _COMPARE, metavar="NAME"),
    Option("other_password", "that user's password", jobs=_COMPARE, secret=True),
    Option(
        "with_tools",
        "what the vendor's programs write of the database, and the native engine of the same",
        ("--with-tools",),
        _COMPARE,
        type="bool",
    ),
    Option("tools_path", "the folder of these programs", ("--tools-path",), _COMPARE, type="path"),
    Option(
        "scratch_folder",
        "where there is room for two backups of it, /var/tmp by default",
        ("--scratch-folder",),
        _COMPARE,
        type="path",
    ),
    Option("schema_only", "compare the objects, not the rows", ("--schema-only",), _COMPARE, type="bool"),
)
