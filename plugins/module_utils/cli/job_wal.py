# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The jobs of ``dbfleet wal`` that can be scheduled, called with options that did not come from a command line."""

from __future__ import annotations

import argparse
import typing as t

from ..errors import UsageError, VerificationError
from ..progress import Progress
from ..requests.option import WAL_ARCHIVE, WAL_BACKUP, WAL_CHECK, WAL_COMBINE, WAL_PRUNE
from ..requests.options import options_of
from .wal import COMMANDS

#: The sub-command that does each.
_COMMANDS = {
    WAL_ARCHIVE: "archive",
    WAL_BACKUP: "basebackup",
    WAL_CHECK: "check",
    WAL_COMBINE: "combine",
    WAL_PRUNE: "prune",
}


def run_wal_job(job: str, values: t.Mapping[str, t.Any], progress: Progress, *, check: bool) -> dict[str, t.Any]:
    """Do it: the result as data.

    :param job: of the table of options.
    :raises DbfleetError: it failed.
    """
    entry = COMMANDS.get(_COMMANDS[job])
    if entry is None:
        raise UsageError(f"this version of dbfleet has no command wal {_COMMANDS[job]}", hint="update it")
    known = {name: option.default for name, option in options_of(job, "postgresql").items()}
    for name in values:
        if name not in known:
            raise UsageError(f"{job} has no option {name}")
    arguments = argparse.Namespace(
        **{**dict.fromkeys(known), **values},
        job=_COMMANDS[job],
        check=check,
        json=False,
        quiet=False,
        password_file=None,
    )
    outcome = entry.load().run(arguments, progress)
    if outcome.exit_code:
        # On the command line the exit code is the answer; a job has failed.
        problems = [str(one["message"]) for one in outcome.data.get("problems", ()) if one.get("needed", True)]
        raise VerificationError(
            f"the archive of WAL is not what it must be: {'; '.join(problems[:3])}",
            hint="find out what happened, and make a new physical backup",
        )
    return outcome.data
