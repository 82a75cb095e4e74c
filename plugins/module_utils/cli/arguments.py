# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The command line: a parser made from the table of options, and what it says about what it does not understand.

Whatever is not understood may be a password (``-pSECRET``) and is therefore not repeated in the error.
"""

from __future__ import annotations

import argparse
import os
import stat
import typing as t

from ..errors import NotFoundError, StorageError, UsageError
from ..lazy_dataclass import dataclass
from ..release import VERSION
from ..repository.layout import MARKER_NAME
from ..requests.given import Given, given_to_command
from ..requests.option import DBMS, EVERY, WORLDS, Option
from ..requests.options import options_of
from ..requests.options_connection import CONNECTION
from .parser import Parser

_PASSWORD_HINT = (
    "arguments can be seen by every user of the machine: use PGPASSWORD, MYSQL_PWD, --passfile, --defaults-file or "
    "--password-file"
)
_PASSWORD_LIMIT = 4096
_PASSWORD_SOURCES = {
    "postgresql": "PGPASSWORD, a passfile, a service or --password-file",
    "mysql": "MYSQL_PWD, an option file or --password-file",
}
_PLACE_USAGE = {
    "backup": "(--repository URL | --dest PATH)",
    "restore": "(--repository URL [--backup ID] | --source PATH)",
    "benchmark": "[--runs N]",
    "compare": "(--repository URL [--backup ID] | --source PATH | --other-database DB | --with-tools)",
}
_METAVARS = {"int": "N", "path": "PATH"}
_TYPES: dict[str, t.Callable[[str], t.Any]] = {"str": str, "int": int, "path": os.path.expanduser}
_SUMMARIES = {
    "backup": "back up one database",
    "restore": "restore one backup into one database",
    "benchmark": "measure both engines on your own database",
    "compare": "compare a database with a backup, or with another one",
}
_REPOSITORY_JOBS = {
    "prune": "remove the backups that no rule of retention keeps",
    "hold": "keep one backup whatever retention says, or release it",
    "copy": "copy a backup, or a set by the id of its globals, to a second repository",
}


@dataclass(frozen=True)
class Command:
    """What the user asked for.

    :param job: the command's first word.
    :param check: only find out what would be done.
    """

    job: str
    given: Given
    check: bool
    json: bool
    debug: bool
    quiet: bool


class RefusePassword(argparse.Action):
    """``--password`` with or without a value: refused, the value forgotten."""

    def __call__(self, *_args: t.Any, **_kwargs: t.Any) -> t.NoReturn:
        raise UsageError("a password cannot be given as an argument", hint=_PASSWORD_HINT)


def parse_arguments(arguments: t.Sequence[str]) -> Command:
    """Understand a command line.

    :raises UsageError: it is not understood; nothing has been done.
    :raises SystemExit: for ``--help`` and ``--version``, which have been printed.
    """
    parser = _parser(arguments)
    namespace, unknown = parser.parse_known_args(arguments)
    values = vars(namespace)
    job, dbms = values.pop("job"), values.pop("dbms", None) or ""
    if unknown:
        raise _not_understood(unknown, job, dbms)
    switches = {name: values.pop(name, False) for name in ("check", "json", "debug", "quiet")}
    if job == "verify" and not _is_repository(values["repository"]):
        values["source"] = values.pop("repository")
    files = {"login_password": values.pop("password_file", None)}
    files["other_password"] = values.pop("other_password_file", None)
    given = given_to_command(job, dbms, values)
    # Read last, so that everything else is known to be right.
    passwords = {name: read_password_file(path) for name, path in files.items() if path}
    if passwords:
        given = given_to_command(job, dbms, {**values, **passwords})
    return Command(job=job, given=given, **switches)


def _parser(arguments: t.Sequence[str]) -> Parser:
    """The whole command's parser, in which only the job that is asked for has its options."""
    parser = Parser(
        prog="dbfleet", description="Back up and restore PostgreSQL, MySQL and MariaDB without their client programs."
    )
    parser.add_argument("--version", action="version", version=f"dbfleet {VERSION}")
    jobs = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    words = [word for word in arguments if not word.startswith("-")]
    asked, dbms = (*words, "", "")[:2]
    for job, summary in _SUMMARIES.items():
        of_job = jobs.add_parser(job, help=summary, description=f"{summary.capitalize()}.")
        if job != asked:
            continue
        kinds = of_job.add_subparsers(dest="dbms", metavar="DBMS", required=True)
        for world in WORLDS:
            _add_transfer(kinds, job, world, with_options=world == DBMS.get(dbms))
    _add_info(jobs, with_options=asked == "info")
    _add_verify(jobs, with_options=asked == "verify")
    for job, summary in _REPOSITORY_JOBS.items():
        _add_repository_job(jobs, job, summary, with_options=asked == job)
    jobs.add_parser("binlog", help="look into MySQL's and MariaDB's binlogs", add_help=False)
    jobs.add_parser("report", help="make a page of how the backups of many databases stand", add_help=False)
    jobs.add_parser("metrics", help="the same as metrics for Prometheus", add_help=False)
    jobs.add_parser("wal", help="physical backups of PostgreSQL and the archive of its WAL", add_help=False)
    jobs.add_parser("job", help="run scheduled jobs, and find out what became of them", add_help=False)
    return parser


