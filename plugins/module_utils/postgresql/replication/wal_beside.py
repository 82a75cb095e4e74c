# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The write-ahead log that a base backup needs, streamed beside it into a tar archive as pg_basebackup writes it.

Besides the segments it holds a marker for each of them that says that it was archived, so that a server which is
restored from the backup does not archive them again.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from ...errors import ConsistencyError
from ...streams.base import ByteSink
from ..options import ConnectionOptions
from ..wal.segment import segment_at
from .connection import ReplicationConnection, is_silent
from .lsn import format_lsn, segment_start
from .receiver import WalReceiver
from .tar_walk import END, file_header, padding_of

# How soon the end of the backup is noticed where the log stands still.
_PAUSE = 0.1
_ZEROS = bytes(1 << 16)


class WalBeside:
    """Streams the log from a place on, in a thread of its own with a connection of its own.

    :param identifier: of the system that is backed up.
    :param sink: the archive; it is closed when all is there, and aborted otherwise.
    :param segment_size: in bytes.
    :param timeout: seconds without progress after which the server is taken for dead, once the end is known.
    """

    def __init__(
        self,
        options: ConnectionOptions,
        *,
        identifier: str,
        segment_size: int,
        sink: ByteSink,
        timeout: float,
        use_slot: bool,
    ) -> None:
        self._sink = sink
        self._size = segment_size
        self._timeout = timeout
        self._end: int | None = None
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._slot = ""
        self._received = 0
        self._open: int | None = None
        self._archived: list[str] = []
        with contextlib.ExitStack() as failed:
            failed.callback(sink.abort)
            self._connection = ReplicationConnection(options, application_name="dbfleet wal")
            failed.callback(self._connection.close)
            self._check_system(identifier)
            if use_slot:
                # From here on the server keeps the log, whatever its checkpoints would remove.
                self._slot = self._connection.create_temporary_slot()
            failed.pop_all()

    def _check_system(self, identifier: str) -> None:
        # Older standbys (11) stream nothing to who has not asked this before.
        found = self._connection.identify().identifier
        if found != identifier:
            raise ConsistencyError(
                f"the first connection came to the system {identifier}, the second one to {found}",
                hint="connect to one server, not to an address behind which there are several",
            )

    def start(self, lsn: int, timeline: int) -> None:
        """Begin with the segment that holds ``lsn``."""
        self._thread = threading.Thread(target=self._run, args=(lsn, timeline), name="dbfleet-wal", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """:raises DbfleetError: the stream broke."""
        if self._error is not None:
            raise self._error

    def finish(self, end: int) -> None:
        """Wait until everything up to ``end`` is in the archive, and close it.

        :raises DbfleetError: it could not be had.
        """
        self._end = end
        if self._thread is not None:
            while self._thread.is_alive():
                # In pieces, so that signals are handled.
                self._thread.join(_PAUSE)
        self.check()

    def close(self) -> None:
        """End it, in whatever state. The server drops the slot with the connection."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        else:
            self._sink.abort()
        self._connection.close()

    def _run(self, lsn: int, timeline: int) -> None:
        try:
            self._stream(lsn, timeline)
            self._sink.write(END)
            self._sink.close()
        except BaseException as error:  # noqa: BLE001 - kept, and raised again by whoever waits
            self._error = error
            self._sink.abort()

    def _stream(self, lsn: int, timeline: int) -> None:
        if timeline > 1:
            name, content = self._connection.timeline_history(timeline)
            self._file(name, content)
            self._archived.append(name)
        self._received = segment_start(lsn, self._size)
        receiver = WalReceiver(
            self._connection,
            start=self._received,
            timeline=timeline,
            slot=self._slot,
            pause=_PAUSE,
            silence=self._timeout,
        )
        changed = time.monotonic()
        for piece in receiver:
            now = time.monotonic()
            if len(piece.data):
                self._take(piece.data, timeline)
                receiver.acknowledge(segment_start(self._received, self._size))
                changed = now
            if self._end is not None and self._received >= self._end:
                break
            if self._stopped.is_set():
                raise ConsistencyError("the backup was given up before its log was there")
            if self._end is not None and now - changed > self._timeout:
                raise is_silent(self._timeout, f"the log up to {format_lsn(self._end)} was waited for")
        else:
            raise ConsistencyError(
                f"timeline {timeline} ended while the backup was made: the server was promoted, or its primary",
                hint="make the backup again",
            )
        self._fill()
        for name in self._archived:
            self._file(f"archive_status/{name}.done", b"")

    def _take(self, data: t.Any, timeline: int) -> None:
        position = 0
        while position < len(data):
            if self._open is None:
                self._begin_segment(timeline)
            taken = min(len(data) - position, self._size - self._received % self._size)
            self._sink.write(data[position : position + taken])
            position += taken
            self._received += taken
            if self._received % self._size == 0:
                self._open = None
                if self._end is not None and self._received >= self._end:
                    return

    def _begin_segment(self, timeline: int) -> None:
        self._open = self._received
        name = str(segment_at(self._received, timeline, self._size))
        self._sink.write(file_header(name, self._size, modified=int(time.time())))
        self._archived.append(name)

    def _fill(self) -> None:
        """Zeros up to the end of the last segment; there is none of its content that the backup needs."""
        if self._open is None:
            return
        left = self._size - self._received % self._size
        while left:
            piece = _ZEROS[: min(left, len(_ZEROS))]
            self._sink.write(piece)
            left -= len(piece)

    def _file(self, name: str, content: bytes) -> None:
        self._sink.write(file_header(name, len(content), modified=int(time.time())))
        if content:
            self._sink.write(content + padding_of(len(content)))
