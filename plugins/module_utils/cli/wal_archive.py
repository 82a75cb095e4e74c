# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal archive [--follow]``: streaming a server's log into a repository."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_ARCHIVE
from .text import printable, size_text
from .wal_command import Outcome, add_check, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """The server, and where its log goes."""
    add_options(parser, WAL_ARCHIVE)
    add_check(parser)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Archive.

    :raises DbfleetError: it failed.
    """
    from ..postgresql.wal.archive_job import archive_wal
    from ..requests.wal_archive import wal_archive_request

    request = wal_archive_request(given_of(arguments, WAL_ARCHIVE), check=arguments.check)
    data = archive_wal(request, progress).to_dict()
    return Outcome(data, archive_text(data, check=arguments.check))


def archive_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What archiving did, or would do."""
    if check:
        return f"would archive {size_text(data['received'])} into {printable(data['folder'])}\n"
    sealed = f"{len(data['sealed'])} segments completed, " if data["sealed"] else ""
    return (
        f"archived WAL into {printable(data['folder'])}: {sealed}{size_text(data['received'])} received, "
        f"up to {data['lsn']} on timeline {data['timeline']}\n"
    )
