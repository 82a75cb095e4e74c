# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Who holds the locks of a folder, for those who only want to know."""

from __future__ import annotations

import re
import time
import typing as t

from ..errors import StorageError
from ..lazy_dataclass import dataclass
from .layout import LOCK_NAME
from .lock import STALE_SECONDS
from .lock_owner import LockOwner
from .storage import Storage

_LOCK_FILE = re.compile(re.escape(LOCK_NAME) + r"(-.+)?-[0-9a-f]{32}\Z")
_LARGEST_LOCK = 4096


@dataclass(frozen=True)
class LockHolder:
    """A job that is at work.

    :param silent: seconds since it last showed that it lives, by this host's clock.
    :param is_here: whether it is a process of this host that can be seen from here.
    """

    owner: LockOwner
    silent: float
    is_here: bool


def lock_holders(storage: Storage, folder: str) -> t.Iterator[LockHolder]:
    """The holders of the locks in ``folder`` that are alive, as far as can be told. Nothing is written or removed."""
    for name in storage.files(folder, f"{LOCK_NAME}-"):
        if not _LOCK_FILE.match(name):
            continue
        path = f"{folder}/{name}"
        try:
            modified, content = storage.modified(path), storage.read_small(path, _LARGEST_LOCK)
        except StorageError:
            # Another user's, or gone by now.
            continue
        owner = LockOwner.parse(content) if content is not None else None
        if owner is None or modified is None:
            continue
        silent, alive = max(0.0, time.time() - modified), owner.is_alive()
        if alive or (alive is None and silent <= STALE_SECONDS):
            yield LockHolder(owner, silent, bool(alive))
