# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The ``dbfleet`` command: the engine's jobs from a terminal, a script or a systemd timer.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import typing as t

from ..boundary import job_boundary
from ..debug_log import debug_log
from ..errors import DbfleetError, StorageError
from ..progress import Progress
from ..running_jobs import RunningJobSink
from .arguments import Command, parse_arguments
from .calls import CALLS, Outcome
from .output import error_data, error_text, json_line
from .terminal import progress_sink

if t.TYPE_CHECKING:
    from .wal_command import Outcome as WalOutcome


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
        if arguments[:1] == ["wal"]:
            return _wal(arguments[1:])
        if arguments[:1] == ["job"]:
            with job_boundary("job"):
                return _job(arguments[1:])
        if arguments[:1] in (["report"], ["metrics"]):
            with job_boundary():
                _overview(arguments)
            return 0
        with job_boundary():
            command = parse_arguments(arguments)
        with job_boundary(command.job):
            data, text = _run(command)
            _deliver(command, data, text)
            if command.job == "compare" and not data["equal"]:
                return 1
    except DbfleetError as error:
        return _report(error, as_json="--json" in arguments)
    return 0


def _overview(arguments: t.Sequence[str]) -> None:
    if arguments[0] == "report":
        from .report import run_report as run
    else:
        from .metrics import run_metrics as run
    shown, is_result = run(arguments[1:])
    text = shown if isinstance(shown, str) else "".join(json_line(shown))
    if is_result:
        _print(text)
    else:
        _tell(text)


def _binlogs(arguments: t.Sequence[str]) -> None:
    # Imported here, because the others do not need it and start the faster.
    from . import binlog

    given = binlog.binlog_arguments(arguments)
    if given.job == "list":
        from . import binlog_list

        for line in binlog_list.binlog_lines(given):
            if not _print(line):
                return
        return
    if given.job == "text":
        from ..mysql.binlog.text_form import write_text
        from .binlog_text import text_request

        write_text(text_request(given), _print_bytes, Progress())
        _print("")
        return
    shown = progress_sink(sys.stderr, quiet=given.quiet, debug=False)
    progress = Progress(shown, RunningJobSink(f"binlog {given.job}"))
    try:
        data, text = _binlog_job(given, progress)
    finally:
        progress.finish()
    if given.json:
        _print(json_line(data))
    elif not given.quiet:
        _tell(text)


def _job(arguments: t.Sequence[str]) -> int:
    from . import job

    given = job.job_arguments(arguments)
    outcome = job.run_job_command(given, lambda text: _tell(f"warning: {text}\n"))
    if given.json:
        _print(json_line(outcome.data))
    elif given.job == "check" and not (given.quiet and not outcome.exit_code):
        # What was asked for goes where it can be piped on from.
        _print(outcome.text)
    elif not given.quiet:
        _tell(outcome.text)
    return outcome.exit_code


def _wal(arguments: t.Sequence[str]) -> int:
    # Imported here, because the others do not need it and start the faster.
    from .wal import failed, run_wal

    try:
        with job_boundary("wal"):
            return run_wal(arguments, _tell_wal)
    except DbfleetError as error:
        return failed(arguments, error, _report(error, as_json="--json" in arguments))


def _tell_wal(outcome: WalOutcome, given: argparse.Namespace) -> None:
    if given.json:
        _print(json_line(outcome.data))
    elif outcome.is_answer:
        _print(outcome.text)
    elif not given.quiet:
        _tell(outcome.text)


def _binlog_job(given: argparse.Namespace, progress: Progress) -> Outcome:
    from . import binlog

    if given.job in ("restore", "prune"):
        from .binlog_jobs import run_job

        return run_job(given, progress)
    if given.job == "flashback":
        from ..mysql.binlog.flashback_job import flashback
        from . import binlog_flashback

        data = flashback(binlog_flashback.flashback_request(given, _print), progress).to_dict()
        return data, binlog_flashback.flashback_text(data)
    if given.job == "archive":
        from ..mysql.binlog.archive import archive_binlogs

        data = archive_binlogs(binlog.binlog_archive_request(given), progress).to_dict()
        return data, binlog.archive_text(data)
    from ..mysql.binlog.replay_job import replay_binlogs

    data = replay_binlogs(binlog.binlog_replay_request(given), progress).to_dict()
    return data, binlog.replay_text(data, check=given.check)


def _run(command: Command) -> Outcome:
    with contextlib.ExitStack() as stack:
        if command.debug:
            stack.enter_context(debug_log(logging.StreamHandler(sys.stderr)))
        shown = progress_sink(sys.stderr, quiet=command.quiet, debug=command.debug)
        progress = Progress(shown, RunningJobSink(command.job))
        stack.callback(progress.finish)
        return CALLS[command.job](command, progress)


def _deliver(command: Command, data: dict[str, t.Any], text: str) -> None:
    if command.json:
        _print(json_line(data))
    elif command.job in ("info", "compare", "benchmark"):
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


def _print(text: str | t.Iterable[str]) -> bool:
    """Write to standard output.

    :param text: whole, or in pieces.
    :return: whether somebody reads it. A reader who has read enough is no failure.
    :raises StorageError: it could not be written.
    """
    return _to_standard_output(lambda: sys.stdout.writelines([text] if isinstance(text, str) else text))


def _print_bytes(data: bytes) -> bool:
    """The same with bytes of any kind; what is written is flushed at the end only."""
    return _to_standard_output(lambda: sys.stdout.buffer.write(data), flush=False)


def _to_standard_output(write: t.Callable[[], object], *, flush: bool = True) -> bool:
    try:
        write()
        if flush:
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
