# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog``: listing, archiving and replaying the binlogs of MySQL and MariaDB."""

from __future__ import annotations

import argparse
import typing as t

from ..mysql.binlog.applier_names import APPLIERS, AUTO
from .binlog_options import (
    add_changes,
    add_connection,
    add_filters,
    add_output,
    changes_of,
    given_of,
    transaction_filter,
)
from .parser import Parser
from .text import printable, size_text

if t.TYPE_CHECKING:
    from ..mysql.binlog.archive import ArchiveRequest
    from ..mysql.binlog.replay_job import ReplayRequest

# What only one of the jobs needs is imported where it begins.


def binlog_arguments(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Understand what stands behind ``dbfleet binlog``.

    :raises UsageError: it is not understood.
    :raises SystemExit: for ``--help``, which has been printed.
    """
    parser = Parser(
        prog="dbfleet binlog", description="Look into MySQL's and MariaDB's binlogs, archive and replay them."
    )
    commands = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    # All of them are only for the help: each has options and modules of its own.
    asked = next((word for word in arguments if not word.startswith("-")), "")
    for add in (_ADD[asked],) if asked in _ADD else _ADD.values():
        add(commands)
    return parser.parse_args(arguments)


def _add_list(commands: t.Any) -> None:
    from .binlog_list import add_list

    add_list(commands)


def _add_archive(commands: t.Any) -> None:
    parser = commands.add_parser(
        "archive",
        help="copy a server's binlogs into a folder, byte for byte",
        description="Copy a server's binlogs into a folder, byte for byte, from where the last copy ended.",
        epilog="The password comes from MYSQL_PWD, an option file or --password-file, never from an argument.",
    )
    add_connection(parser, "archive")
    add_output(parser)


def _add_replay(commands: t.Any) -> None:
    parser = commands.add_parser(
        "replay",
        help="apply the transactions of binlog files to a server",
        description="Apply the transactions of binlog files to a server, up to a moment, each whole or not at all.",
        epilog="A time without a zone is this machine's. The password comes from MYSQL_PWD, an option file or "
        "--password-file, never from an argument.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE|FOLDER", help="binlog files in order, or an archive's folder")
    add_filters(parser)
    parser.add_argument("--skip-gtids", action="store_true", help="apply them as new transactions of the target")
    add_changes(parser)
    parser.add_argument(
        "--applier",
        choices=APPLIERS,
        default=AUTO,
        help="by BINLOG statements over the connection, or faster by the target's own applier as a replica of this "
        "command (default: auto, which chooses and says why)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a replay by a replica that was interrupted")
    parser.add_argument("--check", "--dry-run", action="store_true", help="say what would be applied, change nothing")
    add_connection(parser, "replay")
    add_output(parser)


def _add_flashback(commands: t.Any) -> None:
    from .binlog_flashback import add_flashback

    add_flashback(commands)


def _add_text(commands: t.Any) -> None:
    from .binlog_text import add_text

    add_text(commands)


def _add_restore(commands: t.Any) -> None:
    from .binlog_jobs import add_restore

    add_restore(commands)


def _add_prune(commands: t.Any) -> None:
    from .binlog_jobs import add_prune

    add_prune(commands)


_ADD: dict[str, t.Callable[[t.Any], None]] = {
    "list": _add_list,
    "archive": _add_archive,
    "replay": _add_replay,
    "flashback": _add_flashback,
    "text": _add_text,
    "restore": _add_restore,
    "prune": _add_prune,
}


def binlog_archive_request(arguments: argparse.Namespace) -> ArchiveRequest:
    """What to archive.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    from ..requests.binlog import archive_request

    return archive_request(given_of(arguments, arguments.job))


def binlog_replay_request(arguments: argparse.Namespace) -> ReplayRequest:
    """What to replay.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    from ..mysql.binlog.replay_job import ReplayRequest
    from ..requests.applier_source import applier_source
    from ..requests.connection import mysql_connection

    given = given_of(arguments, arguments.job)
    return ReplayRequest(
        connection=mysql_connection(given),
        source=applier_source(given),
        paths=tuple(arguments.files),
        wanted=transaction_filter(arguments),
        keep_gtids=not arguments.skip_gtids,
        check=arguments.check,
        changes=changes_of(arguments),
        applier=arguments.applier,
        resume=arguments.resume,
    )


def replay_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What replaying did, or would do."""
    if not data["transactions"]:
        return "nothing to replay: no transaction is wanted\n"
    lines = [
        f"{'would apply' if check else 'applied'} {data['transactions']:,} transactions ({size_text(data['bytes'])})"
    ]
    for words, place in (("the last one", data["last"]), ("the first one left out", data["left_out"])):
        if place:
            gtid = f" ({place['gtid']})" if place["gtid"] else ""
            lines.append(f"  {words}: at {place['start']} of {printable(place['file'])}{gtid}")
    if data["applier"]:
        lines.append(f"  applier {data['applier']}: {data['applier_reason']}")
    if data["emptied"]:
        lines.append(f"  nothing is left of {data['emptied']:,} of them")
    if data["incomplete"]:
        lines.append(f"  not complete, and therefore left out: {data['incomplete']}")
    return "\n".join(lines) + "\n"


def archive_text(data: t.Mapping[str, t.Any]) -> str:
    """What archiving did."""
    sealed = f"{len(data['sealed'])} files completed, " if data["sealed"] else ""
    tail = f"; {data['file']} up to {data['position']}" if data["file"] else ""
    return f"archived binlogs into {printable(data['folder'])}: {sealed}{size_text(data['received'])} received{tail}\n"