def _add_transfer(kinds: t.Any, job: str, world: str, *, with_options: bool) -> None:
    label = "MySQL or MariaDB" if world == "mysql" else "PostgreSQL"
    aliases = ["mariadb"] if world == "mysql" else []
    target = "(--database DB | --file PATH)" if (job, world) == ("restore", "postgresql") else "--database DB"
    parser = kinds.add_parser(
        world,
        aliases=aliases,
        help=label,
        usage=f"dbfleet {job} {world} [OPTION]... {target} {_PLACE_USAGE[job]}",
        description=f"{_SUMMARIES[job].capitalize()}: {label}.",
        epilog=f"The password comes from {_PASSWORD_SOURCES[world]}, never from an argument, which everybody can see.",
    )
    if not with_options:
        return
    connection = parser.add_argument_group("connection")
    work = parser.add_argument_group("what to do")
    for option in options_of(job, world).values():
        add_option(connection if option in CONNECTION else work, option, world)
    connection.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    connection.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)
    if job == "compare":
        work.add_argument("--other-password-file", metavar="FILE", help="the same for the other user")
    elif job != "benchmark":
        work.add_argument(
            "--check", "--dry-run", action="store_true", help="find out what would be done, change nothing"
        )
    _add_output(parser)


def _add_info(jobs: t.Any, *, with_options: bool) -> None:
    parser = jobs.add_parser(
        "info", help="list the backups of a repository, or show one", description="List backups, or show one."
    )
    if not with_options:
        return
    parser.add_argument(
        "repository",
        metavar="REPOSITORY|PATH",
        help="a repository, a backup's file or folder, or any archive or script of PostgreSQL (- for standard input)",
    )
    for option in options_of("info").values():
        if option.name not in ("repository", "source"):
            add_option(parser, option, "")
    _add_output(parser)


def _add_verify(jobs: t.Any, *, with_options: bool) -> None:
    summary = "verify backups: their files, all they hold, or that they can be restored"
    parser = jobs.add_parser("verify", help=summary, description=f"{summary.capitalize()}.")
    if not with_options:
        return
    parser.add_argument("repository", metavar="REPOSITORY|PATH", help="a repository, or a backup's file or folder")
    parser.add_argument("--dbms", choices=list(DBMS), help="the kind of the server for a restore drill")
    connection = parser.add_argument_group("the server for a restore drill")
    for option in options_of("verify").values():
        if option.name not in ("repository", "source"):
            add_option(connection if option in CONNECTION else parser, option, "")
    connection.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    connection.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)
    parser.add_argument("--check", "--dry-run", action="store_true", help="say which backups would be verified")
    _add_output(parser)


