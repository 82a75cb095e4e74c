# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What only some systems have, so that the engine can be imported on all of them.

``fcntl``, ``grp`` and ``pwd`` are Python's modules where it has them. Elsewhere they are stand-ins, whose use is an
error that names what is missing.
"""

from __future__ import annotations

import os
import signal
import sys
import typing as t

from .errors import UsageError

__all__ = ["begin_writing", "fcntl", "grp", "pwd", "signals"]


class _Missing:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> t.NoReturn:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise UsageError(
            f"this cannot be done on this system ({sys.platform}), whose Python has no {self._name}.{attribute}",
            hint="run it on Linux, or on another POSIX system",
        )


try:
    import fcntl
except ImportError:
    fcntl = _Missing("fcntl")  # type: ignore[assignment]

try:
    import grp
except ImportError:
    grp = _Missing("grp")  # type: ignore[assignment]

try:
    import pwd
except ImportError:
    pwd = _Missing("pwd")  # type: ignore[assignment]


def begin_writing(descriptor: int) -> None:
    """Hint that what was written to a file need not stay in memory, which has Linux begin to write it to the disk."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def signals(*names: str) -> tuple[signal.Signals, ...]:
    """Those of the named signals that this system has: Windows has no SIGHUP."""
    return tuple(signal.Signals[name] for name in names if hasattr(signal, name))
