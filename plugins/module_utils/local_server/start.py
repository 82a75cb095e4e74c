# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A restored and recovered server started for good, as it is configured."""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import subprocess
import time
import typing as t

from ..errors import RestoreError, StorageError
from ..lazy_dataclass import dataclass
from ..posix_only import pwd
from ..progress import Progress
from .launch import CONFIGURATION, Launch, setting_of
from .process import Program
from .server_log import LogWatch

LOG_NAME = "dbfleet-start.log"
_AUTO_CONFIGURATION = "postgresql.auto.conf"
_USUAL_LOG_FOLDERS = ("log", "pg_log")
_POLL_SECONDS = 0.1
_SECONDS_TO_STOP = 30.0


@dataclass(frozen=True)
class Started:
    """A server that takes connections.

    :param process: the number of its first process.
    :param port: where it listens.
    """

    process: int
    port: int


def start_server(program: Program, data: str, account: str, launch: Launch, progress: Progress) -> Started:
    """Start the server and wait until it takes connections; it outlives this process.

    :param account: whose the folder is, and as whom it runs.
    :raises RestoreError: it does not come up; the error quotes its logs.
    """
    if not launch.configuration and not os.path.exists(os.path.join(data, CONFIGURATION)):
        raise RestoreError(
            f"{data} is restored and recovered; its server was not started, because {CONFIGURATION} is not in there",
            hint="name the configuration (config_file), or start the server by the means of the distribution",
        )
    progress.phase("starting the server")
    log = os.path.join(data, LOG_NAME)
    watch = LogWatch(_logs(data, launch))
    started = time.time()
    command = [*launch.control] or [program.path, "-D", data, *_settings(data, launch)]
    process = _spawn(command, log, data, "" if launch.control else account)
    try:
        while not is_accepting(data):
            ended = process.poll()
            # A command of the distribution ends when the server is there; a server ends when it fails.
            if ended is not None and not (launch.control and ended == 0):
                break
            if ended is not None and not _is_running(data):
                break
            progress.advance(0)
            time.sleep(_POLL_SECONDS)
        else:
            # It is not this process's any more, and nobody will wait for it.
            process.returncode = process.returncode or 0
            return _started(data)
    except BaseException:
        _end(process, data, started)
        raise
    raise RestoreError(
        f"{data} is restored and recovered, but its server does not start: {watch.last_words()}",
        hint="look at its configuration and its log, and start it yourself",
    )


def _settings(data: str, launch: Launch) -> list[str]:
    """A configuration elsewhere may name the data folder of another server."""
    if not launch.configuration:
        return []
    return ["-c", f"config_file={launch.configuration}", "-c", f"data_directory={data}"]


def _logs(data: str, launch: Launch) -> list[str]:
    places = [os.path.join(data, LOG_NAME), *filter(None, (launch.log,))]
    places = [glob.escape(place) for place in places]
    own = os.path.join(data, CONFIGURATION)
    settings = [setting_of(path, "log_directory") for path in (launch.configuration or own, own)]
    settings.append(setting_of(os.path.join(data, _AUTO_CONFIGURATION), "log_directory"))
    folders = {os.path.join(data, name) for name in (*filter(None, settings), *_USUAL_LOG_FOLDERS)}
    return places + [os.path.join(glob.escape(folder), "*") for folder in sorted(folders)]


def _spawn(command: t.Sequence[str], log: str, data: str, account: str) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own.

    :param account: as whom, where this process is root; empty for a command that sees to it itself.
    """
    identity: dict[str, t.Any] = {}
    owner = os.stat(data)
    if os.geteuid() == 0 and account:
        entry = _entry(account)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    names = ("PATH", "LD_LIBRARY_PATH", "TZ", "PG_CLUSTER_CONF_ROOT")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "ab") as output:
            if os.geteuid() == 0:
                os.fchown(output.fileno(), owner.st_uid, owner.st_gid)
            return subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=data,
                env={**environment, "LC_ALL": "C"},
                umask=0o077,
                start_new_session=True,
                **identity,
            )
    except OSError as error:
        raise StorageError(f"cannot start {command[0]}: {error.strerror}", path=command[0]) from error


def _entry(account: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(account)) if account.isdigit() else pwd.getpwnam(account)
    except KeyError as error:
        raise RestoreError(
            f"there is no account {account} to start the server as", hint="start the server yourself"
        ) from error


def _lock_lines(data: str) -> list[str]:
    with contextlib.suppress(OSError), open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:
        return file.read().splitlines()
    return []


def is_accepting(data: str) -> bool:
    """Whether connections are accepted, be it by a server that recovers: the eighth line of its lock file says so."""
    lines = _lock_lines(data)
    return len(lines) >= 8 and lines[7].strip() in ("ready", "standby")


def _is_running(data: str) -> bool:
    lines = _lock_lines(data)
    if not lines or not lines[0].strip().isdigit():
        return False
    try:
        os.kill(int(lines[0]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(data: str) -> Started:
    """The first and fourth lines of the lock file: the process, and its port."""
    lines = _lock_lines(data)
    numbers = [int(line) if line.strip().isdigit() else 0 for line in (*lines, *[""] * 4)[:4]]
    return Started(process=numbers[0], port=numbers[3])


def _end(process: subprocess.Popen[bytes], data: str, since: float) -> None:
    """Nobody waits any more for a server that has not come up: leave none behind."""
    numbers = [process.pid] if process.poll() is None else []
    lines = _lock_lines(data)
    if len(lines) >= 3 and lines[0].strip().isdigit() and lines[2].strip().isdigit() and int(lines[2]) >= int(since):
        numbers.append(int(lines[0]))
    for number in numbers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_SECONDS_TO_STOP)
