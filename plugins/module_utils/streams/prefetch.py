# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A source that is read ahead in a thread of its own, so that reading, decompressing and digesting go on beside what
is done with the bytes.

Decompressing, SHA-256 and file reads all release the GIL for large buffers.
"""

from __future__ import annotations

import queue
import threading

from .base import ByteSource


class PrefetchSource:
    """Blocks of ``inner``, read ahead.

    :param inner: used by the thread alone until :meth:`close`; it is not closed.
    :param size: of a block.
    :param depth: how many blocks may wait; memory is bounded by this times the size.

    What fits into the first block is read without a thread. An error of the thread is raised by :meth:`read`.
    """

    def __init__(self, inner: ByteSource, *, size: int, depth: int = 4) -> None:
        self._inner = inner
        self._size = size
        self._queue: queue.Queue[bytes] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._begun = False
        self._ended = False

    def read(self) -> bytes:
        """The next block, ``b""`` at the end."""
        if self._ended:
            return b""
        if not self._begun:
            self._begun = True
            return self._inner.read(self._size)
        if self._thread is None:
            data = self._inner.read(self._size)
            if not data:
                self._ended = True
                return b""
            self._thread = threading.Thread(target=self._run, name="dbfleet-reader", daemon=True)
            self._thread.start()
            return data
        data = self._queue.get()
        if data:
            return data
        self._ended = True
        self.close()
        if self._error is not None:
            raise self._error
        return b""

    def close(self) -> None:
        """End the thread; afterwards the inner source is the caller's again."""
        self._stopped.set()
        if self._thread is None:
            return
        while self._thread.is_alive():
            self._take_away()
            self._thread.join(0.01)
        self._thread = None
        self._ended = True

    def _take_away(self) -> None:
        """Make room, so that the thread comes to see that it is to end."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                data = self._inner.read(self._size)
                if not data:
                    break
                self._queue.put(data)
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = error
        # The end, for whoever waits for more.
        self._queue.put(b"")
