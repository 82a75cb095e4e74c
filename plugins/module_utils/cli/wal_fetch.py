# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal fetch %f %p``: PostgreSQL's ``restore_command``.

Exit codes: 0 the file is there; 1 it is not archived; 255 something failed, on which the server stops recovery; 3 the
same for a standby, which tries again.
"""

from __future__ import annotations

import argparse
import os
import signal
import typing as t

from ..errors import DbfleetError, JobInterrupted
from ..progress import Progress
from ..requests.option import WAL_FETCH
from .parser import Parser
from .wal_command import Outcome, add_options, add_output, given_of

#: A shell's code for a command that a signal ended is this and the signal's number.
_SHELL_SIGNALS = 128


def add_arguments(parser: Parser) -> None:
    """The file, and where the server wants it."""
    parser.add_argument("file", metavar="FILE", help="the file's name (%%f)")
    parser.add_argument("path", metavar="PATH", help="where to put it (%%p)")
    add_options(parser, WAL_FETCH)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Fetch the file.

    :raises DbfleetError: it failed; :func:`failed` says it to the server.
    """
    from ..postgresql.wal.fetch_job import fetch_wal
    from ..postgresql.wal.quick import run_apart
    from ..requests.wal_archive import fetch_request

    request = fetch_request(given_of(arguments, WAL_FETCH), arguments.file, arguments.path, arguments.behind)
    result = fetch_wal(request, run_apart)
    # Nothing is said of it: the server asks for many files that are not there.
    return Outcome(result.to_dict(), "", result.exit_code)


def failed(error: DbfleetError) -> int:
    """The exit code for a failure, wrong arguments included: none that the server takes for "not there"."""
    from ..postgresql.wal.fetch_job import failure_code

    if isinstance(error, JobInterrupted) and error.context.get("signal") == signal.SIGTERM.name:
        # The server is being stopped, and knows by this number that it is not the command's fault.
        return _SHELL_SIGNALS + signal.SIGTERM
    return failure_code()


def refill(arguments: t.Sequence[str]) -> None:
    """Fetch more segments ahead, after one was handed over.

    :param arguments: behind ``fetch``.
    :raises DbfleetError: it failed, which the call for the segment itself will say to the server.
    """
    from ..postgresql.wal.fetch_job import fetch_ahead
    from ..requests.wal_archive import fetch_request

    parser = Parser(prog="dbfleet wal fetch")
    add_arguments(parser)
    add_output(parser)
    given = parser.parse_args(arguments)
    request = fetch_request(given_of(given, WAL_FETCH), given.file, given.path, arguments)
    fetch_ahead(request, os.path.getsize(request.path))
