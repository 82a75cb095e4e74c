# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The ``dbfleet`` command: the engine's jobs from a terminal, a script or a systemd timer.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import typing as t

from ..boundary import job_boundary
from ..debug_log import debug_log
from ..errors import DbfleetError, StorageError, UsageError
from ..progress import Progress
from .arguments import Command, parse_arguments
from .output import (
    backup_text,
    cluster_backup_text,
    cluster_restore_text,
    cluster_script_text,
    error_data,
    error_text,
    info_text,
    json_line,
    restore_script_text,
    restore_text,
)
from .terminal import progress_sink

if t.TYPE_CHECKING:
    from ..requests.restore import Request

#: A job's result as ``--json`` prints it and as a person reads it.
_Outcome = tuple[dict[str, t.Any], str]


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: without the program's name; ``sys.argv`` by default.
    :return: the exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # Nothing that is written is for others to read, whatever mode it asks for.
    os.umask(0o077)
    _never_fail_on_a_name()
    try:
        if arguments[:1] == ["binlog"]:
            with job_boundary("binlog"):
                _binlogs(arguments[1:])
            return 0
        with job_boundary():
            command = parse_arguments(arguments)
        with job_boundary(command.job):
            data, text = _run(command)
            _deliver(command, data, text)
    except DbfleetError as error:
        return _report(error, as_json="--json" in arguments)
    return 0


def _binlogs(arguments: t.Sequence[str]) -> None:
    # Imported here, because the others do not need it and start the faster.
    from ..mysql.binlog.archive import archive_binlogs
    from ..mysql.binlog.replay_job import replay_binlogs
    from . import binlog

    given = binlog.binlog_arguments(arguments)
    if given.job == "list":
        for line in binlog.binlog_lines(given):
            if not _print(line):
                return
        return
    progress = Progress(progress_sink(sys.stderr, quiet=given.quiet, debug=False))
    try:
        if given.job == "archive":
            data = archive_binlogs(binlog.binlog_archive_request(given), progress).to_dict()
            text = binlog.archive_text(data)
        else:
            data = replay_binlogs(binlog.binlog_replay_request(given), progress).to_dict()
            text = binlog.replay_text(data, check=given.check)
    finally:
        progress.finish()
    if given.json:
        _print(json_line(data))
    elif not given.quiet:
        _tell(text)


def _run(command: Command) -> _Outcome:
    with contextlib.ExitStack() as stack:
        if command.debug:
            stack.enter_context(debug_log(logging.StreamHandler(sys.stderr)))
        progress = Progress(progress_sink(sys.stderr, quiet=command.quiet, debug=command.debug))
        stack.callback(progress.finish)
        return _JOBS[command.job](command, progress)


# Each job imports what it needs itself: importing everything would take longer than many a job.


def _backup(command: Command, progress: Progress) -> _Outcome:
    from ..backup import BackupRequest, backup
    from ..requests.backup import backup_request

    request = backup_request(command.given, check=command.check)
    if not isinstance(request, BackupRequest):
        from ..cluster_backup import backup_cluster

        data = backup_cluster(request, progress).to_dict()
        return data, cluster_backup_text(data, check=command.check)
    data = backup(request, progress).to_dict()
    return data, backup_text(data, check=command.check)


def _restore(command: Command, progress: Progress) -> _Outcome:
    from ..requests.restore import restore_request
    from .standard_input import with_standard_input

    with with_standard_input(restore_request(command.given, check=command.check)) as request:
        return _restored(request, command, progress)


def _restored(request: Request, command: Command, progress: Progress) -> _Outcome:
    from ..cluster_restore import ClusterRestoreRequest, restore_cluster
    from ..cluster_script import ClusterScriptRequest, restore_cluster_script
    from ..restore import restore
    from ..restore_script import STANDARD_OUTPUT, RestoreScriptRequest, restore_to_script

    if isinstance(request, ClusterRestoreRequest):
        data = restore_cluster(request, progress).to_dict()
        return data, cluster_restore_text(data, check=command.check)
    if isinstance(request, ClusterScriptRequest):
        data = restore_cluster_script(request, progress).to_dict()
        return data, cluster_script_text(data, check=command.check)
    if isinstance(request, RestoreScriptRequest):
        if request.file == STANDARD_OUTPUT and command.json:
            raise UsageError("--json and a script cannot both go to standard output", hint="name a file for the script")
        data = restore_to_script(request, progress).to_dict()
        return data, restore_script_text(data, check=command.check)
    data = restore(request, progress).to_dict()
    return data, restore_text(data, check=command.check)


def _info(command: Command, _progress: Progress) -> _Outcome:
    from ..info import info
    from ..requests.info import info_request

    data = info(info_request(command.given)).to_dict()
    return data, info_text(data)


_JOBS: dict[str, t.Callable[[Command, Progress], _Outcome]] = {"backup": _backup, "restore": _restore, "info": _info}


def _deliver(command: Command, data: dict[str, t.Any], text: str) -> None:
    if command.json:
        _print(json_line(data))
    elif command.job == "info":
        # What was asked for goes where it can be piped on from.
        _print(text)
    elif not command.quiet:
        _tell(text)


def _report(error: DbfleetError, *, as_json: bool) -> int:
    _tell(error_text(error))
    if as_json:
        with contextlib.suppress(DbfleetError):
            _print(json_line(error_data(error)))
    return error.exit_code


def _print(text: str) -> bool:
    """Write to standard output.

    :return: whether somebody reads it. A reader who has read enough is no failure.
    :raises StorageError: it could not be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
        return True
    except BrokenPipeError:
        # Python flushes again at exit and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except OSError as error:
        raise StorageError(f"cannot write the result to standard output: {error.strerror}") from error


def _tell(text: str) -> None:
    """Write to standard error, where somebody may or may not look."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _never_fail_on_a_name() -> None:
    """Let names that the terminal's encoding does not have be shown escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
