# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet binlog text``: binlogs in the form that mysqlbinlog gives them, for the server's own client."""

from __future__ import annotations

import argparse
import typing as t

from .binlog_options import add_changes, add_filters, changes_of, transaction_filter

if t.TYPE_CHECKING:
    from ..mysql.binlog.text_form import TextRequest


def add_text(commands: t.Any) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "text",
        help="print transactions as mysqlbinlog does, for the server's own client",
        description="Print transactions as a script in the form that mysqlbinlog gives them, which the client of MySQL "
        "or MariaDB executes. Only whole transactions are printed; every file is read to its end and checked before.",
        epilog="A time without a zone is this machine's. What is printed holds the rows' values.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE|FOLDER", help="binlog files in order, or an archive's folder")
    add_filters(parser)
    add_changes(parser)
    parser.add_argument("--skip-gtids", action="store_true", help="let the server make new identifiers")
    parser.add_argument(
        "--local-load", default="", metavar="DIR", help="where to put files that were loaded by a LOAD DATA statement"
    )


def text_request(arguments: argparse.Namespace) -> TextRequest:
    """What to print.

    :raises UsageError: a value is not valid.
    """
    from ..mysql.binlog.text_form import TextRequest

    return TextRequest(
        paths=tuple(arguments.files),
        wanted=transaction_filter(arguments),
        changes=changes_of(arguments),
        keep_gtids=not arguments.skip_gtids,
        load_folder=arguments.local_load,
    )
