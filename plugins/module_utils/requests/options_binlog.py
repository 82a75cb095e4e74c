# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of archiving binlogs, of restoring to a moment with them, and of removing old ones."""

from __future__ import annotations

import dataclasses
import typing as t

from ..mysql.binlog.applier_names import APPLIERS
from .option import ARCHIVE, FLASHBACK, MYSQL, PRUNE_BINLOGS, REPLAY, REWIND, Option
from .options_backup import BACKUP
from .options_mysql_restore import MYSQL_RESTORE
from .options_restore import RESTORE
from .options_selection import SELECTION

_ARCHIVE = (ARCHIVE,)
_REWIND = (REWIND,)
_REPLAYS = (REPLAY, REWIND)
#: The states of the module, each with its job.
BINLOG_STATES = {"archived": ARCHIVE, "restored": REWIND, "flashback": FLASHBACK, "pruned": PRUNE_BINLOGS}
#: A module ends.
COMMAND_ONLY = ("follow", "semi_sync")
#: The command takes these from its own parser, beside the files; see :mod:`..cli.binlog_flashback`.
_UNDO = (
    ("start_datetime", "undo what was committed at this time or later", "str"),
    ("stop_datetime", "undo what was committed before this time", "str"),
    ("include_gtids", "undo only these GTIDs", "str"),
    ("exclude_gtids", "undo all but these GTIDs", "str"),
    ("databases", "undo only what was done to these databases", "list"),
    ("tables", "undo only what was done to these tables", "list"),
    ("verbs", "undo only this: INSERT, UPDATE or DELETE", "list"),
    ("fire_triggers", "undo although triggers would fire", "bool"),
    ("ignore_cascades", "undo although rows that foreign keys changed with these are not in the log", "bool"),
)


def _those(options: t.Iterable[Option], job: str, *names: str) -> tuple[Option, ...]:
    """Options that another job has too, as MySQL and MariaDB have them."""
    return tuple(
        dataclasses.replace(option, jobs=(job,), worlds=(MYSQL,) if option.choices else ())
        for option in options
        if option.name in names
    )


BINLOG = (
    *_those(BACKUP, ARCHIVE, "compress"),
    *_those(BACKUP, REWIND, "database", "jobs"),
    *_those(SELECTION, REWIND, "all_databases"),
    *_those(RESTORE, REWIND, "backup", "source_database", "create", "clean", "force", "resume", "state_folder"),
    *_those(MYSQL_RESTORE, REWIND, "skip_binlog", "gtid"),
    Option(
        "archive_folder",
        "a plain folder of this server's archived binlogs, instead of a repository",
        ("--folder",),
        (ARCHIVE, FLASHBACK),
        (MYSQL,),
        type="path",
        metavar="FOLDER",
    ),
    Option("follow", "go on with what will be written, until stopped", ("--follow",), _ARCHIVE, (MYSQL,), type="bool"),
    Option(
        "semi_sync",
        "with --follow: let the server's commits wait until they are archived, as a semi-synchronous replica does",
        ("--semi-sync",),
        _ARCHIVE,
        (MYSQL,),
        type="bool",
    ),
    Option(
        "new_chain",
        "begin anew where what is archived cannot be gone on with; a new full backup is needed then",
        ("--new-chain",),
        _ARCHIVE,
        (MYSQL,),
        type="bool",
    ),
    Option(
        "replica_server_id",
        "as which replica to ask, instead of a number made of the names of host and place",
        ("--connection-server-id",),
        _ARCHIVE,
        (MYSQL,),
        type="int",
        metavar="N",
    ),
    Option(
        "target_time",
        "restore to this time: what was committed before it",
        ("--to-time", "--stop-datetime"),
        _REWIND,
        (MYSQL,),
        metavar="TIME",
    ),
    Option(
        "target_gtid",
        "restore to this GTID or set of GTIDs, included",
        ("--to-gtid",),
        _REWIND,
        (MYSQL,),
        metavar="GTID",
    ),
    Option(
        "target_position",
        "restore to this place in the log of the server that was archived",
        ("--to-position",),
        _REWIND,
        (MYSQL,),
        metavar="FILE:POSITION",
    ),
    Option(
        "before_transaction",
        "restore to just before this transaction",
        ("--before-gtid",),
        _REWIND,
        (MYSQL,),
        metavar="GTID",
    ),
    Option(
        "target_latest",
        "restore to the end of what is archived",
        ("--to-latest",),
        _REWIND,
        (MYSQL,),
        type="bool",
    ),
    Option(
        "applier",
        "who applies the transactions: BINLOG statements over the connection, or the target as a replica of this job",
        ("--applier",),
        _REWIND,
        (MYSQL,),
        choices={MYSQL: APPLIERS},
    ),
    Option(
        "applier_address",
        "this host as a target on another one reaches it, to replicate from; needs the three that follow",
        ("--applier-address",),
        _REPLAYS,
        (MYSQL,),
        metavar="HOST[:PORT]",
    ),
    Option(
        "applier_cert",
        "this host's certificate for that address, a PEM file",
        ("--applier-cert",),
        _REPLAYS,
        (MYSQL,),
        type="path",
        metavar="FILE",
    ),
    Option(
        "applier_key",
        "the certificate's private key, a PEM file without a passphrase",
        ("--applier-key",),
        _REPLAYS,
        (MYSQL,),
        type="path",
        metavar="FILE",
    ),
    Option(
        "applier_ca",
        "a PEM file on the target's host by which the target verifies the certificate",
        ("--applier-ca",),
        _REPLAYS,
        (MYSQL,),
        metavar="FILE",
    ),
    *(Option(name, text, (), (FLASHBACK,), (MYSQL,), kind) for name, text, kind in _UNDO),
    Option(
        "keep_before",
        "keep what is needed to go back so far, even where no backup needs it: 7d",
        ("--keep-before",),
        (PRUNE_BINLOGS,),
        (MYSQL,),
        metavar="TIME",
    ),
)
