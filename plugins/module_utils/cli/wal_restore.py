# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal restore``: a data folder as it was at a moment."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_RESTORE
from .text import printable, size_text
from .wal_command import Outcome, add_check, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """The backup, the folder and the moment."""
    add_options(parser, WAL_RESTORE)
    add_check(parser)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Restore.

    :raises DbfleetError: it failed.
    """
    from ..requests.wal_restore import wal_restore_request
    from ..wal_restore import restore_physical

    request = wal_restore_request(given_of(arguments, WAL_RESTORE), check=arguments.check)
    data = restore_physical(request, progress).to_dict()
    return Outcome(data, restore_text(data, check=arguments.check))


def restore_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What a restore did, or would do."""
    restore = data["restore"]
    wal = restore["wal"]
    chain = " + ".join(map(printable, restore["chain"]))
    where = f"{printable(restore['data_folder'])} for {restore['owner']}, {size_text(restore['bytes'])}"
    lines = [f"{'would restore' if check else 'restored'} {chain} to {where}"]
    lines += [f"  tablespace {oid}: {printable(path)}" for oid, path in restore["tablespaces"].items()]
    lines.append(f"  recovery to {printable(restore['target'])} on timeline {restore['timeline']}")
    if wal["segments"]:
        where = "in pg_wal" if restore["staged"] else "fetched by the server"
        lines.append(f"  {wal['segments']} segments of WAL, {wal['first']} to {wal['last']}, {where}")
    if restore["window"]:
        lines.append(f"  reachable: {restore['window']}")
    if check and restore["start"] is not None:
        lines.append(f"  would start the server{_by(restore['start'])}")
    recovered = restore["recovered"]
    if recovered is not None:
        when = f", last transaction at {recovered['time']}" if recovered["time"] else ""
        timeline = f" on timeline {recovered['timeline']}" if recovered["timeline"] else ""
        lines.append(f"  {recovered['state']} at {recovered['lsn'] or 'an unknown place'}{timeline}{when}")
        if recovered["running"]:
            lines.append(f"  the server runs as process {recovered['process']} on port {recovered['port']}")
    return "\n".join(lines) + "\n"


def _by(start: t.Mapping[str, t.Any]) -> str:
    """How a server is started."""
    if start["command"]:
        return f" by {printable(start['command'])}"
    return f" with {printable(start['configuration'])}" if start["configuration"] else ""
