# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether an open file is still what it was when it was read before."""

from __future__ import annotations

import os
import time
import typing as t

# Some file systems keep times in whole seconds: a change within the same one could not be seen.
_SETTLED_AFTER = 2_000_000_000


class FileState(t.NamedTuple):
    """Which file it is, and when it was changed last.

    :param modified: when its bytes were written last, in nanoseconds since 1970; whoever owns it can set that back.
    :param changed: when anything of it was changed last, its names, owner and mode too; nobody can set that back.
    """

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    def is_unwritten(self, later: FileState) -> bool:
        """Whether nothing tells that the file's bytes were written until ``later``; the time may have been set back."""
        return self == later._replace(changed=self.changed)


def file_state(descriptor: int) -> FileState:
    """The state of an open file."""
    status = os.fstat(descriptor)
    return FileState(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def settled_state(descriptor: int) -> FileState | None:
    """The state of an open file, if every later change of its bytes is certain to make it another one.

    ``None`` for a file that was changed just now, and for one that other hosts may write: only what lies on a disk of
    this host has a device with a number of its own; network file systems, and some others, have made up ones.
    """
    state = file_state(descriptor)
    settled = max(state.modified, state.changed) + _SETTLED_AFTER <= time.time_ns()
    return state if settled and os.major(state.device) else None
