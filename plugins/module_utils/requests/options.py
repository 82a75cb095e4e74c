# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Every option that a user can give, once: the modules' argument specs and the command's parser are made from it.

An option has the modules' name (``login_host``) and, where the command has it, the long options that pg_dump,
pg_restore or mysqldump give to the same thing (``--host``).
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..mysql.options import SSL_MODES as MYSQL_SSL_MODES
from ..postgresql.archive.header import ARCHIVE_VERSIONS
from ..postgresql.options import SSL_MODES as POSTGRESQL_SSL_MODES

POSTGRESQL = "postgresql"
MYSQL = "mysql"
# MariaDB is spoken to as MySQL is; which of the two a server is, is found out when it is connected to.
DBMS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}
WORLDS = (POSTGRESQL, MYSQL)

_TRANSFER = ("backup", "restore")
_EVERY = ("backup", "restore", "info")


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of the modules and of the command.

    :param name: as the modules call it.
    :param help: one line for the command's help; the modules' documentation says more.
    :param flags: the command's long options, the first being the usual one; empty where the command has none.
    :param jobs: which of ``backup``, ``restore`` and ``info`` have it.
    :param worlds: the database systems it makes sense for; empty for an option that has nothing to do with them.
    :param type: ``str``, ``int``, ``bool``, ``path`` or ``list`` (of texts), as Ansible understands them; the command
        takes an option of the type ``list`` several times.
    :param choices: the values allowed in each world, empty for any.
    :param required: the worlds in which it must be given.
    :param metavar: the value's name in the command's help.
    :param secret: never shown; such an option has no flags.
    """

    name: str
    help: str
    flags: tuple[str, ...] = ()
    jobs: tuple[str, ...] = _TRANSFER
    worlds: tuple[str, ...] = WORLDS
    type: str = "str"
    choices: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    default: t.Any = None
    required: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metavar: str = ""
    secret: bool = False

    def choices_in(self, world: str) -> tuple[str, ...]:
        """The values allowed in ``world``, in every world where that is empty."""
        worlds = [world] if world else list(self.choices)
        return tuple(dict.fromkeys(choice for name in worlds for choice in self.choices.get(name, ())))


CONNECTION = (
    Option("login_host", "the server's name or address; for PostgreSQL also the folder of its socket", ("--host",)),
    Option("login_port", "the server's port", ("--port",), type="int"),
    Option("login_unix_socket", "the server's socket (MySQL) or its folder (PostgreSQL)", ("--socket",), type="path"),
    Option("login_user", "the user to connect as", ("--user", "--username"), metavar="NAME"),
    Option("login_password", "the user's password", secret=True),
    Option(
        "login_db",
        "the database to connect to where the target does not exist yet",
        ("--maintenance-db",),
        worlds=(POSTGRESQL,),
        metavar="NAME",
    ),
    Option(
        "ssl_mode",
        "how far the connection is encrypted and the server verified",
        ("--ssl-mode",),
        choices={POSTGRESQL: POSTGRESQL_SSL_MODES, MYSQL: MYSQL_SSL_MODES},
        metavar="MODE",
    ),
    Option("ca_cert", "certificates of the authorities to trust", ("--ca-cert", "--ssl-ca"), type="path"),
    Option("ssl_cert", "the client's certificate", ("--ssl-cert",), type="path", aliases=("client_cert",)),
    Option("ssl_key", "the client's private key", ("--ssl-key",), type="path", aliases=("client_key",)),
    Option(
        "connect_timeout",
        "seconds to wait for a connection",
        ("--connect-timeout",),
        type="int",
        default=30,
        metavar="SECONDS",
    ),
    Option("service", "an entry of pg_service.conf", ("--service",), worlds=(POSTGRESQL,), metavar="NAME"),
    Option("passfile", "the password file, instead of ~/.pgpass", ("--passfile",), worlds=(POSTGRESQL,), type="path"),
    Option(
        "option_file",
        "an option file (my.cnf) to take user, password and the rest from",
        ("--defaults-file", "--option-file"),
        worlds=(MYSQL,),
        type="path",
        aliases=("config_file",),
    ),
    Option(
        "option_group",
        "a group of the option file to read after [client]",
        ("--option-group",),
        worlds=(MYSQL,),
        metavar="NAME",
    ),
)

_PLACE = (
    Option(
        "repository",
        "the folder that keeps the backups of many servers",
        ("--repository",),
        jobs=_EVERY,
        type="path",
        metavar="URL",
    ),
    Option(
        "cluster",
        "the server's name in the repository",
        ("--cluster",),
        jobs=_EVERY,
        metavar="NAME",
    ),
    Option("dest", "a plain file or folder to write instead of a repository", ("--dest",), ("backup",), type="path"),
    Option("source", "a file or folder instead of a repository", ("--source",), ("restore", "info"), type="path"),
)

_BACKUP = (
    Option("database", "the database", ("--database", "--dbname"), required=(MYSQL,), metavar="DB"),
    Option(
        "all_databases",
        "every database of the server and what belongs to none, as one set",
        ("--all-databases",),
        worlds=(POSTGRESQL,),
        type="bool",
    ),
    Option(
        "exclude_database",
        "leave out the databases that match this pattern",
        ("--exclude-database",),
        ("backup",),
        (POSTGRESQL,),
        type="list",
        metavar="PATTERN",
    ),
    Option(
        "no_role_passwords",
        "leave the roles' passwords out, which need SELECT on pg_authid",
        ("--no-role-passwords",),
        ("backup",),
        (POSTGRESQL,),
        type="bool",
    ),
    Option(
        "format",
        "the artifact's format",
        ("--format",),
        ("backup",),
        choices={POSTGRESQL: ("custom", "directory", "tar", "plain"), MYSQL: ("plain", "directory")},
    ),
    Option(
        "compress",
        "none, gzip, lz4 or zstd, with a level if wanted: zstd:3",
        ("--compress",),
        ("backup",),
        metavar="METHOD[:LEVEL]",
    ),
    Option("jobs", "how many processes share the work", ("--jobs",), type="int", default=1, metavar="N"),
    Option(
        "lock_wait_timeout",
        "how long to wait for the tables' locks, for example 30s",
        ("--lock-wait-timeout",),
        ("backup",),
        (POSTGRESQL,),
        metavar="TIME",
    ),
    Option(
        "max_age",
        "do nothing if a good backup is younger than this, for example 6h",
        ("--max-age",),
        ("backup",),
        metavar="TIME",
    ),
)

_SCRIPT = tuple(
    Option(name, text, (flag,), ("backup",), (POSTGRESQL,), type="bool")
    for name, flag, text in (
        ("inserts", "--inserts", "store rows as INSERT statements, which other databases understand"),
        ("column_inserts", "--column-inserts", "the same with the columns' names"),
        ("on_conflict_do_nothing", "--on-conflict-do-nothing", "with ON CONFLICT DO NOTHING in them"),
        ("clean", "--clean", "plain: drop what the script makes first"),
        ("if_exists", "--if-exists", "plain: with clean, drop only what exists"),
        ("create", "--create", "plain: make the database too"),
        ("no_restrict", "--no-restrict", "plain: leave out what psql before 14.19, 15.14, 16.10 and 17.6 refuses"),
    )
)

_FORM = (
    Option(
        "archive_version",
        "the archive's version, for pg_restore of an older or newer series",
        ("--archive-version",),
        ("backup",),
        (POSTGRESQL,),
        choices={POSTGRESQL: ARCHIVE_VERSIONS},
    ),
    *_SCRIPT,
    Option(
        "rows_per_insert",
        "the most rows of an INSERT statement",
        ("--rows-per-insert",),
        ("backup",),
        (POSTGRESQL,),
        type="int",
        metavar="N",
    ),
    Option(
        "restrict_key",
        "plain: the key around the script, to get the same script again",
        ("--restrict-key",),
        ("backup",),
        (POSTGRESQL,),
        metavar="KEY",
    ),
)

_RESTORE = (
    Option("backup", "the backup's id, or latest", ("--backup",), ("restore",), default="latest", metavar="ID"),
    Option(
        "source_database",
        "the database's name in the repository, where the target is called otherwise",
        ("--source-database",),
        ("restore",),
        metavar="DB",
    ),
    Option(
        "globals_only",
        "restore roles, tablespaces and what else belongs to no database, out of a set",
        ("--globals-only",),
        ("restore",),
        (POSTGRESQL,),
        type="bool",
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
)

_INFO = (
    Option("database", "only the backups of this database", ("--database", "--dbname"), ("info",), (), metavar="DB"),
    Option("backup", "show this backup with its tables (an id, or latest)", ("--backup",), ("info",), (), metavar="ID"),
)

_MODULE_ONLY = (Option("python_environment", "where the collection's own Python is", type="path"),)

OPTIONS = (*CONNECTION, *_PLACE, *_BACKUP, *_FORM, *_RESTORE, *_INFO, *_MODULE_ONLY)


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
    if job in _TRANSFER:
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
