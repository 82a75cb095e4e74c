# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal prune``: removing archived WAL that no physical backup needs."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_PRUNE
from .text import size_text
from .wal_command import Outcome, add_check, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """Which archives."""
    add_options(parser, WAL_PRUNE)
    add_check(parser)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Remove it.

    :raises DbfleetError: it failed.
    """
    from ..requests.wal_check import prune_wal_request
    from ..wal_prune import prune_wal

    request = prune_wal_request(given_of(arguments, WAL_PRUNE), check=arguments.check)
    data = prune_wal(request, progress).to_dict()
    size = size_text(sum(one["size"] for one in data["removed"]))
    words = "would remove" if arguments.check else "removed"
    return Outcome(data, f"{words} {len(data['removed'])} files of WAL ({size}), {data['kept']} segments stay\n")
