# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Received pieces of the log become archived segments: the one at hand in a file of this host and, now and then, as the
archive's tail; a complete one as a file of the archive, stored by a thread while the next one comes in."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import hashlib
import tempfile
import typing as t

from ...errors import ConsistencyError
from ...streams.file import storage_error
from ..replication.lsn import format_lsn
from .archive import WalArchive
from .segment import PAGE_SIZE, SegmentName, check_header, segment_at
from .tail import TailRecord, TailWriter, read_tail

_BLOCK = 1 << 20
#: So many complete segments may wait to be stored.
_MOST_STORING = 2


class SegmentStream:
    """One timeline's log on its way into the archive, from the beginning of a segment on.

    :param spool: a folder for the segment at hand; the usual one for temporary files where empty.
    """

    def __init__(self, archive: WalArchive, timeline: int, segment_size: int, *, spool: str = "") -> None:
        self._archive = archive
        self._timeline = timeline
        self._segment_size = segment_size
        self._spool = spool
        self._file: t.Any = None
        self._place = SegmentName(timeline, 0, 0)
        self._size = 0
        self._tail: TailWriter | None = None
        self._storing: collections.deque[tuple[SegmentName, concurrent.futures.Future[bool]]] = collections.deque()
        self._thread: concurrent.futures.ThreadPoolExecutor | None = None
        self._end = 0
        #: Everything before is durable.
        self.durable = 0
        #: Bytes that were stored in tails.
        self.stored = 0
        #: The names of the segments that were stored whole.
        self.sealed: list[str] = []

    @property
    def waiting(self) -> int:
        """How many bytes are not durable."""
        return self._end - self.durable

    @property
    def segment(self) -> str:
        """The name of the segment at hand; empty between two."""
        return str(self._place) if self._file is not None else ""

    def write(self, start: int, data: t.Any) -> None:
        """Take a piece, which follows the one before.

        :raises ConsistencyError: another content is archived already.
        :raises StorageError: it cannot be stored.
        """
        while len(data):
            if self._file is None:
                self._begin(start)
            room = self._segment_size - self._size
            now, data = data[:room], data[room:]
            try:
                self._file.write(now)
            except OSError as error:
                raise storage_error("write", "the segment at hand", error) from error
            self._size += len(now)
            start += len(now)
            self._end = start
            if self._size == self._segment_size:
                self._seal()
        self._collect(wait=len(self._storing) > _MOST_STORING)

    def sync(self, server_time: float) -> None:
        """Make everything durable that was taken.

        :raises ConsistencyError: it is not the continuation of what is archived.
        :raises StorageError: it cannot be stored.
        """
        while self._storing:
            self._collect(wait=True)
        if not self.waiting:
            return
        if self._tail is None:
            self._check_first_page()
            known = read_tail(self._archive, self._place)
            if known is not None:
                last = self._compare(known)
                if known.size > self._size:
                    # It was received before; what is archived stays until there is more.
                    self.durable = self._place.start(self._segment_size) + self._size
                    return
            self._tail = TailWriter(self._archive, self._place, self._segment_size)
            if known is not None:
                self._tail.adopt(known, last)
        stored = self._tail.size
        self._file.seek(stored)
        while stored < self._size:
            data = self._file.read(min(_BLOCK, self._size - stored))
            self._tail.append(data, server_time)
            stored += len(data)
            self.stored += len(data)
        self._file.seek(0, 2)
        self.durable = self._place.start(self._segment_size) + self._size

    def close(self) -> None:
        """Release everything; what was not synced is lost."""
        thread, self._thread = self._thread, None
        if thread is not None:
            # What is being stored is stored, or fails; whoever did not sync does not ask.
            thread.shutdown(wait=True)
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, start: int) -> None:
        self._place = segment_at(start, self._timeline, self._segment_size)
        if start != self._place.start(self._segment_size):
            raise ConsistencyError(f"{format_lsn(start)} is not the beginning of a segment")
        try:
            self._file = tempfile.TemporaryFile(prefix="dbfleet-wal-", dir=self._spool or None)  # noqa: SIM115
        except OSError as error:
            raise storage_error("create a file in", self._spool or tempfile.gettempdir(), error) from error
        self._size = 0
        self._tail = None
        self.durable = self.durable or start

    def _seal(self) -> None:
        """The segment is complete."""
        if self._thread is None:
            self._thread = concurrent.futures.ThreadPoolExecutor(1, "dbfleet-wal")
        file, self._file, self._tail = self._file, None, None
        self._storing.append((self._place, self._thread.submit(self._store, file, self._place)))

    def _store(self, file: t.Any, place: SegmentName) -> bool:
        with contextlib.closing(file):
            file.seek(0)
            name = f"the streamed segment {place}"
            is_new = self._archive.put_source(file, str(place), described=name, is_ours=True)
            # Whoever made the tail, this run or one before: the whole segment takes its place.
            TailWriter(self._archive, place, self._segment_size).remove()
            return is_new

    def _collect(self, *, wait: bool) -> None:
        """Take note of what was stored, in its order.

        :param wait: for the oldest.
        """
        while self._storing and (wait or self._storing[0][1].done()):
            place, stored = self._storing.popleft()
            if stored.result():
                self.sealed.append(str(place))
            self.durable = place.start(self._segment_size) + self._segment_size
            wait = False

    def _check_first_page(self) -> None:
        self._file.seek(0)
        page = self._file.read(PAGE_SIZE)
        self._file.seek(0, 2)
        self._archive.check_record(check_header(page, self._place, name=f"the streamed segment {self._place}"))

    def _compare(self, known: TailRecord) -> bytes:
        """Make sure that the server goes on with what is archived of the segment; the bytes of the last piece.

        What is encrypted cannot be read here; the name of each piece says its digest.
        """
        self._file.seek(0)
        data, position = b"", 0
        for piece in known.pieces:
            position += piece.size
            if position > self._size:
                break
            data = self._file.read(piece.size)
            if f"-{hashlib.sha256(data).hexdigest()}" not in piece.stored:
                raise ConsistencyError(
                    f"the server's segment {self._place} is another one than the one that is archived in part",
                    hint="it was restored without a new timeline, or is another server: archive it under another name "
                    "of the cluster",
                )
        self._file.seek(0, 2)
        return data
