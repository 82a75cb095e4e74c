# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of archiving PostgreSQL's write-ahead log, and of reading, checking and pruning that archive."""

from __future__ import annotations

import dataclasses

from .option import POSTGRESQL, WAL_ARCHIVE, WAL_CHECK, WAL_FETCH, WAL_PUSH, Option
from .options_backup import BACKUP

_WORLDS = (POSTGRESQL,)
_SERVED = (WAL_PUSH, WAL_FETCH)

WAL_ARCHIVING = (
    *(
        dataclasses.replace(option, jobs=(WAL_ARCHIVE, WAL_PUSH), worlds=_WORLDS)
        for option in BACKUP
        if option.name == "compress"
    ),
    Option(
        "system_identifier",
        "the server's system identifier, which is otherwise read from its data folder",
        ("--system-identifier",),
        _SERVED,
        _WORLDS,
        metavar="N",
    ),
    Option(
        "spool",
        "a folder of this host for what is archived or fetched ahead",
        ("--spool",),
        (*_SERVED, WAL_ARCHIVE),
        _WORLDS,
        type="path",
        metavar="FOLDER",
    ),
    Option("follow", "go on with what will be written, until stopped", ("--follow",), (WAL_ARCHIVE,), _WORLDS, "bool"),
    Option(
        "slot",
        "stream from this physical replication slot, which makes the server keep what is not archived",
        ("--slot",),
        (WAL_ARCHIVE,),
        _WORLDS,
        metavar="NAME",
    ),
    Option("create_slot", "make the slot where it is missing", ("--create-slot",), (WAL_ARCHIVE,), _WORLDS, "bool"),
    Option(
        "new_chain",
        "begin at the present where what is archived cannot be gone on with; a new full backup is needed then",
        ("--new-chain",),
        (WAL_ARCHIVE,),
        _WORLDS,
        type="bool",
    ),
    Option(
        "read", "read every file, compare digests and look at every page", ("--read",), (WAL_CHECK,), _WORLDS, "bool"
    ),
    Option(
        "ahead",
        "how many of the following segments are fetched in the background, 8 unless given",
        ("--ahead",),
        (WAL_FETCH,),
        _WORLDS,
        type="int",
        metavar="N",
    ),
)
