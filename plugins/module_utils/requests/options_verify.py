# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of a verification and of its restore drill."""

from __future__ import annotations

from .option import Option

_VERIFY = ("verify",)

VERIFY = (
    Option("database", "only the backups of this database", ("--database", "--dbname"), _VERIFY, (), metavar="DB"),
    Option(
        "backup",
        "an id, latest (of every database in question) or all",
        ("--backup",),
        _VERIFY,
        (),
        default="latest",
        metavar="ID",
    ),
    Option(
        "level",
        "checksums of the files, the structure too (everything is read), or a restore into a scratch database",
        ("--level",),
        _VERIFY,
        (),
        choices={"": ("checksums", "structure", "restore")},
        default="structure",
    ),
    Option(
        "queries",
        "restore: a query that must give one true value; may be given several times",
        ("--query",),
        _VERIFY,
        (),
        "list",
        metavar="SQL",
    ),
    Option(
        "own_server",
        "restore: start a server for the drill from the programs on this host",
        ("--own-server",),
        _VERIFY,
        (),
        "bool",
    ),
    Option("server_programs", "restore: the folder of its programs", ("--server-programs",), _VERIFY, (), "path"),
    Option(
        "scratch_folder",
        "restore: where its data goes, /var/tmp by default",
        ("--scratch-folder",),
        _VERIFY,
        (),
        "path",
    ),
    Option(
        "no_owner", "restore: the scratch database's objects belong to the user", ("--no-owner",), _VERIFY, (), "bool"
    ),
    Option("no_privileges", "restore: without privileges", ("--no-privileges", "--no-acl"), _VERIFY, (), "bool"),
    Option("no_record", "do not keep the verdict beside the backup", ("--no-record",), _VERIFY, (), "bool"),
    Option(
        "jobs", "restore: how many processes share the work", ("--jobs",), _VERIFY, (), "int", default=1, metavar="N"
    ),
)
