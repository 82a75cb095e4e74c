# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The commands of ``dbfleet binlog`` that need a repository: going back to a moment, and removing old binlogs."""

from __future__ import annotations

import argparse
import datetime
import typing as t

from ..progress import Progress
from ..requests.given import Given, given_to_command
from ..requests.option import MYSQL, PRUNE_BINLOGS, REWIND
from ..requests.options import options_of
from .arguments import RefusePassword, add_option, read_password_file
from .text import printable, size_text

RESTORE, PRUNE = "restore", "prune"


def add_restore(commands: t.Any) -> None:
    """Add the parser of going back to a moment."""
    parser = commands.add_parser(
        RESTORE,
        help="restore a backup and replay the archived binlogs behind it, up to a moment",
        description="Restore the newest suitable backup of a repository and replay the archived binlogs behind it, up "
        "to a moment. Everything is read and checked before the target is touched.",
        epilog="A time without a zone is this machine's. The password comes from MYSQL_PWD, an option file or "
        "--password-file, never from an argument.",
    )
    _add_options(parser, REWIND)
    parser.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    parser.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)


def add_prune(commands: t.Any) -> None:
    """Add the parser of removing old binlogs."""
    parser = commands.add_parser(
        PRUNE,
        help="remove archived binlogs that no backup needs",
        description="Remove the archived binlogs of a repository from before the first that one of its backups needs. "
        "A cluster without a full backup keeps all.",
    )
    _add_options(parser, PRUNE_BINLOGS)


def _add_options(parser: t.Any, job: str) -> None:
    for option in options_of(job, MYSQL).values():
        add_option(parser, option, MYSQL)
    parser.add_argument("--check", "--dry-run", action="store_true", help="say what would be done, change nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def run_job(arguments: argparse.Namespace, progress: Progress) -> tuple[dict[str, t.Any], str]:
    """Do what was asked for: the result as data, and as a person reads it.

    :raises DbfleetError: it failed.
    """
    if arguments.job == PRUNE:
        return _pruned(arguments, progress)
    from ..point_in_time import restore_to_moment
    from ..requests.point_in_time import point_in_time_request

    request = point_in_time_request(_given(arguments, REWIND), check=arguments.check)
    data = restore_to_moment(request, progress).to_dict()
    return data, restored_text(data, check=arguments.check)


def _pruned(arguments: argparse.Namespace, progress: Progress) -> tuple[dict[str, t.Any], str]:
    from ..binlog_prune import prune_binlogs
    from ..requests.binlog_prune import prune_binlogs_request

    request = prune_binlogs_request(_given(arguments, PRUNE_BINLOGS), check=arguments.check)
    data = prune_binlogs(request, progress).to_dict()
    return data, pruned_text(data, check=arguments.check)


def pruned_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What pruning removed, or would remove."""
    size = size_text(sum(one["size"] for one in data["removed"]))
    head = f"{'would remove' if check else 'removed'} {len(data['removed'])} binlogs ({size}), {data['kept']} stay\n"
    return head + "".join(f"  {printable(one['path'])}\n" for one in data["removed"])


def _given(arguments: argparse.Namespace, job: str) -> Given:
    values = {name: value for name, value in vars(arguments).items() if name in options_of(job, MYSQL)}
    if getattr(arguments, "password_file", None):
        values["login_password"] = read_password_file(arguments.password_file)
    return given_to_command(job, MYSQL, values)


def restored_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What going back to a moment did, or would do."""
    replay, backup = data["replay"], data["backup"]
    what = f"database {backup['database']!r}" if backup["database"] else "all databases"
    into = data["restore"].get("database")
    if backup["database"] and into and into != backup["database"]:
        what += f" as {into!r}"
    lines = [
        f"{'would restore' if check else 'restored'} {what} to {printable(replay['target'])}",
        (
            f"  backup {backup['id']}, then {replay['transactions']:,} transactions ({size_text(replay['bytes'])}) "
            f"of {len(replay['files'])} binlogs"
        ),
    ]
    if replay["emptied"]:
        lines.append(f"  nothing is left of {replay['emptied']:,} of them, which are of other databases")
    for words, place in (("the last one", replay["last"]), ("the first one left out", replay["left_out"])):
        if place:
            moment = datetime.datetime.fromtimestamp(place["time"]).astimezone()
            gtid = f" ({place['gtid']})" if place["gtid"] else ""
            lines.append(f"  {words}: at {place['start']} of {printable(place['file'])}{gtid}, {moment:%F %T.%f%z}")
    return "\n".join(lines) + "\n"
