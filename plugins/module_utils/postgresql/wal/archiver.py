# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Streaming a server's write-ahead log into the archive, from where the archive ends, over all its timelines."""

from __future__ import annotations

import io
import json
import time
import typing as t

from ...errors import ConsistencyError, NotFoundError
from ...progress import Progress
from ..replication.connection import ReplicationConnection
from ..replication.lsn import format_lsn, segment_start
from ..replication.receiver import WalReceiver
from .archive import WalArchive
from .segment import SegmentName
from .segment_stream import SegmentStream
from .tail import tails
from .timelines import Ancestor, parse_history

#: So long may something wait that was received, where nothing more comes and where more does.
_SYNC_IDLE, _SYNC_BUSY = 1.0, 5.0
_STATUS_SECONDS = 5.0
_PAUSE = 0.25


class StreamArchiver:
    """The log of one server on its way into the archive.

    :param slot: the physical slot to stream from; empty for none.
    :param new_chain: begin at the present where the archive cannot be gone on with.
    :param spool: see :class:`.segment_stream.SegmentStream`.
    :param server: what the status file says of the server.
    """

    def __init__(
        self,
        archive: WalArchive,
        progress: Progress,
        *,
        slot: str = "",
        new_chain: bool = False,
        spool: str = "",
        server: t.Mapping[str, str],
    ) -> None:
        self._archive = archive
        self._progress = progress
        self._slot = slot
        self._new_chain = new_chain
        self._spool = spool
        self._server = dict(server)
        self._told = 0.0
        self._reported, self._reported_at = 0, 0.0
        self.sealed: list[str] = []
        self.histories: list[str] = []
        self.received = 0
        #: Bytes that became durable in segments that are not complete.
        self.stored = 0
        self._seen = 0
        self.timeline = 0
        self.durable = 0
        self.server_end = 0
        self.lag_seconds = 0.0
        self.segment = ""

    @property
    def lag_bytes(self) -> int:
        """What the server had written and was not archived, when it last said so."""
        return max(0, self.server_end - self.durable)

    def start_of(self, connection: ReplicationConnection, *, slot_start: int) -> tuple[int, int]:
        """Where to go on: an LSN at the beginning of a segment, and its timeline.

        :param slot_start: from where on the slot keeps the log; 0 where that is not known.
        :raises ConsistencyError: the server's log is not the continuation of what is archived.
        """
        identity = connection.identify()
        size = connection.wal_segment_size()
        last = None if self._new_chain else self._last_archived(size)
        self.server_end = identity.flushed
        if last is None:
            self._new_chain = False
            start = min(slot_start or identity.flushed, identity.flushed)
            return segment_start(start, size), identity.timeline
        start, timeline = last.start(size), last.timeline
        if timeline == identity.timeline:
            if start > identity.flushed:
                self._refuse_if_ahead(start, identity.flushed, size)
            return min(start, segment_start(identity.flushed, size)), timeline
        if timeline > identity.timeline:
            raise ConsistencyError(
                f"timeline {timeline} is archived, but the server is on timeline {identity.timeline}",
                hint="it is an old primary, or was restored to a moment before; archive what it writes under another "
                "name of the cluster",
            )
        return self._on_ancestor(connection, start, timeline, identity.timeline, size)

    def stream(self, connection: ReplicationConnection, start: int, timeline: int, *, until: int | None) -> None:
        """Archive from ``start`` on, over the ends of timelines.

        :param until: stop when everything before this is archived; ``None`` to go on for ever.
        :raises DbfleetError: the connection or the archive fails; what was durable stays so.
        """
        size = connection.wal_segment_size()
        while True:
            self.timeline = timeline
            self.durable = max(self.durable, start)
            self._keep_history(connection, timeline)
            receiver = WalReceiver(connection, start=start, timeline=timeline, slot=self._slot, pause=_PAUSE)
            into = SegmentStream(self._archive, timeline, size, spool=self._spool)
            try:
                ended = self._receive(receiver, into, until)
            except KeyboardInterrupt:
                # Somebody stops the archiver: what was received is not to be received again.
                into.sync(time.time())
                self._note(receiver, into, 0.0)
                self.write_status(caught_up=self.durable >= self.server_end)
                raise
            finally:
                into.close()
                self.sealed += into.sealed
                self.stored += into.stored
            if not ended:
                return
            if not receiver.next_timeline:
                raise ConsistencyError(f"the server ended timeline {timeline} without saying what follows")
            self._progress.message(f"timeline {timeline} ended at {format_lsn(receiver.switch)}")
            start, timeline = segment_start(receiver.switch, size), receiver.next_timeline

    def is_moving(self) -> bool:
        """Whether anything came since this was asked last."""
        before, self._seen = self._seen, self.received
        return self.received > before

    def write_status(self, *, caught_up: bool) -> None:
        """Replace the status file."""
        self._told = time.monotonic()
        content = {
            "segment": self.segment,
            "timeline": self.timeline,
            "lsn": format_lsn(self.durable),
            "server_lsn": format_lsn(self.server_end),
            "caught_up": caught_up,
            "lag_bytes": self.lag_bytes,
            "lag_seconds": round(self.lag_seconds, 3),
            "slot": self._slot,
            "server": self._server,
            "updated": int(time.time()),
        }
        self._archive.write_status(json.dumps(content, indent=2).encode("ascii") + b"\n")

    def _receive(self, receiver: WalReceiver, into: SegmentStream, until: int | None) -> bool:
        """Take what comes; whether the timeline has ended."""
        waiting_since = time.monotonic()
        server_time = 0.0
        for piece in receiver:
            if len(piece.data):
                waiting_since = waiting_since if into.waiting else time.monotonic()
                before = len(into.sealed)
                into.write(piece.start, piece.data)
                self.received += len(piece.data)
                self._progress.advance(len(piece.data))
                if len(into.sealed) > before:
                    self._progress.item(into.sealed[-1])
            self.server_end = max(self.server_end, piece.server_end)
            server_time = piece.server_time or server_time
            caught_up = receiver.position >= piece.server_end
            due = _SYNC_IDLE if caught_up else _SYNC_BUSY
            done = until is not None and receiver.position >= until
            if done or time.monotonic() - waiting_since >= due:
                into.sync(server_time)
            self._note(receiver, into, server_time)
            if done:
                receiver.acknowledge(into.durable)
                receiver.stop()
                self.write_status(caught_up=self.durable >= self.server_end)
                return False
        into.sync(server_time)
        self._note(receiver, into, server_time)
        return True

    def _note(self, receiver: WalReceiver, into: SegmentStream, server_time: float) -> None:
        if into.durable > self.durable or into.segment:
            self.durable = max(self.durable, into.durable)
            receiver.acknowledge(into.durable)
        if self.durable > self._reported and time.monotonic() - self._reported_at >= _SYNC_IDLE:
            # Soon, and not with the next regular reply: a server may wait for it, and the slot keeps what is not told.
            self._reported, self._reported_at = self.durable, time.monotonic()
            receiver.report()
        self.segment = into.segment or self.segment
        behind = self.server_end - self.durable
        self.lag_seconds = max(0.0, time.time() - server_time) if behind > 0 and server_time else 0.0
        if time.monotonic() - self._told >= _STATUS_SECONDS:
            self.write_status(caught_up=behind <= 0)

    def _last_archived(self, size: int) -> SegmentName | None:
        """The segment to go on with: the newest unfinished one, or the one behind the newest whole one."""
        newest: SegmentName | None = None
        for timeline in reversed(self._archive.timelines()):
            segments = self._archive.segments(timeline)
            if segments and segments[-1].segment is not None:
                newest = segments[-1].segment.next(size)
                break
        unfinished = tails(self._archive)
        if unfinished and (newest is None or unfinished[-1] >= newest):
            return unfinished[-1]
        return newest

    def _refuse_if_ahead(self, start: int, flushed: int, size: int) -> None:
        if start > segment_start(flushed, size) + size:
            raise ConsistencyError(
                f"the archive holds the log up to {format_lsn(start)}, but the server has written it to "
                f"{format_lsn(flushed)} only",
                hint="it is a standby that is behind, or was restored: archive it under another name of the cluster",
            )

    def _on_ancestor(
        self, connection: ReplicationConnection, start: int, timeline: int, current: int, size: int
    ) -> tuple[int, int]:
        """Where to go on when the server has come to another timeline since."""
        name, data = connection.timeline_history(current)
        ancestors = parse_history(data, current, name=name)
        for place, ancestor in enumerate(ancestors):
            if ancestor.timeline == timeline:
                following = [*ancestors[place + 1 :], Ancestor(current, 0, "")][0].timeline
                if start > segment_start(ancestor.switch, size):
                    # The old primary went on for a while with what nobody else has.
                    return segment_start(ancestor.switch, size), following
                return start, timeline
        raise ConsistencyError(
            f"timeline {timeline} is archived, and the server's timeline {current} did not come out of it",
            hint="it was restored from an older state, or another server was promoted: begin anew (new_chain), and "
            "make a new full backup",
        )

    def _keep_history(self, connection: ReplicationConnection, timeline: int) -> None:
        """Archive the history file of a timeline; the first one has none."""
        name = f"{timeline:08X}.history"
        if timeline < 2 or name in self.histories:
            return
        try:
            _name, data = connection.timeline_history(timeline)
        except NotFoundError:
            if timeline > 1 and self._archive.find(name) is None:
                raise
            return
        parse_history(data, timeline, name=name)
        self._archive.put_source(io.BytesIO(data), name, described=f"the server's {name}")
        self.histories.append(name)
