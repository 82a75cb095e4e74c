# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog``: listing, archiving and replaying the binlogs of MySQL and MariaDB."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import re
import typing as t

from ..errors import UsageError
from ..mysql.binlog.archive import ArchiveRequest
from ..mysql.binlog.listing import Listed, TransactionFilter, list_transactions
from ..mysql.binlog.replay_job import ReplayRequest
from ..mysql.binlog.transactions import Transaction
from ..requests.binlog import archive_request
from ..requests.connection import mysql_connection
from ..requests.given import Given, given_to_command
from ..requests.option import MYSQL
from ..requests.options import options_of
from .arguments import RefusePassword, add_option, read_password_file
from .parser import Parser
from .text import printable, size_text

_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d:?\d\d)?")


def binlog_arguments(arguments: t.Sequence[str]) -> argparse.Namespace:
    """Understand what stands behind ``dbfleet binlog``.

    :raises UsageError: it is not understood.
    :raises SystemExit: for ``--help``, which has been printed.
    """
    parser = Parser(
        prog="dbfleet binlog", description="Look into MySQL's and MariaDB's binlogs, archive and replay them."
    )
    commands = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    _add_list(commands)
    _add_archive(commands)
    _add_replay(commands)
    return parser.parse_args(arguments)


def _add_archive(commands: t.Any) -> None:
    parser = commands.add_parser(
        "archive",
        help="copy a server's binlogs into a folder, byte for byte",
        description="Copy a server's binlogs into a folder, byte for byte, from where the last copy ended.",
        epilog="The password comes from MYSQL_PWD, an option file or --password-file, never from an argument.",
    )
    _add_connection(parser, "archive")
    _add_output(parser)


def _add_replay(commands: t.Any) -> None:
    parser = commands.add_parser(
        "replay",
        help="apply the transactions of binlog files to a server",
        description="Apply the transactions of binlog files to a server, up to a moment, each whole or not at all.",
        epilog="A time without a zone is this machine's. The password comes from MYSQL_PWD, an option file or "
        "--password-file, never from an argument.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE|FOLDER", help="binlog files in order, or an archive's folder")
    _add_filters(parser)
    parser.add_argument("--skip-gtids", action="store_true", help="apply them as new transactions of the target")
    parser.add_argument("--check", "--dry-run", action="store_true", help="say what would be applied, change nothing")
    _add_connection(parser, "replay")
    _add_output(parser)


def _add_connection(parser: t.Any, job: str) -> None:
    for option in options_of(job, MYSQL).values():
        add_option(parser, option, MYSQL)
    parser.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    parser.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)


def _add_output(parser: t.Any) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def _add_filters(parser: t.Any) -> None:
    parser.add_argument("--start-datetime", type=_moment, metavar="TIME", help="committed at this time or later")
    parser.add_argument("--stop-datetime", type=_moment, metavar="TIME", help="committed before this time")
    parser.add_argument("--start-position", type=int, default=0, metavar="N", help="from here on in the first file")
    parser.add_argument("--stop-position", type=int, metavar="N", help="before this in the last file")
    parser.add_argument("--include-gtids", default="", metavar="SET", help="only these GTIDs")
    parser.add_argument("--exclude-gtids", default="", metavar="SET", help="all but these GTIDs")
    parser.add_argument("--server-id", type=int, metavar="N", help="made on this server")


def _add_list(commands: t.Any) -> None:
    listing = commands.add_parser(
        "list",
        help="list the transactions of binlog files",
        description="List the transactions of binlog files: when, how large, which tables and how many rows.",
        epilog="A time without a zone is this machine's. Row values are not shown. Every file is verified to its end.",
    )
    listing.add_argument("files", nargs="+", metavar="FILE", help="binlog files in their order, compressed or not")
    _add_filters(listing)
    listing.add_argument("--database", action="append", default=[], metavar="DB", help="that touch this database")
    listing.add_argument("--table", action="append", default=[], metavar="DB.TABLE", help="that touch this table")
    listing.add_argument("--verb", action="append", default=[], metavar="VERB", help="that do this: DROP, DELETE, …")
    listing.add_argument("--json", action="store_true", help="one JSON object a transaction, a line each")


def binlog_archive_request(arguments: argparse.Namespace) -> ArchiveRequest:
    """What to archive.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    return archive_request(_given(arguments))


def binlog_replay_request(arguments: argparse.Namespace) -> ReplayRequest:
    """What to replay.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    return ReplayRequest(
        connection=mysql_connection(_given(arguments)),
        paths=tuple(arguments.files),
        wanted=_filter(arguments),
        keep_gtids=not arguments.skip_gtids,
        check=arguments.check,
    )


def _given(arguments: argparse.Namespace) -> Given:
    values = {name: value for name, value in vars(arguments).items() if name in options_of(arguments.job, MYSQL)}
    if arguments.password_file:
        values["login_password"] = read_password_file(arguments.password_file)
    return given_to_command(arguments.job, MYSQL, values)


