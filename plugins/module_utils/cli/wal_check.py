# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal check``: whether the archived WAL has no gap, is of the right server, and is what it was."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_CHECK
from .text import printable, table_text
from .wal_command import Outcome, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser

_UNSOUND = 1


def add_arguments(parser: Parser) -> None:
    """Which archives."""
    add_options(parser, WAL_CHECK)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Look at them; the exit code is 1 where something that is needed is not right.

    :raises DbfleetError: it failed.
    """
    from ..requests.wal_check import check_wal_request
    from ..wal_check import check_wal

    result = check_wal(check_wal_request(given_of(arguments, WAL_CHECK)), progress)
    data = result.to_dict()
    return Outcome(data, check_text(data), 0 if result.sound else _UNSOUND, is_answer=True)


def check_text(data: t.Mapping[str, t.Any]) -> str:
    """What there is, and what is wrong with it."""
    lines = []
    for archive in data["archives"]:
        lines.append(
            f"{printable(archive['cluster'])}, system {archive['system_identifier']}, PostgreSQL {archive['version']}\n"
        )
        lines += [
            f"  timeline {one['timeline']}: {one['first']} to {one['last']} ({one['segments']} segments), "
            f"{one['begins']} to {one['ends']}\n"
            for one in archive["ranges"]
        ]
    for problem in data["problems"]:
        needed = "" if problem["needed"] else " (no backup needs it)"
        lines.append(f"{problem['kind']}: {printable(problem['message'])}{needed}\n")
    if data["windows"]:
        head = ("CLUSTER", "BACKUP", "REACHABLE FROM", "TO", "LSN", "GAP")
        lines.append(table_text(head, [_window_row(one) for one in data["windows"]]))
    read = f", {data['read']} files read" if data["read"] else ""
    lines.append(f"{len(data['problems'])} problems{read}\n")
    return "".join(lines)


def _window_row(window: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    begins, ends = window["begins"], window["ends"]
    return (window["cluster"], window["backup"], begins["time"], ends["time"], ends["lsn"], window["gap"] or "-")
