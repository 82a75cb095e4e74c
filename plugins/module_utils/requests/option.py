# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One option that a user can give, whichever door it comes through."""

from __future__ import annotations

import dataclasses
import typing as t

from ..lazy_dataclass import dataclass

POSTGRESQL = "postgresql"
MYSQL = "mysql"
# MariaDB is spoken to as MySQL is; which of the two a server is, is found out when it is connected to.
DBMS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}
WORLDS = (POSTGRESQL, MYSQL)

TRANSFER = ("backup", "restore")
#: What needs a repository and no server.
CATALOGUE = ("info", "prune", "hold", "copy")
EVERY = (*TRANSFER, *CATALOGUE, "verify", "compare")
#: What is done with binlogs: copying them, applying them, going back to a moment, and removing old ones.
ARCHIVE, REPLAY, REWIND, PRUNE_BINLOGS = "archive", "replay", "rewind", "prune_binlogs"
FLASHBACK = "flashback"
#: Those of them that know repositories.
BINLOG_JOBS = (ARCHIVE, REWIND, PRUNE_BINLOGS, FLASHBACK)
#: What is done with physical backups of PostgreSQL and its WAL.
WAL_BACKUP, WAL_ARCHIVE, WAL_RESTORE = "wal_backup", "wal_archive", "wal_restore"
WAL_PUSH, WAL_FETCH, WAL_CHECK, WAL_PRUNE = "wal_push", "wal_fetch", "wal_check", "wal_prune"
WAL_COMBINE = "wal_combine"
#: Both engines side by side on the user's own database.
BENCHMARK = "benchmark"
#: Making the account that a backup connects as.
ACCOUNT = "account"
WAL_JOBS = (WAL_BACKUP, WAL_ARCHIVE, WAL_RESTORE, WAL_PUSH, WAL_FETCH, WAL_CHECK, WAL_PRUNE, WAL_COMBINE)

#: What looks at how the backups of many databases stand.
REPORT, METRICS = "report", "metrics"


@dataclass(frozen=True)
class Option:
    """One option of the modules and of the command.

    :param name: as the modules call it.
    :param help: one line for the command's help; the modules' documentation says more.
    :param flags: the command's long options, the first being the usual one; empty where the command has none.
    :param jobs: which of the jobs have it.
    :param worlds: the database systems it makes sense for; empty for an option that has nothing to do with them.
    :param type: ``str``, ``int``, ``bool``, ``path`` or ``list`` (of texts), as Ansible understands them; the command
        takes an option of the type ``list`` several times.
    :param choices: the values allowed in each world, empty for any.
    :param required: the worlds in which it must be given.
    :param metavar: the value's name in the command's help.
    :param more_flags: further long options by world, where a database system has its own name for the same thing.
    :param secret: never shown; such an option has no flags.
    """

    name: str
    help: str
    flags: tuple[str, ...] = ()
    jobs: tuple[str, ...] = TRANSFER
    worlds: tuple[str, ...] = WORLDS
    type: str = "str"
    choices: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    default: t.Any = None
    required: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metavar: str = ""
    secret: bool = False
    more_flags: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def flags_in(self, world: str) -> tuple[str, ...]:
        """The long options of ``world``, of every world where that is empty."""
        further = [flag for name, flags in self.more_flags.items() if world in ("", name) for flag in flags]
        return (*self.flags, *further)

    def choices_in(self, world: str) -> tuple[str, ...]:
        """The values allowed in ``world``, in every world where that is empty."""
        worlds = [world] if world else list(self.choices)
        return tuple(dict.fromkeys(choice for name in worlds for choice in self.choices.get(name, ())))
