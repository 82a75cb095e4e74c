# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of one running instance: made, guarded while its owner lives, swept when the owner is dead."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .paths import locked, run_dir, server_user
from .postgresql import release_shared_memory
from .process import end_all_in, start_time

_OWNER = "owner.json"
# A folder without a record of its owner is being made right now, or its maker died in between.
_UNRECORDED_SECONDS = 60

# Waits until the writing end of its input closes: the owner said "released", or died. Then the server gets a quick
# but orderly end (SIGQUIT, which lets PostgreSQL remove its shared memory), and what is left is killed.
_GUARD = """
read -r word
[ "$word" = released ] && exit 0
in_folder() { case "$(readlink "/proc/$1/cwd")" in "$2"/*) return 0;; esac; return 1; }
in_folder "$1" "$2" && kill -QUIT "$1" && sleep 1
for process in /proc/[0-9]*; do
    in_folder "${process#/proc/}" "$2" && kill -KILL "${process#/proc/}"
done
sleep 0.2
rm -rf -- "$2"
"""


def create() -> Path:
    """Make a short-named folder, readable by everyone, owned by this process."""
    folder = Path(tempfile.mkdtemp(prefix="", dir=run_dir()))
    set_owner(folder, os.getpid())
    folder.chmod(0o755)
    return folder


def own_subfolder(folder: Path, name: str) -> Path:
    """Make a subfolder that the server's user owns."""
    path = folder / name
    path.mkdir(mode=0o755)
    give_to_server(path)
    return path


def give_to_server(path: Path) -> None:
    """Make the server's user the owner of ``path``."""
    user = server_user()
    if user.is_other:
        os.chown(path, user.uid, user.gid)


def set_owner(folder: Path, pid: int) -> None:
    """Note the process whose death makes the folder garbage."""
    owner = {"pid": pid, "started": start_time(pid), "pid_namespace": _pid_namespace()}
    partial = folder / f"{_OWNER}.new"
    partial.write_text(json.dumps(owner))
    partial.rename(folder / _OWNER)


def remove(folder: Path) -> None:
    """End whatever still works in the folder and remove it, if it is still there."""
    end_all_in(folder)
    if (folder / "data").exists():
        release_shared_memory(folder / "data")

    def gone_already(function: Callable[..., Any], path: str, details: Any) -> None:
        if not isinstance(details[1], FileNotFoundError):
            raise details[1]

    shutil.rmtree(folder, onerror=gone_already)


def sweep() -> list[Path]:
    """Remove the folders, and end the servers, whose owners were killed. Returns what was removed."""
    removed = []
    with locked(f"sweep-{os.geteuid()}"):
        for folder in sorted(run_dir().iterdir()):
            with contextlib.suppress(FileNotFoundError):
                if _is_abandoned(folder):
                    remove(folder)
                    removed.append(folder)
    return removed


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = json.loads((folder / _OWNER).read_text())
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _UNRECORDED_SECONDS
    if owner["pid_namespace"] != _pid_namespace():
        return False  # its process numbers mean nothing here
    return start_time(owner["pid"]) is None or start_time(owner["pid"]) != owner["started"]


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


class Guard:
    """A tiny process that ends the server and removes its folder should this process be killed."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "dbfleet-guard", str(pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def release(self) -> None:
        """The owner has taken care of the server itself."""
        if self._process.poll() is None:
            self._process.communicate(b"released\n")
