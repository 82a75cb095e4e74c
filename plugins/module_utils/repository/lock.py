# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One writer a database: a lock that names its owner and beats while the owner lives.

No operating system lock is used, because those are unreliable on network shares and absent in object stores, and no
file is ever replaced or taken over, because between looking at one and removing it another may have come. Instead
everybody who wants the lock stores a file of its own, then looks for the files of others, and has the lock if none of
them is alive; else it removes its own and tries again a little later. Of two that come together the later one sees the
earlier one's file, so both can never have the lock.

A file is stale when its process is known to be gone, or when nobody knows and its heartbeat stopped: its age is
compared with that of a file just stored, so the hosts' clocks need not agree. Whoever gets the lock removes stale
files; that is how an owner that was only asleep finds out before publishing (:meth:`RepositoryLock.check`).
"""

from __future__ import annotations

import contextlib
import random
import re
import secrets
import threading
import time
import typing as t

from ..errors import LockedError, StorageError
from ..lazy_dataclass import dataclass
from .lock_owner import LockOwner
from .storage import UNFINISHED_SUFFIX, Storage

HEARTBEAT_SECONDS = 20.0
STALE_SECONDS = 300.0
PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.01
_LARGEST_LOCK = 4096
_TOKEN = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class _Rival:
    """Somebody else's lock file.

    :param silent: seconds since its last heartbeat.
    """

    path: str
    token: str
    owner: LockOwner | None
    silent: float

    @property
    def is_stale(self) -> bool:
        alive = self.owner.is_alive() if self.owner is not None else None
        return self.silent > STALE_SECONDS if alive is None else not alive


class RepositoryLock:
    """A lock in a storage; a context manager.

    :param path: the lock's files are named ``<path>-<32 hexadecimal digits>``.
    :param purpose: what the holder does, for the message that others see.
    :raises LockedError: on entering, when somebody else holds it.
    """

    def __init__(self, storage: Storage, path: str, *, purpose: str) -> None:
        self._storage = storage
        self._path = path
        self._folder, _slash, self._name = path.rpartition("/")
        self._token = secrets.token_hex(16)
        self._own = f"{path}-{self._token}"
        self._purpose = purpose
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="dbfleet-lock", daemon=True)

    def __enter__(self) -> RepositoryLock:
        try:
            self._acquire()
            self._remove_stale()
            self._thread.start()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._release()

    def check(self) -> None:
        """Make sure that the lock is still ours.

        :raises LockedError: another job took it as stale (this process slept, or lost the storage for too long).
        """
        if self._lost.is_set() or self._storage.modified(self._own) is None:
            raise LockedError(
                f"the lock {self._storage.url(self._path)} was taken by another job while this one was running",
                hint="nothing was published; look for two schedules of the same backup",
            )

    def _acquire(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._storage.write_small(self._own, LockOwner.current(self._purpose).render())
            rivals = self._live_rivals(deadline)
            if not rivals:
                return
            self._storage.remove_small(self._own)
            if time.monotonic() >= deadline:
                raise self._locked(rivals[0])
            time.sleep(random.uniform(0.02, 0.1))

    def _live_rivals(self, deadline: float) -> list[_Rival]:
        """Whose files stand in the way. The lowest token waits for the others to step back, so that one gets it."""
        while True:
            rivals = [rival for rival in self._rivals() if not rival.is_stale]
            steps_back = any(rival.token < self._token for rival in rivals)
            if not rivals or steps_back or time.monotonic() >= deadline:
                return rivals
            time.sleep(_POLL_SECONDS)

    def _rivals(self) -> list[_Rival]:
        found = []
        for path, silent in self._others():
            token = path[len(self._path) + 1 :]
            if _TOKEN.match(token):
                found.append(_Rival(path, token, self._owner_of(path), silent))
        return found

    def _others(self) -> t.Iterator[tuple[str, float]]:
        """The paths of all other files of this lock, and the seconds since each was touched."""
        now = self._storage.modified(self._own)
        if now is None:
            raise StorageError(f"the lock file {self._storage.url(self._own)} vanished", hint="run the job again")
        for name in self._storage.files(self._folder, f"{self._name}-"):
            path = f"{self._folder}/{name}" if self._folder else name
            modified = None if path == self._own else self._storage.modified(path)
            if modified is not None:
                yield path, max(0.0, now - modified)

    def _owner_of(self, path: str) -> LockOwner | None:
        try:
            content = self._storage.read_small(path, _LARGEST_LOCK)
        except StorageError:
            # Another user's file: its heartbeat alone tells of it.
            return None
        return LockOwner.parse(content) if content is not None else None

    def _remove_stale(self) -> None:
        for rival in self._rivals():
            if rival.is_stale:
                self._storage.remove_small(rival.path)
        for path, silent in self._others():
            if path.endswith(UNFINISHED_SUFFIX) and silent > STALE_SECONDS:
                self._storage.remove_small(path)

    def _release(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        # What was published is published; a file that stays behind is stale as soon as this process ends.
        with contextlib.suppress(StorageError):
            self._storage.remove_small(self._own)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            # A storage that fails for a while must not end a backup; check() decides before anything is published.
            with contextlib.suppress(StorageError):
                if not self._storage.touch(self._own):
                    self._lost.set()
                    return

    def _locked(self, rival: _Rival) -> LockedError:
        who = rival.owner.describe() if rival.owner is not None else "a process that cannot be told"
        return LockedError(
            f"another job holds the lock {self._storage.url(self._path)}: {who}, last seen {int(rival.silent)} s ago",
            hint="wait for it, or stop it; a lock whose job died is taken over by itself",
            owner=rival.owner.context() if rival.owner is not None else None,
        )
