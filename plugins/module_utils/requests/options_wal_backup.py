# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of physical backups of PostgreSQL."""

from __future__ import annotations

import dataclasses

from ..postgresql.replication.options import CHECKPOINTS, CHECKSUM_ERRORS
from .option import POSTGRESQL, WAL_BACKUP, WAL_COMBINE, Option
from .options_backup import BACKUP

_JOBS, _WORLDS = (WAL_BACKUP,), (POSTGRESQL,)

WAL_BACKUPS = (
    *(
        dataclasses.replace(option, jobs=jobs, worlds=_WORLDS)
        for option in BACKUP
        for name, jobs in (("compress", (*_JOBS, WAL_COMBINE)), ("max_age", _JOBS))
        if option.name == name
    ),
    Option(
        "checkpoint",
        "whether the server makes its checkpoint at once (fast) or as its settings say (spread), as without",
        ("--checkpoint",),
        _JOBS,
        _WORLDS,
        choices={POSTGRESQL: CHECKPOINTS},
    ),
    Option(
        "server_compression",
        "the server compresses, not this host, which saves bandwidth; from 15 on",
        ("--server-compression",),
        _JOBS,
        _WORLDS,
        type="bool",
    ),
    Option("label", "what the backup is called in backup_label", ("--label",), _JOBS, _WORLDS, metavar="TEXT"),
    Option(
        "max_rate",
        "how many kilobytes a second the server sends at most",
        ("--max-rate",),
        _JOBS,
        _WORLDS,
        type="int",
        metavar="KB",
    ),
    Option(
        "checksum_errors",
        "whether a damaged page fails the backup, as without, or is a warning",
        ("--checksum-errors",),
        _JOBS,
        _WORLDS,
        choices={POSTGRESQL: CHECKSUM_ERRORS},
    ),
    Option(
        "incremental",
        "back up only what changed since this backup (an id), or since the newest good one (latest); from 17 on",
        ("--incremental",),
        _JOBS,
        _WORLDS,
        metavar="ID",
    ),
    Option("no_slot", "use no temporary replication slot", ("--no-slot",), _JOBS, _WORLDS, type="bool"),
    Option(
        "receive_timeout",
        "how long nothing may come from a server that sends, 5m unless given",
        ("--receive-timeout",),
        _JOBS,
        _WORLDS,
        metavar="TIME",
    ),
)
