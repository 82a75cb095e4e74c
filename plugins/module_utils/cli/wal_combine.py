# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal combine``: a full backup out of an incremental one and those it builds on."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_COMBINE
from .text import duration_text, printable, size_text
from .wal_command import Outcome, add_check, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """Which chain, and how the new backup is stored."""
    add_options(parser, WAL_COMBINE)
    add_check(parser)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Put it together.

    :raises DbfleetError: it failed.
    """
    from ..physical_combine import combine_backups
    from ..requests.wal_combine import wal_combine_request

    request = wal_combine_request(given_of(arguments, WAL_COMBINE), check=arguments.check)
    data = combine_backups(request, progress).to_dict()
    return Outcome(data, combine_text(data, check=arguments.check))


def combine_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What was put together, or would be."""
    backup = data["backup"]
    chain = " + ".join(map(printable, data["combined"]))
    if not data["changed"]:
        return f"backup {backup['id']} is a full one already: {printable(backup['path'])}\n"
    if check:
        return f"would put {chain} together as a full backup in {printable(backup['path'])}\n"
    return (
        f"full backup {backup['id']} out of {chain}: {size_text(backup['size'])} in "
        f"{duration_text(backup['duration'])}: {printable(backup['path'])}\n"
    )
