# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Every option that a user can give, once: the modules' argument specs and the command's parser are made from it.

An option has the modules' name (``login_host``) and, where the command has it, the long options that pg_dump,
pg_restore or mysqldump give to the same thing (``--host``).
"""

from __future__ import annotations

import typing as t

from .option import DBMS, EVERY, TRANSFER, Option
from .options_backup import BACKUP
from .options_binlog import BINLOG
from .options_connection import CONNECTION
from .options_mysql_backup import MYSQL_BACKUP
from .options_mysql_restore import MYSQL_RESTORE
from .options_postgresql_backup import POSTGRESQL_BACKUP
from .options_postgresql_consistency import POSTGRESQL_CONSISTENCY
from .options_postgresql_form import POSTGRESQL_FORM
from .options_postgresql_restore import POSTGRESQL_RESTORE
from .options_postgresql_restore_run import POSTGRESQL_RESTORE_RUN
from .options_postgresql_selection import POSTGRESQL_SELECTION
from .options_restore import RESTORE
from .options_selection import SELECTION

_PLACE = (
    Option(
        "repository",
        "the folder that keeps the backups of many servers",
        ("--repository",),
        jobs=EVERY,
        type="path",
        metavar="URL",
    ),
    Option(
        "cluster",
        "the server's name in the repository",
        ("--cluster",),
        jobs=EVERY,
        metavar="NAME",
    ),
    Option("dest", "a plain file or folder to write instead of a repository", ("--dest",), ("backup",), type="path"),
    Option("source", "a file or folder instead of a repository", ("--source",), ("restore", "info"), type="path"),
)

_INFO = (
    Option("database", "only the backups of this database", ("--database", "--dbname"), ("info",), (), metavar="DB"),
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

_MODULE_ONLY = (Option("python_environment", "where the collection's own Python is", type="path"),)

OPTIONS = (
    *CONNECTION,
    *_PLACE,
    *BACKUP,
    *SELECTION,
    *POSTGRESQL_BACKUP,
    *POSTGRESQL_SELECTION,
    *POSTGRESQL_FORM,
    *POSTGRESQL_CONSISTENCY,
    *MYSQL_BACKUP,
    *RESTORE,
    *POSTGRESQL_RESTORE,
    *POSTGRESQL_RESTORE_RUN,
    *MYSQL_RESTORE,
    *BINLOG,
    *_INFO,
    *_MODULE_ONLY,
)


def options_of(job: str, world: str = "") -> dict[str, Option]:
    """The options of ``job`` by name; with ``world``, only those that make sense there."""
    return {
        option.name: option
        for option in OPTIONS
        if job in option.jobs and (not world or world in option.worlds or not option.worlds)
    }


def argument_spec(job: str) -> dict[str, dict[str, t.Any]]:
    """The module's argument spec for ``job``, as ``AnsibleModule`` takes it."""
    spec = {option.name: _argument(option) for option in options_of(job).values()}
    if job in TRANSFER:
        spec["dbms"] = {"type": "str", "required": True, "choices": list(DBMS)}
    return spec


def _argument(option: Option) -> dict[str, t.Any]:
    argument: dict[str, t.Any] = {"type": option.type}
    if option.type == "list":
        argument["elements"] = "str"
    if option.choices:
        argument["choices"] = list(option.choices_in(""))
    if option.default is not None:
        argument["default"] = option.default
    if option.aliases:
        argument["aliases"] = list(option.aliases)
    # Ansible guesses from the name that an option may be a secret; saying no is saying that it was thought about.
    if option.secret or "pass" in option.name or "key" in option.name:
        argument["no_log"] = option.secret
    return argument
