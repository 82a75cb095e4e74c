# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A sink out of what reads a source: what is written is read in a thread of its own."""

from __future__ import annotations

import queue
import threading
import typing as t

from ..errors import StorageError
from .base import Buffer, ByteSource

_END = b""


class _QueueSource:
    """Gives what the sink puts into the queue; an empty piece ends it."""

    def __init__(self, depth: int) -> None:
        self.queue: queue.Queue[bytes] = queue.Queue(maxsize=depth)
        self.ended = False
        self._rest = b""

    def read(self, size: int) -> bytes:
        if not self._rest and not self.ended:
            self._rest = self.queue.get()
            self.ended = not self._rest
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Nothing is held."""


class PipedSink:
    """Hands what is written to a reader in a thread.

    :param consume: reads a source to its end. What it raises is raised by the next ``write`` or ``close``.
    :param depth: how many buffers may wait.
    """

    def __init__(self, consume: t.Callable[[ByteSource], None], *, depth: int = 4) -> None:
        self._consume = consume
        self._source = _QueueSource(depth)
        self._error: BaseException | None = None
        self._finished = False
        self._thread = threading.Thread(target=self._run, name="dbfleet-reader", daemon=True)
        self._thread.start()

    def write(self, data: Buffer) -> None:
        self._raise_error()
        if self._finished:
            raise StorageError("the stream was closed or aborted before; nothing more can be written")
        if len(data):
            self._source.queue.put(data if isinstance(data, bytes) else bytes(data))

    def close(self) -> None:
        self._finish()
        self._raise_error()

    def abort(self) -> None:
        self._finish()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _finish(self) -> None:
        if not self._finished:
            self._source.queue.put(_END)
            self._finished = True
        self._thread.join()

    def _run(self) -> None:
        try:
            self._consume(self._source)
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = error
        # What nobody reads is still taken, so that no caller waits for ever.
        while not self._source.ended:
            self._source.read(1 << 20)
