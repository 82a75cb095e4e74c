# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this machine can run hosts, and where what belongs to them is kept."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.servers.paths import cache_dir

from .errors import FleetError, FleetUnavailable

_PROGRAMS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
_WATCH_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# What a systemd with its ssh sessions needs at least.
_WATCHES_OF_HOST = 8
_WATCHES = 256
# A copy of a layer that is written to cannot itself lie on an overlay.
_UNFIT_FILE_SYSTEMS = {"overlay", "nfs", "nfs4", "fuse", "9p", "virtiofs"}


def require() -> None:
    """Check that hosts can run here.

    :raises FleetUnavailable: they cannot; the text says why.
    """
    reason = _reason()
    if reason is not None:
        raise FleetUnavailable(reason)


# What every host needs of the kernel, on the file system that will hold it.
_PROBE = """
mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
ip link add br0 type bridge
ip link add veth0 type veth peer name veth1
"""


def probe() -> None:
    """Try what hosts are made of; containers forbid some of it even to root.

    :raises FleetUnavailable: something is not permitted here.
    """
    require()
    images_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=images_dir()) as folder:
        for name in ("lower", "upper", "work", "root"):
            Path(folder, name).mkdir()
        words = ["unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private"]
        done = subprocess.run(
            [*words, "sh", "-euc", _PROBE, "probe", folder], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise FleetUnavailable(f"namespaces, mounts or network devices are not permitted here: {said}")
    try:
        for root in cgroup_roots():
            group = root / f"dbfleet-probe-{os.getpid()}"
            group.mkdir()
            group.rmdir()
    except OSError as error:
        raise FleetUnavailable(f"groups of processes cannot be made here: {error}") from error


def allow_watches(hosts: int) -> None:
    """Let the kernel give root as many inotify instances as so many hosts need, which share the limit of one user.

    The limit, which other fleets and whatever else root runs have a part of, stays raised until the next boot.

    :raises FleetUnavailable: the limit is too low and cannot be raised from here.
    """
    allowed, needed = int(_WATCH_LIMIT.read_text()), hosts * _WATCHES_OF_HOST
    if allowed >= _WATCHES + 2 * needed:
        return
    try:
        _WATCH_LIMIT.write_text(str(_WATCHES + 2 * needed))
    except OSError as error:
        if allowed < needed:
            raise FleetUnavailable(f"{hosts} hosts need fs.inotify.max_user_instances={needed}: {error}") from error


def _reason() -> str | None:
    if platform.system() != "Linux":
        return "hosts are namespaces of the Linux kernel, and this is not Linux"
    if os.geteuid() != 0:
        return "only root can start hosts"
    missing = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        return f"programs are missing: apt-get install --no-install-recommends {' '.join(missing)}"
    if unified_cgroup() is None:
        return "there is no cgroup2 hierarchy in /sys/fs/cgroup, and systemd cannot boot without one"
    if "overlay" not in Path("/proc/filesystems").read_text() and not Path("/sys/module/overlay").exists():
        return "the kernel has no overlay file system"
    found = file_system(cache_dir())
    if found in _UNFIT_FILE_SYSTEMS:
        return f"{cache_dir()} is on {found}, which cannot hold a writable layer; set DBFLEET_CACHE to another place"
    return None


def file_system(path: Path) -> str:
    """The type of the file system that holds ``path``, which may not exist yet."""
    while not path.exists():
        path = path.parent
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where, found = line.split()[1:3]
        inside = where == "/" or str(path.resolve()) == where or str(path.resolve()).startswith(f"{where}/")
        if inside and len(where) >= len(best):
            best, kind = where, found
    return kind


def unified_cgroup() -> Path | None:
    """Where cgroup2 is mounted: alone, or beside the older hierarchies; None if it is not."""
    for path in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (path / "cgroup.controllers").exists():
            return path
    return None


def cgroup_roots() -> list[Path]:
    """The hierarchies in which a host's processes need a place of their own."""
    unified = unified_cgroup()
    older = Path("/sys/fs/cgroup/systemd")
    return [path for path in (unified, older) if path is not None and path.is_dir()]


def images_dir() -> Path:
    """The images, made once for all fleets."""
    return cache_dir() / "fleet" / "images"


def fleets_dir() -> Path:
    """The folder of all fleets: ``$DBFLEET_FLEET_DIR``, else below the cache."""
    chosen = os.environ.get("DBFLEET_FLEET_DIR")
    return Path(chosen).absolute() if chosen else cache_dir() / "fleet" / "running"


def fleet_dir(name: str) -> Path:
    """The folder of one fleet."""
    if not _NAME.fullmatch(name):
        raise FleetError(f"{name!r} cannot name a fleet or a host: up to 20 letters a-z and digits, a letter first")
    return fleets_dir() / name
