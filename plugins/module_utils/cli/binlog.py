# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog``: what MySQL's and MariaDB's binlogs hold."""

from __future__ import annotations

import argparse
import datetime
import json
import re
import typing as t

from ..errors import UsageError
from ..mysql.binlog.archive import ArchiveRequest
from ..mysql.binlog.listing import Listed, TransactionFilter, list_transactions
from ..mysql.binlog.transactions import Transaction
from ..requests.binlog import archive_request
from ..requests.given import given_to_command
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
    parser = Parser(prog="dbfleet binlog", description="Look into MySQL's and MariaDB's binlogs, and archive them.")
    commands = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    _add_list(commands)
    _add_archive(commands)
    return parser.parse_args(arguments)


def _add_archive(commands: t.Any) -> None:
    parser = commands.add_parser(
        "archive",
        help="copy a server's binlogs into a folder, byte for byte",
        description="Copy a server's binlogs into a folder, byte for byte, from where the last copy ended.",
        epilog="The password comes from MYSQL_PWD, an option file or --password-file, never from an argument.",
    )
    for option in options_of("archive", MYSQL).values():
        add_option(parser, option, MYSQL)
    parser.add_argument("--password-file", metavar="FILE", help="a private file that holds the password alone")
    parser.add_argument("--password", nargs="?", action=RefusePassword, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--quiet", action="store_true", help="show nothing but warnings and errors")


def _add_list(commands: t.Any) -> None:
    listing = commands.add_parser(
        "list",
        help="list the transactions of binlog files",
        description="List the transactions of binlog files: when, where, how large, which tables and how many rows.",
        epilog="A time without a zone is this machine's. Row values are not shown. Every file is verified to its end.",
    )
    listing.add_argument("files", nargs="+", metavar="FILE", help="binlog files in their order, compressed or not")
    listing.add_argument("--start-datetime", type=_moment, metavar="TIME", help="committed at this time or later")
    listing.add_argument("--stop-datetime", type=_moment, metavar="TIME", help="committed before this time")
    listing.add_argument(
        "--start-position", type=int, default=0, metavar="N", help="from this offset of the first file"
    )
    listing.add_argument("--stop-position", type=int, metavar="N", help="before this in the last file")
    listing.add_argument("--include-gtids", default="", metavar="SET", help="only these GTIDs")
    listing.add_argument("--exclude-gtids", default="", metavar="SET", help="all but these GTIDs")
    listing.add_argument("--database", action="append", default=[], metavar="DB", help="that touch this database")
    listing.add_argument("--table", action="append", default=[], metavar="DB.TABLE", help="that touch this table")
    listing.add_argument("--verb", action="append", default=[], metavar="VERB", help="that do this: DROP, DELETE, …")
    listing.add_argument("--server-id", type=int, metavar="N", help="made on this server")
    listing.add_argument("--json", action="store_true", help="one JSON object a transaction, a line each")


def binlog_archive_request(arguments: argparse.Namespace) -> ArchiveRequest:
    """What to archive.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    values = {name: value for name, value in vars(arguments).items() if name in options_of("archive", MYSQL)}
    if arguments.password_file:
        values["login_password"] = read_password_file(arguments.password_file)
    return archive_request(given_to_command("archive", MYSQL, values))


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
    wanted = TransactionFilter(
        start=arguments.start_datetime,
        stop=arguments.stop_datetime,
        start_position=arguments.start_position,
        stop_position=arguments.stop_position,
        include_gtids=arguments.include_gtids,
        exclude_gtids=arguments.exclude_gtids,
        databases=tuple(arguments.database),
        tables=tuple(arguments.table),
        verbs=tuple(verb.upper() for verb in arguments.verb),
        server_id=arguments.server_id,
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
