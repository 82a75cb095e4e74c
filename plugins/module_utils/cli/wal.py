# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""``dbfleet wal``: physical backups of PostgreSQL, the archive of its WAL, and going back to a moment with them.

Each command is a file of its own with the two functions of :class:`WalCommand`; only the one that was called is
imported, because the server runs ``push`` and ``fetch`` once for every segment.
"""

from __future__ import annotations

import argparse
import sys
import typing as t

from ..errors import DbfleetError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..running_jobs import RunningJobSink
from .parser import Parser
from .terminal import progress_sink
from .wal_command import Outcome, WalCommand, add_output


@dataclass(frozen=True)
class _Entry:
    summary: str
    load: t.Callable[[], WalCommand]


def _archive() -> WalCommand:
    from . import wal_archive

    return wal_archive


def _check() -> WalCommand:
    from . import wal_check

    return wal_check


def _prune() -> WalCommand:
    from . import wal_prune

    return wal_prune


def _push() -> WalCommand:
    from . import wal_push

    return wal_push


def _fetch() -> WalCommand:
    from . import wal_fetch

    return wal_fetch


def _basebackup() -> WalCommand:
    from . import wal_basebackup

    return wal_basebackup


def _combine() -> WalCommand:
    from . import wal_combine

    return wal_combine


def _restore() -> WalCommand:
    from . import wal_restore

    return wal_restore


#: By name; a command that is added here is there.
COMMANDS: dict[str, _Entry] = {
    "basebackup": _Entry("make a physical backup of a whole server", _basebackup),
    "combine": _Entry("make a full backup out of an incremental one and those it builds on", _combine),
    "restore": _Entry("restore a physical backup to a moment, into a data folder", _restore),
    "archive": _Entry("stream a server's log into a repository, once or as a service", _archive),
    "push": _Entry("archive a file that the server hands over (archive_command)", _push),
    "fetch": _Entry("give the server a file that it asks for (restore_command)", _fetch),
    "check": _Entry("find gaps, damage and foreign files in archived WAL, and what can be reached", _check),
    "prune": _Entry("remove archived WAL that no physical backup needs", _prune),
}

#: They are over soon and called often, and the server looks after them.
_CALLED_BY_SERVERS = ("push", "fetch")


def run_wal(arguments: t.Sequence[str], tell: t.Callable[[Outcome, argparse.Namespace], None]) -> int:
    """Do what stands behind ``dbfleet wal``.

    :param tell: is called with the result.
    :return: the exit code.
    :raises DbfleetError: it failed.
    :raises SystemExit: for ``--help``, which has been printed.
    """
    given = _understood(arguments)
    shown = progress_sink(sys.stderr, quiet=given.quiet, debug=False)
    progress = Progress(shown, *([] if given.job in _CALLED_BY_SERVERS else [RunningJobSink(f"wal {given.job}")]))
    try:
        outcome = COMMANDS[given.job].load().run(given, progress)
    finally:
        progress.finish()
    tell(outcome, given)
    return outcome.exit_code


def failed(arguments: t.Sequence[str], error: DbfleetError, usual: int) -> int:
    """The exit code for a failure.

    :param usual: that of other commands.
    """
    if arguments[:1] != ["fetch"]:
        return usual
    from .wal_fetch import failed as fetch_failed

    return fetch_failed(error)


def _understood(arguments: t.Sequence[str]) -> argparse.Namespace:
    """:raises UsageError: it is not understood."""
    parser = Parser(
        prog="dbfleet wal",
        description="Make physical backups of PostgreSQL, archive its WAL, and go back to a moment with both.",
    )
    commands = parser.add_subparsers(dest="job", metavar="COMMAND", required=True)
    for name, entry in COMMANDS.items():
        of_command = commands.add_parser(
            name,
            help=entry.summary,
            description=f"{entry.summary[0].upper()}{entry.summary[1:]}.",
            epilog="A password comes from PGPASSWORD, a passfile, a service or --password-file, not from an argument.",
        )
        if arguments[:1] == [name]:
            entry.load().add_arguments(of_command)
            add_output(of_command)
    namespace = parser.parse_args(arguments)
    # Commands of servers know by them what was done ahead for the same server.
    namespace.behind = tuple(arguments[1:])
    return namespace
