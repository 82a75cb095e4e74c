# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where builds, templates, running instances and state are kept, and who the servers run as."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SYSTEM_CACHE = Path("/var/cache/dbfleet")


@dataclass(frozen=True)
class ServerUser:
    """The user that server processes run as."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether the caller must change its identity to become this user."""
        return self.uid != os.geteuid()


@cache
def server_user() -> ServerUser:
    """The unprivileged user of the servers: the caller, or ``nobody`` when root calls (servers refuse root)."""
    entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return ServerUser(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _open_to_everyone(path: Path) -> bool:
    """Whether any user may walk to ``path`` (its missing tail will be created by us, world-readable)."""
    for folder in (path, *path.parents):
        with contextlib.suppress(FileNotFoundError):
            if not folder.stat().st_mode & 0o001:
                return False
    return True


def cache_dir() -> Path:
    """The root of everything that is downloaded or initialised once; outside the checkout.

    ``$DBFLEET_CACHE``, else ``$XDG_CACHE_HOME/dbfleet``, else ``~/.cache/dbfleet``; for root a world-readable system
    folder when that one lies below a private home, since the servers of root run as another user.
    """
    chosen = os.environ.get("DBFLEET_CACHE")
    if chosen:
        path = Path(chosen).absolute()
        if server_user().is_other and not _open_to_everyone(path):
            raise PermissionError(
                f"DBFLEET_CACHE={path}: the servers run as {server_user().name}, which cannot enter this folder; "
                "choose one outside private homes"
            )
        return path
    base = os.environ.get("XDG_CACHE_HOME")
    path = (Path(base) if base else Path.home() / ".cache").absolute() / "dbfleet"
    if server_user().is_other and not _open_to_everyone(path):
        return SYSTEM_CACHE
    return path


def builds_dir() -> Path:
    """Unpacked builds, one folder each."""
    return _made(cache_dir() / "builds")


def templates_dir() -> Path:
    """Initialised data folders, one per build and user."""
    return _made(cache_dir() / "templates")


def apt_dir(suite: str) -> Path:
    """The private apt state of one Debian suite."""
    return _made(cache_dir() / "apt" / suite)


def state_dir() -> Path:
    """Records of the servers that the command line of *this* checkout started; ``$DBFLEET_STATE`` if set."""
    chosen = os.environ.get("DBFLEET_STATE")
    if chosen:
        return _made(Path(chosen).absolute())
    checkout = hashlib.sha256(str(Path(__file__).resolve().parents[2]).encode()).hexdigest()[:12]
    return _made(cache_dir() / "state" / f"{checkout}-{os.geteuid()}")


def run_dir() -> Path:
    """The parent of this user's instance folders, made if missing.

    Short, since socket paths are limited to 107 bytes: below ``$DBFLEET_SERVERS_DIR``, else ``/tmp``.

    :raises PermissionError: somebody else has made it.
    """
    path = Path(os.environ.get("DBFLEET_SERVERS_DIR", "/tmp")).absolute() / f"dbf-{os.geteuid()}"
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise PermissionError(f"{path} is not a folder of {os.geteuid()}; remove it") from None
    else:
        path.chmod(0o755)
        _spread_subfolders(path)
    return path


def _spread_subfolders(path: Path) -> None:
    """Let ext4 put every subfolder elsewhere on the disk (chattr +T); other file systems do not know this.

    Without a journal, ext4 does not reuse the inodes of files that were deleted in the last minutes and looks at each
    of them for every new file nearby: copying a data folder then takes a second, not 0.06 s, in a long test run.
    """
    get_flags, set_flags, top_of_hierarchy = 0x80086601, 0x40086602, 0x00020000
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, get_flags, bytes(struct.calcsize("l"))))
            fcntl.ioctl(descriptor, set_flags, struct.pack("l", flags | top_of_hierarchy))
    finally:
        os.close(descriptor)


def _made(path: Path) -> Path:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):
            folder.chmod(0o755)
    return path


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the machine-wide lock ``name`` of this cache, so that two runs side by side do not meet."""
    path = _made(cache_dir() / "locks") / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
