# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults at every boundary of a system call: the process dies, is interrupted, or the call fails."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

CALLS = ("open", "write", "fsync", "close", "mkdir", "chmod", "fchmod", "rename", "unlink", "rmdir", "utime")
_DEAD = 9


class Fault:
    """Counts the calls that touch files, and at one of them does something else.

    :param at: which call, from 0.
    :param act: does it: raises, or ends the process.
    :param after: do it after the call instead of before.
    """

    def __init__(self, at: int, act: Callable[[], None], *, after: bool = False) -> None:
        self._at = at
        self._act = act
        self._after = after
        self._count = 0

    @property
    def reached(self) -> bool:
        return self._count > self._at

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in CALLS:
                stack.enter_context(mock.patch.object(os, name, self._wrap(getattr(os, name))))
            yield

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            mine = self._count == self._at
            self._count += 1
            if mine and not self._after:
                self._act()
            result = call(*arguments, **keywords)
            if mine and self._after:
                self._act()
            return result

        return wrapped


def die() -> None:
    os._exit(_DEAD)


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise OSError(errno.EIO, "broken disk")


def every_kill(prepare: Callable[[], None], action: Callable[[], None]) -> Iterator[str]:
    """Kill a child process before each of the calls that ``action`` makes; each time, look at the ruins.

    Before a call is after the one before it. The last step lets the child come to its end.
    """
    for at in itertools.count():
        prepare()
        with warnings.catch_warnings():
            # Python warns of a fork in a process with threads; the child only touches files and ends.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            status = 1
            with contextlib.suppress(BaseException), Fault(at, die).installed():
                action()
                status = 0
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, _DEAD), f"the action itself failed at call {at}"
        yield f"killed before call {at}"
        if status == 0:
            return


def every_fault(
    prepare: Callable[[], None], action: Callable[[], None], act: Callable[[], None], *, after: bool
) -> Iterator[tuple[str, BaseException | None]]:
    """Raise at each of the calls that ``action`` makes; each time, look at what is left and what was raised."""
    for at in itertools.count():
        prepare()
        fault = Fault(at, act, after=after)
        raised: BaseException | None = None
        try:
            with fault.installed():
                action()
        except BaseException as error:  # noqa: BLE001 - the caller judges it
            raised = error
        yield f"fault {'after' if after else 'before'} call {at}", raised
        if not fault.reached:
            return
