# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running helper programs and finding processes by the folder they work in."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import CommandFailed
from .paths import ServerUser, server_user


def identity(user: ServerUser) -> dict[str, Any]:
    """The keyword arguments of ``subprocess`` that make a child run as ``user``."""
    if not user.is_other:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what would steer a database program, plus ``extra``."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PG", "MYSQL_", "MARIADB_")) and key not in {"LD_LIBRARY_PATH", "LD_PRELOAD"}
    }
    kept.update({"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    kept.update(extra or {})
    return kept


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    as_server_user: bool = False,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float = 600,
) -> str:
    """Run a program to its end and return what it printed (both streams).

    :raises CommandFailed: it ended with a non-zero code, did not start or took longer than ``timeout`` seconds.
    """
    command = [str(part) for part in argv]
    try:
        done = subprocess.run(
            command,
            env=dict(clean_environment() if env is None else env),
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            umask=0o022,
            **(identity(server_user()) if as_server_user else {}),
        )
    except OSError as error:
        raise CommandFailed(command, 127, str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command, 124, f"not done after {timeout:.0f} s") from error
    output: str = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise CommandFailed(command, done.returncode, output)
    return output


def start_time(pid: int) -> int | None:
    """When process ``pid`` started, in clock ticks since boot; None if there is no such process (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program name (field 2) is in parentheses and may hold blanks.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def working_in(folder: Path) -> Iterator[int]:
    """The processes whose working directory is ``folder`` or below it."""
    prefix = str(folder)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                where = os.readlink(f"/proc/{entry}/cwd").removesuffix(" (deleted)")
                if where == prefix or where.startswith(prefix + "/"):
                    yield int(entry)


def end_all_in(folder: Path, timeout: float = 10.0) -> None:
    """Kill every process that works in ``folder`` and wait until none is left."""
    deadline = time.monotonic() + timeout
    while True:
        left = [pid for pid in working_in(folder) if pid != os.getpid() and start_time(pid) is not None]
        if not left:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} still work in {folder} {timeout:.0f} s after SIGKILL")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def remove_shared_memory(segment: int) -> None:
    """Remove a System V shared memory segment that a killed PostgreSQL left; it may be gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    ipc_rmid = 0
    libc.shmctl(segment, ipc_rmid, None)
