# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog list``: the transactions of binlog files, and their rows on request."""

from __future__ import annotations

import argparse
import datetime
import json
import typing as t

from ..mysql.binlog.row_text import PlainRow, value_text
from .binlog_options import add_filters, add_row_filters, transaction_filter
from .text import printable, size_text

if t.TYPE_CHECKING:
    from ..mysql.binlog.listing import Listed
    from ..mysql.binlog.row_listing import ListedRow
    from ..mysql.binlog.transactions import Transaction


def add_list(commands: t.Any) -> None:
    """Add the parser."""
    listing = commands.add_parser(
        "list",
        help="list the transactions of binlog files",
        description="List the transactions of binlog files: when, how large, which tables and how many rows.",
        epilog="A time without a zone is this machine's. Row values are shown with --rows only. Every file is "
        "verified to its end.",
    )
    listing.add_argument(
        "files", nargs="+", metavar="FILE|FOLDER", help="binlog files in order, or an archive's folder"
    )
    add_filters(listing)
    add_row_filters(listing, verbs="DROP, DELETE, …")
    listing.add_argument("--rows", action="store_true", help="show the rows too, with their values, which are data")
    listing.add_argument("--json", action="store_true", help="one JSON object a transaction, a line each")


def binlog_lines(arguments: argparse.Namespace) -> t.Iterator[str]:
    """What the command prints, as it is found.

    :raises UsageError: a filter cannot be understood.
    :raises DbfleetError: as :func:`.listing.list_transactions`.
    """
    from ..mysql.binlog.listing import list_transactions
    from ..mysql.binlog.replay_plan import files_in_order

    wanted = transaction_filter(arguments, rows=True)
    if arguments.rows:
        from ..mysql.binlog.row_listing import list_rows

        found = list_rows(files_in_order(arguments.files), wanted)
    else:
        found = ((listed, iter(())) for listed in list_transactions(files_in_order(arguments.files), wanted))
    file = ""
    for listed, rows in found:
        if not arguments.json and listed.file != file:
            file = listed.file
            yield f"{printable(file)}\n"
        yield json.dumps(transaction_data(listed)) + "\n" if arguments.json else transaction_text(listed.transaction)
        for row in rows:
            yield json.dumps({"row": row_data(row)}) + "\n" if arguments.json else row_line(row)


def row_data(row: ListedRow) -> dict[str, t.Any]:
    """A row as ``--json`` prints it."""
    return {"table": row.table, "change": row.change, "before": row.before, "after": row.after}


def row_line(row: ListedRow) -> str:
    """A row as a person reads it; of an update, what it was and then what is different."""
    sign = {"insert": "+", "update": "~", "delete": "-"}[row.change]
    before, after = row.before, row.after
    text = _values(before if before is not None else after or {})
    if before is not None and after is not None:
        different = {name: value for name, value in after.items() if name not in before or before[name] != value}
        text = f"{text} -> {_values(different)}"
    return f"{'':>12}{sign} {printable(row.table)}: {text}\n"


def _values(row: PlainRow) -> str:
    return ", ".join(f"{printable(name)}={printable(value_text(value))}" for name, value in row.items())


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
