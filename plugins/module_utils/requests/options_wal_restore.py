# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of restoring a physical backup of PostgreSQL to a moment, and the states of the module for it."""

from __future__ import annotations

from ..postgresql.physical_restore.recovery import ACTIONS, PROMOTE
from .option import POSTGRESQL, WAL_ARCHIVE, WAL_BACKUP, WAL_COMBINE, WAL_RESTORE, Option

_JOBS, _WORLDS = (WAL_RESTORE,), (POSTGRESQL,)

#: The states of the module, each with its job.
WAL_STATES = {"backup": WAL_BACKUP, "archived": WAL_ARCHIVE, "combined": WAL_COMBINE, "restored": WAL_RESTORE}
WAL_STATE_JOBS = tuple(WAL_STATES.values())
#: A module ends.
WAL_COMMAND_ONLY = ("follow",)
#: At most one of them; with none, as with the last, everything that is archived is applied.
TARGETS = ("target_time", "target_lsn", "target_xid", "target_name", "target_immediate", "target_latest")

WAL_RESTORES = (
    Option(
        "data_folder",
        "the data folder to restore to, empty or not there yet",
        ("--data-folder", "--pgdata"),
        _JOBS,
        _WORLDS,
        type="path",
        metavar="FOLDER",
    ),
    Option(
        "source",
        "a folder with one backup in tar form, as pg_basebackup -Ft makes it, instead of one of the repository",
        ("--source",),
        _JOBS,
        _WORLDS,
        type="path",
    ),
    Option(
        "backup", "the backup's id, or latest", ("--backup",), (*_JOBS, WAL_COMBINE), (), default="latest", metavar="ID"
    ),
    Option(
        "scratch_folder",
        "where the files are put together, /var/tmp by default",
        ("--scratch-folder",),
        (WAL_COMBINE,),
        _WORLDS,
        type="path",
    ),
    Option(
        "owner",
        "whose the files shall be: a user, with :group if need be; otherwise the owner of the folder",
        ("--owner",),
        _JOBS,
        _WORLDS,
        metavar="USER[:GROUP]",
    ),
    Option(
        "tablespace_mapping",
        "restore the tablespace in the folder OLD (or with that OID) to NEW; may be given several times",
        ("--tablespace-mapping",),
        _JOBS,
        _WORLDS,
        type="list",
        metavar="OLD=NEW",
    ),
    Option(
        "delta",
        "restore over the data folder of the same cluster, writing only what differs",
        ("--delta",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option(
        "target_time",
        "recover up to this time, for example '2026-11-22 03:15:00+01'; without a zone it is this host's",
        ("--target-time",),
        _JOBS,
        _WORLDS,
        metavar="TIME",
    ),
    Option("target_lsn", "recover up to this place in the WAL", ("--target-lsn",), _JOBS, _WORLDS, metavar="LSN"),
    Option("target_xid", "recover up to this transaction", ("--target-xid",), _JOBS, _WORLDS, metavar="XID"),
    Option(
        "target_name",
        "recover up to this restore point (pg_create_restore_point)",
        ("--target-name",),
        _JOBS,
        _WORLDS,
        metavar="NAME",
    ),
    Option(
        "target_immediate",
        "recover until the backup is consistent, and no further",
        ("--target-immediate",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option(
        "target_latest",
        "recover to the end of what is archived, which is what happens without a target",
        ("--target-latest",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option(
        "target_exclusive",
        "stop just before the target",
        ("--target-exclusive",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option(
        "target_timeline",
        "a timeline's number, latest or current (the backup's); latest unless given",
        ("--target-timeline",),
        _JOBS,
        _WORLDS,
        metavar="TLI",
    ),
    Option(
        "target_action",
        "what the server does at the target: promote (take writes), pause or shutdown; promote unless given",
        ("--target-action",),
        _JOBS,
        _WORLDS,
        choices={POSTGRESQL: ACTIONS},
    ),
    Option(
        "restore_command",
        "what the server fetches WAL with, instead of having all that it needs put into the folder",
        ("--restore-command",),
        _JOBS,
        _WORLDS,
        metavar="COMMAND",
    ),
    Option(
        "disable_archiving",
        "the restored server does not archive its own WAL (archive_mode off)",
        ("--disable-archiving",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option(
        "recover",
        "run the server, reachable for nobody, until its recovery ends, and say how far it came",
        ("--recover",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option("start", "the same, and then start it for good", ("--start",), _JOBS, _WORLDS, type="bool"),
    Option(
        "server_programs",
        "the folder of the server's programs, for --recover and --start",
        ("--server-programs",),
        _JOBS,
        _WORLDS,
        type="path",
    ),
    Option(
        "config_file",
        "the server's postgresql.conf where it is not in the data folder, for --recover and --start",
        ("--config-file",),
        _JOBS,
        _WORLDS,
        type="path",
        metavar="FILE",
    ),
)

DEFAULT_ACTION = PROMOTE
