# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing a large file past the system's cache (``O_DIRECT``), in a thread of its own.

To copy data into the cache costs more processor time than to digest it, and what is only read again when a backup is
needed pushes out what the database's own server keeps there. ``open(2)`` wants buffers, sizes and places in the file to
be multiples of the device's blocks.
"""

from __future__ import annotations

import errno
import mmap
import os
import queue
import threading

from ..posix_only import fcntl
from .base import Buffer

#: Writing begins at a multiple of this many bytes, and each piece has as many: every device's blocks divide it.
PIECE = 4 << 20
_BLOCK = 1 << 16
_BUFFERS = 2
# Linux alone has it; the flag is another one on each architecture.
_DIRECT: int = getattr(os, "O_DIRECT", 0)
_END = -1


def write_directly(descriptor: int) -> bool:
    """Have what is written to a file go past the cache; false where the file system or the system cannot."""
    if not _DIRECT:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | _DIRECT)
    except OSError:
        return False
    return True


class DirectWriter:
    """Appends to a file whose size is a multiple of :data:`PIECE` and that :func:`write_directly` was true of.

    :param descriptor: stays the caller's.

    An error of the thread is raised by a later call of :meth:`write` or :meth:`finish`, as the ``OSError`` that it is.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Mapped memory begins at a page.
        self._buffers = [memoryview(mmap.mmap(-1, PIECE)) for _number in range(_BUFFERS)]
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(1, _BUFFERS):
            self._free.put(number)
        self._current = 0
        self._filled = 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="dbfleet-direct", daemon=True)
        self._thread.start()

    def write(self, data: Buffer) -> None:
        """Take bytes; they are written when there are enough.

        :raises OSError: what was taken before could not be written.
        """
        view = memoryview(data).cast("B")
        while view:
            taken = min(len(view), PIECE - self._filled)
            self._buffers[self._current][self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == PIECE:
                self._full.put(self._current)
                self._current = self._free.get()
                self._filled = 0
                self._raise_error()

    def finish(self) -> None:
        """Write what is left, and end. The file is an ordinary one again; it is not synced.

        :raises OSError: something could not be written.
        """
        self.stop()
        self._raise_error()
        rest = self._buffers[self._current][: self._filled]
        whole = len(rest) // _BLOCK * _BLOCK
        _write_all(self._descriptor, rest[:whole])
        _write_through_cache(self._descriptor)
        _write_all(self._descriptor, rest[whole:])

    def stop(self) -> None:
        """End without writing what is left."""
        self._full.put(_END)
        self._thread.join()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        """Write until told to end. After an error the buffers are still given back, so that nobody waits."""
        while True:
            number = self._full.get()
            if number == _END:
                return
            if self._error is None:
                try:
                    _write_all(self._descriptor, self._buffers[number])
                except OSError as error:
                    self._error = error
            self._free.put(number)


def _write_through_cache(descriptor: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~_DIRECT)


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        try:
            written = os.write(descriptor, view)
        except OSError as error:
            if error.errno != errno.EINVAL or not _is_direct(descriptor):
                raise
            # Some file systems take the flag and refuse the write, or want larger blocks.
            _write_through_cache(descriptor)
            continue
        view = view[written:]
        if written % _BLOCK and view:
            # What follows does not begin at a block any more.
            _write_through_cache(descriptor)


def _is_direct(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & _DIRECT)
