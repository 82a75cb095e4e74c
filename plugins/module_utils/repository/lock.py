# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One writer a database: a lock file that names its owner and beats while the owner lives.

No operating system lock is used, because those are unreliable on network shares and absent in object stores. A lock
is stale when its process is known to be gone (same host and boot) or its heartbeat stopped. Whoever held a lock that
was taken from it finds out before publishing (:meth:`RepositoryLock.check`).
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import typing as t
import uuid

from ..errors import LockedError, StorageError
from .storage import Storage

if t.TYPE_CHECKING:
    from typing_extensions import Self

HEARTBEAT_SECONDS = 20.0
STALE_SECONDS = 300.0
_LARGEST_LOCK = 4096


class RepositoryLock:
    """The lock at ``path`` in a storage; a context manager.

    :param purpose: what the holder does, for the message that others see.
    :raises LockedError: on entering, when somebody else holds it.
    """

    def __init__(self, storage: Storage, path: str, *, purpose: str) -> None:
        self._storage = storage
        self._path = path
        self._owner: dict[str, t.Any] = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process_start": _process_start(os.getpid()),
            "boot": _boot_id(),
            "purpose": purpose,
            "token": uuid.uuid4().hex,
        }
        self._content = b""
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._lost = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._acquire()
        self._thread = threading.Thread(target=self._beat, name="dbfleet-lock", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._storage.remove_small(self._path, self._content)

    def check(self) -> None:
        """Make sure that the lock is still ours.

        :raises LockedError: another job took it as stale (this process slept, or the clock jumped).
        """
        with self._mutex:
            found = self._storage.read_small(self._path, _LARGEST_LOCK)
            if self._lost or found is None or _parse(found).get("token") != self._owner["token"]:
                raise LockedError(
                    f"the lock {self._storage.url(self._path)} was taken by another job while this one was running",
                    hint="nothing was published; look for two schedules of the same backup",
                )

    def _acquire(self) -> None:
        for _attempt in range(3):
            self._content = self._render()
            if self._storage.create_small(self._path, self._content):
                return
            found = self._storage.read_small(self._path, _LARGEST_LOCK)
            if found is None:
                continue
            other = _parse(found)
            if not _is_stale(other):
                raise LockedError(
                    f"another job holds the lock {self._storage.url(self._path)}: {_describe(other)}",
                    hint="wait for it, or stop it; a lock whose job died is taken over by itself",
                    owner={key: other.get(key) for key in ("host", "pid", "purpose")},
                )
            self._storage.remove_small(self._path, found)
        raise LockedError(f"the lock {self._storage.url(self._path)} is being fought for by several jobs")

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with self._mutex:
                found = self._storage.read_small(self._path, _LARGEST_LOCK)
                if found != self._content:
                    self._lost = True
                    return
                content = self._render()
                try:
                    self._storage.replace_small(self._path, content)
                except StorageError:
                    # A full disk must not end a backup that still has its own room; the next beat tries again,
                    # and check() decides before anything is published.
                    continue
                self._content = content

    def _render(self) -> bytes:
        return json.dumps({**self._owner, "beat": time.time()}).encode("ascii")


def _parse(content: bytes) -> dict[str, t.Any]:
    try:
        fields = json.loads(content)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_stale(owner: dict[str, t.Any]) -> bool:
    beat = owner.get("beat")
    if not isinstance(beat, (int, float)):
        return True
    if owner.get("host") == socket.gethostname() and owner.get("boot"):
        pid = owner.get("pid")
        if owner["boot"] != _boot_id():
            return True
        return not isinstance(pid, int) or _is_gone(pid, owner.get("process_start"))
    return time.time() - beat > STALE_SECONDS


def _is_gone(pid: int, process_start: t.Any) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # Another user's process of that number is alive; its start can tell whether it is the same one.
        pass
    found = _process_start(pid)
    return bool(found) and found != process_start


def _describe(owner: dict[str, t.Any]) -> str:
    age = max(0, int(time.time() - float(owner.get("beat", 0))))
    return f"{owner.get('purpose')}, process {owner.get('pid')} on {owner.get('host')}, last seen {age} s ago"


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        # Not Linux: the heartbeat alone decides.
        return ""


def _process_start(pid: int) -> str:
    """When a process began, in the kernel's own measure; empty where it is gone or that cannot be told."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
