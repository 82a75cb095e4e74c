# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal push %p``: PostgreSQL's ``archive_command``."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_PUSH
from .wal_command import Outcome, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """The file, and where it goes."""
    parser.add_argument("file", metavar="FILE", help="the file to archive (%%p)")
    add_options(parser, WAL_PUSH)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Archive the file.

    :raises DbfleetError: it is not archived.
    """
    from ..postgresql.wal.push import push_wal
    from ..requests.wal_archive import push_request

    result = push_wal(push_request(given_of(arguments, WAL_PUSH), arguments.file, arguments.behind), progress)
    # A server's log would get a line for every segment.
    text = f"archived {result.file} and {len(result.ahead)} more\n" if result.ahead else ""
    return Outcome(result.to_dict(), text)
