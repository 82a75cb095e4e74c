# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Every option that a user can give, once: the modules' argument specs and the command's parser are made from it.

An option has the modules' name (``login_host``) and, where the command has it, the long options that pg_dump,
pg_restore or mysqldump give to the same thing (``--host``).
"""

from __future__ import annotations

import functools
import typing as t

from .option import (
    ACCOUNT,
    BENCHMARK,
    BINLOG_JOBS,
    CATALOGUE,
    DBMS,
    EVERY,
    METRICS,
    MYSQL,
    POSTGRESQL,
    REPLAY,
    REPORT,
    TRANSFER,
    WAL_ARCHIVE,
    WAL_BACKUP,
    WAL_CHECK,
    WAL_COMBINE,
    WAL_FETCH,
    WAL_JOBS,
    WAL_PUSH,
    WAL_RESTORE,
    Option,
)
from .options_connection import CONNECTION
from .options_copy import COPY
from .options_encryption import ENCRYPTION
from .options_storage import STORAGE

_PLACE = (
    Option(
        "repository",
        "the folder that keeps the backups of many servers",
        ("--repository",),
        jobs=(*EVERY, *BINLOG_JOBS, *WAL_JOBS),
        type="path",
        metavar="URL",
    ),
    Option(
        "cluster",
        "the server's name in the repository",
        ("--cluster",),
        jobs=(*EVERY, *BINLOG_JOBS, *WAL_JOBS),
        metavar="NAME",
    ),
    Option("dest", "a plain file or folder to write instead of a repository", ("--dest",), ("backup",), type="path"),
    Option(
        "source",
        "a file or folder instead of a repository",
        ("--source",),
        ("restore", "info", "verify", "compare"),
        type="path",
    ),
)

_INFO = (
    Option("database", "only the backups of this database", ("--database", "--dbname"), CATALOGUE, (), metavar="DB"),
    Option("backup", "the backup's id, or latest", ("--backup",), ("hold", "copy"), (), default="latest", metavar="ID"),
    Option("backup", "show this backup with its tables (an id, or latest)", ("--backup",), ("info",), (), metavar="ID"),
    Option(
        "contents",
        "list what the archive of the backup holds, as pg_restore -l does",
        ("--list",),
        ("info",),
        (),
        "bool",
    ),
)

_PYTHON_JOBS = (*TRANSFER, "verify", "compare", *BINLOG_JOBS, *WAL_JOBS, ACCOUNT)
_MODULE_ONLY = (Option("python_environment", "where the collection's own Python is", jobs=_PYTHON_JOBS, type="path"),)

_Tables = t.Iterator[tuple[Option, ...]]


def every_option() -> t.Iterator[Option]:
    """All options of all jobs."""
    for table in _tables(""):
        yield from table


@functools.cache
def _options_of(job: str) -> tuple[Option, ...]:
    return tuple(option for table in _tables(job) for option in table if job in option.jobs)


def options_of(job: str, world: str = "") -> dict[str, Option]:
    """The options of ``job`` by name; with ``world``, only those that make sense there."""
    return {
        option.name: option for option in _options_of(job) if not world or world in option.worlds or not option.worlds
    }


def _tables(job: str) -> _Tables:
    """The tables that may hold options of a job, of every job where that is empty, in the order of the help.

    Only those are imported: all of them take longer than many a job.
    """
    yield CONNECTION
    if _is(job, ACCOUNT):
        from .options_account import ACCOUNTS

        yield ACCOUNTS
    yield _PLACE
    yield STORAGE
    if _is(job, *TRANSFER):
        from .options_backup import BACKUP

        yield BACKUP
    yield COPY
    yield ENCRYPTION
    if _is(job, *TRANSFER):
        yield from _tables_of_transfers(job)
    if _is(job, REPLAY, *BINLOG_JOBS):
        from .options_binlog import BINLOG

        yield BINLOG
    if _is(job, *WAL_JOBS):
        yield from _tables_of_wal(job)
    yield _INFO
    yield from _tables_of_others(job)
    yield _MODULE_ONLY


def _is(job: str, *jobs: str) -> bool:
    return not job or job in jobs


def _tables_of_transfers(job: str) -> _Tables:
    from .options_engine import ENGINE_OPTIONS
    from .options_mysql_backup import MYSQL_BACKUP
    from .options_postgresql_selection import POSTGRESQL_SELECTION
    from .options_selection import SELECTION

    yield SELECTION
    if _is(job, "backup"):
        from .options_postgresql_backup import POSTGRESQL_BACKUP

        yield POSTGRESQL_BACKUP
    yield POSTGRESQL_SELECTION
    if _is(job, "backup"):
        from .options_postgresql_consistency import POSTGRESQL_CONSISTENCY
        from .options_postgresql_form import POSTGRESQL_FORM

        yield POSTGRESQL_FORM
        yield POSTGRESQL_CONSISTENCY
    yield MYSQL_BACKUP
    if not _is(job, "restore"):
        yield ENGINE_OPTIONS
        return
    from .options_mysql_restore import MYSQL_RESTORE
    from .options_postgresql_restore import POSTGRESQL_RESTORE
    from .options_postgresql_restore_run import POSTGRESQL_RESTORE_RUN
    from .options_restore import RESTORE

    yield RESTORE
    yield ENGINE_OPTIONS
    yield POSTGRESQL_RESTORE
    yield POSTGRESQL_RESTORE_RUN
    yield MYSQL_RESTORE


def _tables_of_wal(job: str) -> _Tables:
    if _is(job, WAL_BACKUP, WAL_COMBINE):
        from .options_wal_backup import WAL_BACKUPS

        yield WAL_BACKUPS
    if _is(job, WAL_ARCHIVE, WAL_CHECK, WAL_FETCH, WAL_PUSH):
        from .options_wal_archive import WAL_ARCHIVING

        yield WAL_ARCHIVING
    if _is(job, WAL_COMBINE, WAL_RESTORE):
        from .options_wal_restore import WAL_RESTORES

        yield WAL_RESTORES


def _tables_of_others(job: str) -> _Tables:
    if _is(job, REPORT, METRICS):
        from .options_report import OVERVIEW

        yield OVERVIEW
    if _is(job, "prune", "hold"):
        from .options_prune import PRUNE

        yield PRUNE
    if _is(job, "verify"):
        from .options_verify import VERIFY

        yield VERIFY
    if _is(job, "compare"):
        from .options_compare import COMPARE

        yield COMPARE
    if _is(job, BENCHMARK):
        from .options_benchmark import BENCHMARKS

        yield BENCHMARKS
    if _is(job, "hold"):
        from .options_prune import HOLD

        yield HOLD


def argument_spec_of_binlogs() -> dict[str, dict[str, t.Any]]:
    """The argument spec of the module that does everything with binlogs, but what only a command can do."""
    from .options_binlog import BINLOG_STATES, COMMAND_ONLY

    spec = {
        option.name: _argument(option)
        for job in BINLOG_JOBS
        for option in options_of(job, MYSQL).values()
        if option.name not in COMMAND_ONLY
    }
    return {
        "state": {"type": "str", "required": True, "choices": list(BINLOG_STATES)},
        # Defaults for all modules of the collection may say it.
        "dbms": {"type": "str", "choices": list(DBMS)},
        **spec,
    }


def argument_spec_of_wal() -> dict[str, dict[str, t.Any]]:
    """The argument spec of the module for physical backups, but what only a command can do."""
    from .options_wal_restore import WAL_COMMAND_ONLY, WAL_STATE_JOBS, WAL_STATES

    spec = {
        option.name: _argument(option)
        for job in WAL_STATE_JOBS
        for option in options_of(job, POSTGRESQL).values()
        if option.name not in WAL_COMMAND_ONLY
    }
    return {
        "state": {"type": "str", "required": True, "choices": list(WAL_STATES)},
        # Defaults for all modules of the collection may say it.
        "dbms": {"type": "str", "choices": list(DBMS)},
        **spec,
    }


def argument_spec(job: str) -> dict[str, dict[str, t.Any]]:
    """The module's argument spec for ``job``, as ``AnsibleModule`` takes it."""
    spec = {option.name: _argument(option) for option in options_of(job).values()}
    if job in (*TRANSFER, "verify", "compare", ACCOUNT):
        spec["dbms"] = {"type": "str", "choices": list(DBMS)}
    if job in (*TRANSFER, "compare", ACCOUNT):
        spec["dbms"]["required"] = True
    return spec


def _argument(option: Option) -> dict[str, t.Any]:
    argument: dict[str, t.Any] = {"type": option.type}
    if option.type == "list":
        argument["elements"] = "str"
    if option.choices:
        argument["choices"] = list(option.choices_in(""))
    if option.required and set(option.required) == set(option.worlds):
        argument["required"] = True
    if option.default is not None:
        argument["default"] = option.default
    if option.aliases:
        argument["aliases"] = list(option.aliases)
    # Ansible guesses from the name that an option may be a secret; saying no is saying that it was thought about.
    if option.secret or "pass" in option.name or "key" in option.name:
        argument["no_log"] = option.secret
    return argument
