# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A server started from the programs on this host, for one drill: in a private folder, on a private socket, then gone.

Database servers refuse to run as root, so they run as the account that their packages made, else as ``nobody``.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t

from ..errors import DbfleetError, NotFoundError, StorageError
from ..lazy_dataclass import dataclass
from ..posix_only import pwd
from ..streams.file import storage_error

FOLDER_PREFIX = "dbfleet-drill-"
_OWNER_FILE = "owner"
_LOG_FILE = "server.log"
_PR_SET_PDEATHSIG = 1
_SECONDS_TO_START = 120.0
_SECONDS_TO_STOP = 30.0
_POLL_SECONDS = 0.05
_LONGEST_WORDS = 600
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform.startswith("linux") else None


@dataclass(frozen=True)
class Program:
    """A server program.

    :param version: as far as its first words tell: (16, 4), (10, 11, 6).
    """

    path: str
    version: tuple[int, ...]
    words: str


def find_programs(patterns: t.Iterable[str]) -> list[Program]:
    """The programs at these paths (with wildcards) that say their version.

    :returns: the oldest first, each once.
    """
    found: dict[str, Program] = {}
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern))):
        real = os.path.realpath(path)
        if real in found or not os.access(path, os.X_OK):
            continue
        try:
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            # It is for another machine, or no such program at all.
            continue
        words = done.stdout.decode("utf-8", "replace").strip()
        match = re.search(r"(?:\(PostgreSQL\)|Ver) (\d+(?:\.\d+)*)", words)
        if done.returncode == 0 and match is not None:
            found[real] = Program(path, tuple(map(int, match.group(1).split("."))), words)
    return sorted(found.values(), key=lambda program: program.version)


def paths_of(names: t.Sequence[str], folders: t.Sequence[str], given: str) -> list[str]:
    """Where programs may be: in the folder that was given, else in those of PATH and in the usual ones."""
    usual = [*os.environ.get("PATH", "").split(os.pathsep), *folders]
    return [os.path.join(folder, name) for folder in ([given] if given else filter(None, usual)) for name in names]


class PrivateFolder:
    """A folder of the server's account, removed with everything in it.

    :param base: where to make it; the data goes there.
    :param accounts: the accounts to run as, where this process is root.
    """

    def __init__(self, base: str, accounts: t.Sequence[str]) -> None:
        self._account = _account(accounts) if os.geteuid() == 0 else None
        base = base or ("/var/tmp" if os.path.isdir("/var/tmp") else tempfile.gettempdir())
        sweep(base, FOLDER_PREFIX)
        try:
            self.path = tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base)
            own(self.path)
            if self._account is not None:
                os.chown(self.path, self._account.pw_uid, self._account.pw_gid)
        except OSError as error:
            raise storage_error("make a folder in", base, error) from error

    @property
    def log(self) -> str:
        return os.path.join(self.path, _LOG_FILE)

    @property
    def user_name(self) -> str:
        """The account's name."""
        return self._account.pw_name if self._account is not None else pwd.getpwuid(os.geteuid()).pw_name

    def run(self, command: t.Sequence[str], *, why: str) -> None:
        """Run a program to its end.

        :raises NotFoundError: it failed; the error quotes its last words.
        """
        process = self.start(command)
        if process.wait() != 0:
            raise NotFoundError(f"{why}: {command[0]} failed: {self.last_words()}", hint="give a server instead")

    def start(self, command: t.Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program that ends with this process at the latest.

        :raises StorageError: it cannot be started.
        """
        identity: dict[str, t.Any] = {}
        if self._account is not None:
            identity = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
        try:
            with open(self.log, "ab") as log:
                return subprocess.Popen(  # pylint: disable=ansible-bad-function
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.path,
                    env={**environment, "LC_ALL": "C", "HOME": self.path, "TMPDIR": self.path},
                    umask=0o077,
                    # One call into a library that is loaded: nothing that another thread could hold a lock of.
                    preexec_fn=end_with_parent,  # noqa: PLW1509
                    start_new_session=True,
                    **identity,
                )
        except OSError as error:
            raise StorageError(f"cannot start {command[0]}: {error.strerror}", path=command[0]) from error

    def last_words(self) -> str:
        """The end of what the programs have said."""
        with contextlib.suppress(OSError), open(self.log, "rb") as file:
            return " ".join(file.read().decode("utf-8", "replace").split())[-_LONGEST_WORDS:]
        return "nothing was said"

    def remove(self) -> None:
        """:raises StorageError: something could not be removed."""
        remove_folder(self.path)


@contextlib.contextmanager
def running(
    folder: PrivateFolder, command: t.Sequence[str], is_ready: t.Callable[[], bool], stop_signal: signal.Signals
) -> t.Iterator[None]:
    """A server while it runs.

    :raises NotFoundError: it does not come up.
    """
    process = folder.start(command)
    try:
        end = time.monotonic() + _SECONDS_TO_START
        while not is_ready():
            if process.poll() is not None or time.monotonic() > end:
                raise NotFoundError(
                    f"{command[0]} does not come up: {folder.last_words()}", hint="give a server instead"
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        stop(process, stop_signal)


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End a server and everything that it started."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_with_parent() -> None:
    """Between fork and exec: let the kernel end the program if this process is killed. Only Linux can."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _account(names: t.Sequence[str]) -> pwd.struct_passwd:
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NotFoundError(
        f"there is no account to run a server as: {', '.join(names)}, nobody", hint="run it as a user other than root"
    )


def own(folder: str) -> None:
    """Note in a folder that it is this process's, for :func:`sweep`."""
    with open(os.path.join(folder, _OWNER_FILE), "w", encoding="ascii") as file:
        file.write(f"{os.getpid()} {_start_time(os.getpid())}\n")


def _start_time(pid: int) -> str:
    """When a process began, in the kernel's ticks: with its number, it is that very process. Empty where unknown."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[19]
    return ""


def sweep(base: str, prefix: str) -> None:
    """Remove the folders of jobs that were killed, by how their names begin; what ran in them ended with them."""
    for path in glob.glob(os.path.join(glob.escape(base), f"{prefix}*")):
        try:
            with open(os.path.join(path, _OWNER_FILE), encoding="ascii") as file:
                pid, _blank, began = file.read().strip().partition(" ")
        except (OSError, UnicodeDecodeError):
            # It belongs to somebody else, or is just being made.
            continue
        if began and pid.isdigit() and _start_time(int(pid)) != began:
            with contextlib.suppress(DbfleetError):
                remove_folder(path)


def remove_folder(path: str) -> None:
    """:raises StorageError: something could not be removed."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("remove", path, error) from error
