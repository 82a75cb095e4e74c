# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal basebackup``: a physical backup of a whole server into a repository."""

from __future__ import annotations

import argparse
import typing as t

from ..progress import Progress
from ..requests.option import WAL_BACKUP
from .copy_text import copy_text
from .text import duration_text, printable, size_text
from .wal_command import Outcome, add_check, add_options, given_of

if t.TYPE_CHECKING:
    from .parser import Parser


def add_arguments(parser: Parser) -> None:
    """The server, how to read it, and where the backup goes."""
    add_options(parser, WAL_BACKUP)
    add_check(parser)


def run(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    """Back up.

    :raises DbfleetError: it failed.
    """
    from ..physical_backup import backup_physical
    from ..requests.wal_backup import wal_backup_request

    request = wal_backup_request(given_of(arguments, WAL_BACKUP), check=arguments.check)
    data = backup_physical(request, progress).to_dict()
    return Outcome(data, basebackup_text(data, check=arguments.check))


def basebackup_text(data: t.Mapping[str, t.Any], *, check: bool) -> str:
    """What a physical backup did, or would do."""
    backup = data["backup"]
    copies = copy_text(data, check=check) if "copies" in data else ""
    if check and data["changed"] and "id" not in backup:
        return f"would back up {printable(backup['cluster'])} into {printable(backup['path'])}\n{copies}"
    if not data["changed"] or check:
        return f"backup {backup['id']} is young enough: {printable(backup['path'])}\n{copies}"
    builds_on = backup["options"].get("incremental")
    what = f"incremental backup {backup['id']} on {builds_on}" if builds_on else f"backup {backup['id']}"
    moment = backup["snapshot"]
    return (
        f"{what}: {size_text(backup['size'])} in {duration_text(backup['duration'])}, WAL {moment['lsn']} to "
        f"{moment['end_lsn']} on timeline {moment['timeline']}: {printable(backup['path'])}\n{copies}"
    )
