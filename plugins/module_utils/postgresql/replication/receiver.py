# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Receiving the write-ahead log as a standby does: START_REPLICATION, its messages, and the replies that it wants.

The messages are those of the chapter "Streaming Replication Protocol" of PostgreSQL's manual.
"""

from __future__ import annotations

import struct
import time
import typing as t

from ...errors import ConnectError, ConsistencyError, CorruptArtifactError, DbfleetError
from ...lazy_dataclass import dataclass
from .connection import ReplicationConnection, is_silent, slot_identifier
from .lsn import format_lsn, parse_lsn

_WAL = struct.Struct("!cQQq")
_KEEPALIVE = struct.Struct("!cQqB")
_STATUS = struct.Struct("!cQQQqB")
#: Times of the protocol are microseconds since 2000.
_EPOCH = 946_684_800
_MICROSECONDS = 1_000_000
_MISSING_FILE = "58P01"


@dataclass(frozen=True)
class WalPiece:
    """Some of the log, or nothing where the server had nothing to send.

    :param start: the LSN of its first byte.
    :param data: valid until the next piece is asked for.
    :param server_end: how far the server's log is written.
    :param server_time: by the server's clock, in seconds since 1970; 0 where it said nothing.
    """

    start: int
    data: t.Any
    server_end: int
    server_time: float

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class WalReceiver:
    """The log from a place on, piece by piece, without a gap.

    It ends where the timeline ends: :attr:`next_timeline` and :attr:`switch` say how it goes on.

    :param connection: used by nobody else until it ends.
    :param start: the beginning of a segment.
    :param slot: a physical slot, which :meth:`acknowledge` moves on.
    :param pause: seconds of silence after which an empty piece comes.
    :param silence: seconds without a sign of life after which the server is taken for dead.
    :param status_interval: seconds between two replies; a server waits 60 by default.
    :raises ConsistencyError: the server does not have that part of the log any more.
    :raises DbfleetError: the server refuses it.
    """

    def __init__(
        self,
        connection: ReplicationConnection,
        *,
        start: int,
        timeline: int,
        slot: str = "",
        pause: float = 1.0,
        silence: float = 60.0,
        status_interval: float = 10.0,
    ) -> None:
        self._connection = connection
        self._pause = pause
        self._silence = silence
        self._status_interval = status_interval
        self._position = start
        self._server_end = start
        self._flushed = 0
        self._heard = self._replied = time.monotonic()
        self.next_timeline = 0
        self.switch = 0
        words = f"SLOT {slot_identifier(slot)} " if slot else ""
        command = f"START_REPLICATION {words}PHYSICAL {format_lsn(start)} TIMELINE {timeline:d}"
        try:
            self._stream = connection.start(command)
        except DbfleetError as error:
            raise _gone(error, start) from error

    @property
    def position(self) -> int:
        """The LSN behind what was received."""
        return self._position

    def acknowledge(self, flushed: int) -> None:
        """Say with the next reply that everything before ``flushed`` is durable here."""
        self._flushed = max(self._flushed, flushed)

    def __iter__(self) -> t.Iterator[WalPiece]:
        """:raises ConnectError: the connection broke, or the server is silent.
        :raises ConsistencyError: the server has removed what follows.
        :raises CorruptArtifactError: a message is none of the protocol, or does not follow the one before.
        """
        while True:
            try:
                message = self._stream.receive(self._pause)
            except DbfleetError as error:
                raise _gone(error, self._position) from error
            if message is None:
                self._end_of_timeline()
                return
            wants_reply = False
            piece = WalPiece(self._position, b"", self._server_end, 0.0)
            if message:
                self._heard = time.monotonic()
                if message[0] == ord("w"):
                    piece = self._data(message)
                elif message[0] == ord("k"):
                    piece, wants_reply = self._keepalive(message)
                else:
                    raise CorruptArtifactError("the server sent a message that is not one of the replication protocol")
            elif time.monotonic() - self._heard > self._silence:
                raise is_silent(self._silence, "waiting for WAL")
            yield piece
            self._reply_when_due(now=wants_reply)

    def report(self) -> None:
        """Reply at once."""
        self._reply(wants_answer=False)

    def stop(self) -> None:
        """End the stream from this side; the connection can be used again."""
        self._reply(wants_answer=False)
        self._stream.end()
        while self._stream.receive(self._silence):
            # What was on its way.
            continue
        self._stream.finish()

    def _data(self, message: t.Any) -> WalPiece:
        if len(message) < _WAL.size:
            raise CorruptArtifactError("the server sent a message without its head")
        _kind, start, end, clock = _WAL.unpack_from(message)
        if start != self._position:
            raise CorruptArtifactError(
                f"the server sent the log from {format_lsn(start)} on, {format_lsn(self._position)} was due"
            )
        data = message[_WAL.size :]
        self._position += len(data)
        # Before a standby has anything newer, it says 0 here or the end of what it sends.
        self._server_end = max(self._server_end, end, self._position)
        return WalPiece(start, data, self._server_end, _seconds(clock))

    def _keepalive(self, message: t.Any) -> tuple[WalPiece, bool]:
        if len(message) < _KEEPALIVE.size:
            raise CorruptArtifactError("the server sent a message without its head")
        _kind, end, clock, wants_reply = _KEEPALIVE.unpack_from(message)
        self._server_end = max(self._server_end, end)
        return WalPiece(self._position, b"", self._server_end, _seconds(clock)), bool(wants_reply)

    def _reply_when_due(self, *, now: bool) -> None:
        if now or time.monotonic() - self._replied >= self._status_interval:
            # A server that gets replies in time has no reason to say anything; asked, it shows that it lives.
            self._reply(wants_answer=not now)

    def _reply(self, *, wants_answer: bool) -> None:
        self._replied = time.monotonic()
        clock = int((time.time() - _EPOCH) * _MICROSECONDS)
        # Nothing is applied here: 0 for that.
        self._stream.put(_STATUS.pack(b"r", self._position, self._flushed, 0, clock, int(wants_answer)))

    def _end_of_timeline(self) -> None:
        try:
            self._stream.end()
        except ConnectError:
            # Where an error has ended the stream there is nothing to end; the error is the next result.
            self._result()
            raise
        rows = self._result()
        if rows:
            timeline, switch = rows[0]
            self.next_timeline, self.switch = int(timeline or 0), parse_lsn(switch or "")
        self._stream.finish()

    def _result(self) -> t.Any:
        try:
            return self._stream.rows()
        except DbfleetError as error:
            raise _gone(error, self._position) from error


def _seconds(clock: int) -> float:
    return _EPOCH + clock / _MICROSECONDS


def _gone(error: DbfleetError, position: int) -> DbfleetError:
    """The error for a part of the log that the server has removed."""
    if error.context.get("sqlstate") != _MISSING_FILE and "already been removed" not in error.message:
        return error
    return ConsistencyError(
        f"the server does not have its log from {format_lsn(position)} on any more: {error.message}",
        hint="there is a gap in the archive unless archive_command fills it: begin anew (new_chain), make a new full "
        "backup; a slot keeps a server from removing what is not archived",
    )
