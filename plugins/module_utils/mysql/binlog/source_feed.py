# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The events of a plan as a replication source sends them to its replica.

Before what does not follow what was sent, the replica is told of the new place by a Rotate event that is in no file,
so that it records of every transaction where it ends in the archived file.
"""

from __future__ import annotations

import struct
import threading
import typing as t

from ...errors import ConnectError
from . import codes
from .checksum import checksum_of
from .events import HEADER, Event, RawEvent
from .format_description import FormatDescription
from .source_protocol import Channel

# Whole transactions, so that an interruption rarely leaves half of one with the replica.
_FLUSH = 256 << 10
_FLUSH_WITHIN = 2 << 20
_CREATED = slice(52, 56)
_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))
#: What names a transaction of MySQL.
_NAMED_GTIDS = frozenset((codes.GTID, codes.GTID_TAGGED))
_OK = b"\0"


class Feed:
    """Sends what :func:`.replay_events.pass_events` passes.

    :param server_id: the source's own.
    :param anonymous: MySQL's transactions lose their GTIDs.
    """

    def __init__(self, channel: Channel, *, server_id: int, anonymous: bool) -> None:
        self._channel = channel
        self._server_id = server_id
        self._anonymous = anonymous
        self.looked_at = _NAMED_GTIDS if anonymous else frozenset[int]()
        self._checksums = False
        self._name = ""
        self._algorithm = False
        self._description: Event | None = None
        self._described = False
        self._files = 0
        # Before the first description the replica goes by what it asked, later by the one that it has.
        self._sent_checksums = True
        self._buffer = bytearray()
        self._position = 0
        self._closed = False
        self._open_gate = threading.Event()
        self._open_gate.set()

    def describe(self, event: Event, description: FormatDescription, name: str) -> None:
        """Keep the file's description until something of the file is sent."""
        self._name, self._description, self._checksums = name, event, description.checksums
        self._algorithm = description.names_checksums
        self._described = False

    def begin(self, position: int) -> None:
        """Tell the replica where the next transactions stand. Told of a place, it forgets how events look."""
        self._rotate(position)
        self._describe()
        self._position = position

    def take(self, event: Event) -> None:
        header, body = event.header, event.body
        if header.type in _GTIDS:
            if len(self._buffer) >= _FLUSH:
                self.flush()
            self._wait_at_gate()
            if self._anonymous and header.type in _NAMED_GTIDS:
                header, body = header._replace(type=codes.ANONYMOUS_GTID), _anonymous(header.type, body)
        size = HEADER.size + len(body) + (4 if self._checksums else 0)
        raw = HEADER.pack(*header._replace(size=size)) + body
        if self._checksums:
            raw += checksum_of(raw)
        self._send(raw)
        self._position = event.next_position

    def take_raw(self, events: t.Sequence[RawEvent], next_position: int) -> None:
        """Events as their file holds them, which is as they are sent."""
        for kind, raw in events:
            if kind in _GTIDS:
                if len(self._buffer) >= _FLUSH:
                    self.flush()
                self._wait_at_gate()
            self._send(raw)
        self._position = next_position

    def finish(self) -> tuple[str, int]:
        """Everything is sent: say so in the log, too; the place that the replica then knows to have reached."""
        self.remind()
        return self._name, self._position

    def remind(self) -> None:
        """A sign of life: the place once more."""
        self._rotate(self._position)
        self.flush()

    def flush(self) -> None:
        buffer, self._buffer = self._buffer, bytearray()
        self._channel.write(buffer)

    def pause(self, *, paused: bool) -> None:
        """Send no further transaction for now, or go on."""
        if paused:
            self._open_gate.clear()
        else:
            self._open_gate.set()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        self._open_gate.set()

    def _wait_at_gate(self) -> None:
        if not self._open_gate.is_set():
            self.flush()
            self._open_gate.wait()
        if self._closed:
            raise ConnectError("the replication source was closed")

    def _rotate(self, position: int) -> None:
        body = struct.pack("<Q", position) + self._name.encode("utf-8")
        self._made(codes.ROTATE, body, checksum=self._sent_checksums)

    def _describe(self) -> None:
        event = self._description
        if event is None:
            raise ConnectError("a file's events were to be sent before its description")
        body = bytearray(event.body)
        if not self._files or self._described:
            # A replica takes this time for the server's start with the file, which drops temporary tables.
            body[_CREATED] = bytes(4)
        self._files += not self._described
        self._described = True
        self._sent_checksums = self._checksums
        header = event.header._replace(end_position=0, flags=event.header.flags & ~codes.FLAG_IN_USE)
        size = HEADER.size + len(body) + (4 if self._algorithm else 0)
        raw = HEADER.pack(*header._replace(size=size)) + bytes(body)
        if self._algorithm:
            raw += checksum_of(raw) if self._checksums else bytes(4)
        self._send(raw)

    def _made(self, kind: int, body: bytes, *, checksum: bool) -> None:
        size = HEADER.size + len(body) + (4 if checksum else 0)
        raw = HEADER.pack(0, kind, self._server_id, size, 0, codes.FLAG_ARTIFICIAL) + body
        self._send(raw + checksum_of(raw) if checksum else raw)

    def _send(self, raw: bytes) -> None:
        self._buffer += self._channel.framed(_OK + raw)
        if len(self._buffer) >= _FLUSH_WITHIN:
            self.flush()


def _anonymous(kind: int, body: bytes) -> bytes:
    """The body of a GTID event without the identifier."""
    if kind == codes.GTID_TAGGED:
        # Only the part that every version has: may hold statements, no clock.
        return b"\1" + bytes(24) + b"\2" + bytes(16)
    return body[:1] + bytes(24) + body[25:]
