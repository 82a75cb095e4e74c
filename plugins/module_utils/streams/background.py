# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A sink that works in a thread of its own, so that compressing and writing go on beside reading.

zlib, ISA-L, zstandard, lz4, SHA-256 and file writes all release the GIL for large buffers.
"""

from __future__ import annotations

import queue
import threading
import typing as t

from ..errors import DbfleetError, StorageError
from .base import Buffer, ByteSink

_CLOSE = object()
_ABORT = object()


class BackgroundSink:
    """Hands every buffer to a thread that writes it into ``inner``.

    :param depth: how many buffers may wait; memory is bounded by this times the size of the caller's batches.

    An error of the thread is raised by the next ``write`` or by ``close``, whichever comes first.
    """

    def __init__(self, inner: ByteSink, *, depth: int = 8) -> None:
        self._inner = inner
        self._queue: queue.Queue[t.Any] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="dbfleet-writer", daemon=True)
        self._thread.start()

    def write(self, data: Buffer) -> None:
        self._raise_error()
        # The caller may reuse its buffer; immutable bytes can travel as they are.
        self._queue.put(data if isinstance(data, bytes) else bytes(data))

    def close(self) -> None:
        self._queue.put(_CLOSE)
        self._thread.join()
        self._raise_error()

    def abort(self) -> None:
        if self._thread.is_alive():
            self._queue.put(_ABORT)
            self._thread.join()

    def _raise_error(self) -> None:
        error = self._error
        if error is None:
            return
        if isinstance(error, DbfleetError):
            raise error
        raise StorageError(f"writing the backup failed: {error}") from error

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            try:
                if item is _CLOSE:
                    if self._error is None:
                        self._inner.close()
                    else:
                        self._inner.abort()
                    return
                if item is _ABORT:
                    self._inner.abort()
                    return
                # After an error the queue is still emptied, so that the reading side never blocks.
                if self._error is None:
                    self._inner.write(item)
            except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
                self._error = error
                if item is _CLOSE:
                    return