def _filter(arguments: argparse.Namespace) -> TransactionFilter:
    return TransactionFilter(
        start=arguments.start_datetime,
        stop=arguments.stop_datetime,
        start_position=arguments.start_position,
        stop_position=arguments.stop_position,
        include_gtids=arguments.include_gtids,
        exclude_gtids=arguments.exclude_gtids,
        server_id=arguments.server_id,
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
    if data["incomplete"]:
        lines.append(f"  not complete, and therefore left out: {data['incomplete']}")
    return "\n".join(lines) + "\n"


def archive_text(data: t.Mapping[str, t.Any]) -> str:
    """What archiving did."""
    sealed = f"{len(data['sealed'])} files completed, " if data["sealed"] else ""
    tail = f"; {data['file']} up to {data['position']}" if data["file"] else ""
    return f"archived binlogs into {printable(data['folder'])}: {sealed}{size_text(data['received'])} received{tail}\n"


def binlog_lines(arguments: argparse.Namespace) -> t.Iterator[str]:
    """What the command prints, as it is found.

    :raises UsageError: a filter cannot be understood.
    :raises DbfleetError: as :func:`list_transactions`.
    """
    wanted = dataclasses.replace(
        _filter(arguments),
        databases=tuple(arguments.database),
        tables=tuple(arguments.table),
        verbs=tuple(verb.upper() for verb in arguments.verb),
    )
    file = ""
    for listed in list_transactions(arguments.files, wanted):
        if arguments.json:
            yield json.dumps(transaction_data(listed)) + "\n"
            continue
        if listed.file != file:
            file = listed.file
            yield f"{printable(file)}\n"
        yield transaction_text(listed.transaction)


def transaction_data(listed: Listed) -> dict[str, t.Any]:
    """A transaction as ``--json`` prints it."""
    transaction = listed.transaction
    moment = datetime.datetime.fromtimestamp(transaction.time // 1_000_000, datetime.timezone.utc)
    return {
        "file": listed.file,
        "start": transaction.start,
        "end": transaction.end,
        "size": transaction.size,
        "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{transaction.time % 1_000_000:06}Z",
        "gtid": transaction.gtid,
        "server_id": transaction.server_id,
        "tables": [
            {"name": name, "inserted": counts.inserted, "updated": counts.updated, "deleted": counts.deleted}
            for name, counts in transaction.rows.items()
        ],
        "statements": [statement.summary for statement in transaction.statements],
        "statement_count": transaction.statement_count,
        "prepared": transaction.prepared,
        "complete": transaction.complete,
        "incident": transaction.incident,
    }


def transaction_text(transaction: Transaction) -> str:
    """A transaction as a person reads it: one line, and one more for each table or statement beyond the first."""
    moment = datetime.datetime.fromtimestamp(transaction.time // 1_000_000).astimezone()
    time = f"{moment:%Y-%m-%d %H:%M:%S}.{transaction.time % 1_000_000:06}{moment:%z}"
    head = f"  {transaction.start:>10}  {time}  {size_text(transaction.size):>10}  {transaction.gtid or '-'}"
    return f"{head}  {('; '.join(map(printable, _deeds(transaction))) or 'nothing')}\n"


def _deeds(transaction: Transaction) -> t.Iterator[str]:
    if transaction.incident:
        yield f"EVENTS ARE MISSING: {transaction.incident}"
    for name, counts in transaction.rows.items():
        numbers = ((counts.inserted, "+"), (counts.updated, "~"), (counts.deleted, "-"))
        yield f"{name} {' '.join(f'{sign}{number}' for number, sign in numbers if number)}"
    for statement in transaction.statements:
        yield statement.summary
    more = transaction.statement_count - len(transaction.statements)
    if more:
        yield f"{more} more statements"
    if transaction.prepared:
        yield "prepared"
    if not transaction.complete:
        yield "NOT COMPLETE"


def _moment(text: str) -> int:
    """A time as microseconds since 1970.

    :raises UsageError: it is not one.
    """
    if not _TIME.fullmatch(text):
        raise UsageError(f"{text!r} is not a time", hint="write 2026-11-22 03:15:00, or with a zone: …+01:00, …Z")
    zoned = re.sub(r"([+-]\d\d):?(\d\d)$", r"\1:\2", text.replace("Z", "+00:00"))
    whole, dot, rest = zoned.partition(".")
    if dot:
        digits = re.match(r"\d+", rest)
        fraction = digits[0] if digits else ""
        zoned = f"{whole}.{fraction:0<6}{rest[len(fraction) :]}"
    try:
        moment = datetime.datetime.fromisoformat(zoned)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: {error}") from error
    if moment.tzinfo is None:
        moment = moment.astimezone()
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)
