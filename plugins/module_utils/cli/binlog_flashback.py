# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog flashback``: undoing chosen changes of rows."""

from __future__ import annotations

import argparse
import typing as t

from ..errors import UsageError
from ..requests.option import REPLAY
from .binlog_options import add_connection, add_filters, add_output, add_row_filters, given_of, transaction_filter
from .text import printable, size_text

if t.TYPE_CHECKING:
    from ..mysql.binlog.flashback_job import FlashbackRequest


def add_flashback(commands: t.Any) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "flashback",
        help="undo chosen changes of rows, if the rows still are as they were left",
        description="Undo chosen changes of rows, the last one first, in one transaction, if every row still is as its "
        "change left it. Without --apply it is only found out what would be undone.",
        epilog="Give the files from the change on up to the present. A time without a zone is this machine's. The "
        "password comes from MYSQL_PWD, an option file or --password-file, never from an argument.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE|FOLDER", help="binlog files in order, or an archive's folder")
    add_filters(parser)
    add_row_filters(parser, verbs="INSERT, UPDATE, DELETE")
    parser.add_argument("--apply", action="store_true", help="undo them")
    parser.add_argument(
        "--check", "--dry-run", action="store_true", help="do everything in a transaction, and take it back"
    )
    parser.add_argument("--sql", action="store_true", help="print the statements, which hold the rows' values")
    parser.add_argument("--fire-triggers", action="store_true", help="undo although triggers would fire")
    parser.add_argument(
        "--ignore-cascades",
        action="store_true",
        help="undo although rows that foreign keys changed with these are not in the log",
    )
    add_connection(parser, REPLAY)
    add_output(parser)


def flashback_request(arguments: argparse.Namespace, show: t.Callable[[str], object]) -> FlashbackRequest:
    """What to undo.

    :param show: takes the statements, where they are asked for.
    :raises UsageError: the options contradict each other or a value is not valid.
    """
    from ..mysql.binlog.flashback_job import APPLY, CHECK, PLAN, FlashbackRequest
    from ..requests.connection import mysql_connection

    if arguments.apply and arguments.check:
        raise UsageError("--apply and --check are the opposite of each other", hint="give one of them")
    if arguments.sql and arguments.json:
        raise UsageError("--sql and --json cannot both go to standard output", hint="give one of them")
    return FlashbackRequest(
        connection=mysql_connection(given_of(arguments, REPLAY)),
        paths=tuple(arguments.files),
        wanted=transaction_filter(arguments, rows=True),
        mode=APPLY if arguments.apply else CHECK if arguments.check else PLAN,
        fire_triggers=arguments.fire_triggers,
        ignore_cascades=arguments.ignore_cascades,
        script=show if arguments.sql else None,
    )


def flashback_text(data: t.Mapping[str, t.Any]) -> str:
    """What was undone, or would be."""
    from ..mysql.binlog.flashback_job import APPLY, CHECK, PLAN

    if not data["transactions"]:
        return "nothing to undo: no rows were chosen\n"
    what = {
        APPLY: "undid",
        CHECK: "could undo, and has taken back,",
        PLAN: "would undo",
    }[data["mode"]]
    rows = f"{data['rows']:,} changes of rows in {data['transactions']:,} transactions ({size_text(data['bytes'])})"
    lines = [f"{what} {rows}"]
    for table in data["tables"]:
        counts = ", ".join(
            f"{table[done]:,} rows {words}"
            for done, words in (
                ("inserted", "brought back"),
                ("updated", "given their values back"),
                ("deleted", "removed"),
            )
            if table[done]
        )
        lines.append(f"  {printable(table['name'])}: {counts}")
    for words, place in (("first", data["first"]), ("last", data["last"])):
        gtid = f" ({place['gtid']})" if place["gtid"] else ""
        lines.append(f"  the {words} transaction: at {place['start']} of {printable(place['file'])}{gtid}")
    if data["incomplete"]:
        lines.append(f"  not complete, and therefore left alone: {data['incomplete']}")
    if data["mode"] == PLAN:
        lines.append(
            "  nothing was changed; --check finds out whether every row still is as it was left, --apply undoes"
        )
    return "\n".join(lines) + "\n"