def _is_repository(location: str) -> bool:
    """Whether a place is a repository or may be meant as one, and not the file or folder of a backup."""
    return "://" in location or not os.path.exists(location) or os.path.exists(os.path.join(location, MARKER_NAME))


def _add_repository_job(jobs: t.Any, job: str, summary: str, *, with_options: bool) -> None:
    parser = jobs.add_parser(job, help=summary, description=f"{summary.capitalize()}.")
    if not with_options:
        return
    parser.add_argument("repository", metavar="REPOSITORY", help="where the backups of many servers live")
    for option in options_of(job).values():
        if option.name != "repository":
            add_option(parser, option, "")
    parser.add_argument("--check", "--dry-run", action="store_true", help="find out what would be done, change nothing")
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    output.add_argument("--debug", action="store_true", help="show every statement and every decision")
    output.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def add_option(parser: t.Any, option: Option, world: str) -> None:
    """Add an option of the table to a parser, if the command has it.

    :param world: whose flags and choices it gets; empty for those of all.
    """
    if not option.flags:
        return
    text = option.help.replace("%", "%%")
    if option.type == "bool":
        parser.add_argument(*option.flags_in(world), dest=option.name, action="store_true", default=None, help=text)
        return
    repeated = option.type == "list"
    if option.default is not None:
        text = f"{text} (default: {option.default})"
    choices = option.choices_in(world) or None
    metavar = option.metavar or _METAVARS.get(option.type) or option.flags[0].lstrip("-").upper()
    parser.add_argument(
        *option.flags_in(world),
        dest=option.name,
        action="append" if repeated else "store",
        type=_TYPES["str" if repeated else option.type],
        choices=choices,
        metavar=None if choices else metavar,
        help=text,
    )


def _not_understood(unknown: t.Sequence[str], job: str, dbms: str) -> UsageError:
    first = unknown[0]
    help_hint = f"see {' '.join(filter(None, ('dbfleet', job, dbms)))} --help"
    if not first.startswith("-") or first == "-":
        return UsageError("there is an argument too many", hint=help_hint)
    if first.startswith("--"):
        name = first.partition("=")[0]
        if "pass" in name or "pw" in name:
            return UsageError(f"unknown option {name}", hint=_PASSWORD_HINT)
        return UsageError(f"unknown option {name}", hint=_whose(name) or help_hint)
    return UsageError(
        f"unknown option {first[:2]}", hint=_PASSWORD_HINT if first.startswith(("-p", "-W")) else help_hint
    )


def _whose(flag: str) -> str:
    """Where a flag that is not understood here would be."""
    for job in EVERY:
        for option in options_of(job).values():
            if flag in option.flags_in(""):
                kinds = f" {option.worlds[0]}" if len(option.worlds) == 1 else ""
                return f"it is an option of dbfleet {job}{kinds}"
    return ""


def read_password_file(path: str) -> str:
    """The password in a file: its first and only line.

    As libpq has it for private keys, the file must not be readable by others, nor by its group unless root owns it.

    :raises NotFoundError: there is no such file.
    :raises UsageError: others can read it, or it does not hold one line.
    :raises StorageError: it cannot be read.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="surrogateescape", newline="") as file:
            status = os.fstat(file.fileno())
            text = file.read(_PASSWORD_LIMIT + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no password file {path}", path=path) from error
    except OSError as error:
        raise StorageError(f"cannot read the password file {path}: {error.strerror}", path=path) from error
    forbidden = stat.S_IRWXO if status.st_uid == 0 else stat.S_IRWXO | stat.S_IRWXG
    if stat.S_ISREG(status.st_mode) and status.st_mode & forbidden:
        raise UsageError(f"the password file {path} can be read by others", hint=f"chmod 600 {path}", path=path)
    password = text.rstrip("\r\n")
    if not password or "\n" in password or len(text) > _PASSWORD_LIMIT:
        raise UsageError(f"the password file {path} must hold the password, on one line, and nothing else", path=path)
    return password
