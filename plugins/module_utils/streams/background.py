# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A sink that works in a thread of its own, so that compressing and writing go on beside reading.

zlib, ISA-L, zstandard, lz4, SHA-256 and file writes all release the GIL for large buffers.
"""

from __future__ import annotations

import queue
import threading
import typing as t

from ..errors import StorageError
from .base import Buffer, ByteSink

_CLOSE = object()


class BackgroundSink:
    """Hands every buffer to a thread that writes it into ``inner``.

    :param depth: how many buffers may wait; memory is bounded by this times the size of the caller's batches.

    An error of the thread is raised by every later call of ``write`` and ``close``; the inner sink is aborted then.
    """

    def __init__(self, inner: ByteSink, *, depth: int = 8) -> None:
        self._inner = inner
        self._queue: queue.Queue[t.Any] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._aborted = threading.Event()
        self._finished = False
        self._thread = threading.Thread(target=self._run, name="dbfleet-writer", daemon=True)
        self._thread.start()

    def write(self, data: Buffer) -> None:
        self._raise_error()
        if self._finished:
            # A put would wait for ever: nobody empties the queue any more.
            raise StorageError("the stream was closed or aborted before; nothing more can be written")
        # The caller may reuse its buffer; immutable bytes can travel as they are.
        self._queue.put(data if isinstance(data, bytes) else bytes(data))

    def close(self) -> None:
        self._finish()
        self._raise_error()
        if self._aborted.is_set():
            raise StorageError("the stream was aborted before; it is not complete")

    def abort(self) -> None:
        self._aborted.set()
        self._finish()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _finish(self) -> None:
        if not self._finished:
            self._queue.put(_CLOSE)
            self._finished = True
        self._thread.join()

    def _run(self) -> None:
        """Write until told to finish. After an error or an abort the queue is still emptied, so no caller blocks."""
        item = self._queue.get()
        while item is not _CLOSE:
            if self._error is None and not self._aborted.is_set():
                self._attempt(self._inner.write, item)
            item = self._queue.get()
        if self._error is None and not self._aborted.is_set():
            self._attempt(self._inner.close)
            if self._error is None:
                return
        self._attempt(self._inner.abort)

    def _attempt(self, action: t.Callable[..., None], *arguments: bytes) -> None:
        try:
            action(*arguments)
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            # The first error is the cause; what the clean-up says of it afterwards is not.
            self._error = self._error or error
