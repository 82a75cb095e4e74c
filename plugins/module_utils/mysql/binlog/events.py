# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One event of a binlog, and the stream of them that a file holds.

The layout is measured on MySQL 5.7 to 9.7 and MariaDB 10.5 to 11.8: a header of 19 bytes, the body, and a CRC-32 where
the file's format description says so.
"""

from __future__ import annotations

import struct
import typing as t

from ...errors import CorruptArtifactError, UnsupportedObjectError
from ...streams.base import ByteSource, read_exactly
from . import codes
from .checksum import crc32_function
from .format_description import FormatDescription, parse_format_description

HEADER = struct.Struct("<IBIIIH")
#: An event is at most as long as the longest packet, 1 GiB, with its header.
LONGEST = (1 << 30) + (1 << 20)
_CHECKSUM = 4
#: The CRC-32 of anything that is followed by its own CRC-32.
_RESIDUE = 0x2144DF1C
_PLAIN = frozenset(codes.NAMES) - {codes.FORMAT_DESCRIPTION, codes.START_ENCRYPTION}
_PIECE = 1 << 20
#: How much is read at once.
_BLOCK = 256 << 10


class TruncatedBinlogError(CorruptArtifactError):
    """A binlog ends within an event; ``context["position"]`` is where the last whole one ends."""


class EventHeader(t.NamedTuple):
    """What every event begins with.

    :param timestamp: seconds since 1970, of the statement's beginning.
    :param size: bytes of the whole event, header and checksum included.
    :param end_position: modulo 2**32, and 0 where MariaDB since 11.4 leaves it open.
    """

    timestamp: int
    type: int
    server_id: int
    size: int
    end_position: int
    flags: int

    @property
    def name(self) -> str:
        """What SHOW BINLOG EVENTS calls the type."""
        return codes.NAMES.get(self.type, f"type {self.type}")


class Event(t.NamedTuple):
    """One event with its body, the checksum taken off.

    :param position: the offset of its first byte in the file; that of the event around it for one that was compressed
        into a transaction's payload.
    :param next_position: the offset behind it.
    """

    header: EventHeader
    body: bytes
    position: int
    next_position: int


class RawEvent(t.NamedTuple):
    """An event with its header and, where its file has them, its checksum."""

    type: int
    raw: bytes


class BinlogReader:
    """The events of one file or stream, in order, every checksum verified.

    Memory is bounded by the largest event. An event type that is not known is an error unless the event says that it
    can be ignored.

    :param source: at the magic number.
    :param name: what to call the file in messages.
    :param partial: the file may end within an event, which is then not there.
    :raises CorruptArtifactError: it is not a binlog, is damaged or ends within an event.
    :raises UnsupportedObjectError: it is encrypted, or holds an event of an unknown type.
    """

    def __init__(self, source: ByteSource, name: str, *, partial: bool = False) -> None:
        self._source = source
        self._partial = partial
        self._name = name
        self._format: FormatDescription | None = None
        self._position = len(codes.MAGIC)
        self._block = b""
        self._at = 0
        self._crc32 = crc32_function()
        magic = self._read(len(codes.MAGIC))
        if magic == codes.ENCRYPTED_MAGIC:
            raise UnsupportedObjectError(
                f"{name} is encrypted by its server",
                hint="read it from the server (dbfleet binlog archive), which decrypts it",
            )
        if magic != codes.MAGIC:
            raise CorruptArtifactError(f"{name} is not a binlog: it begins with {magic.hex() or 'nothing'}")

    @property
    def position(self) -> int:
        """The offset behind the last event that was read whole: where a file that ends within an event is good to."""
        return self._position

    @property
    def format(self) -> FormatDescription:
        """The file's format description, once its event was read.

        :raises CorruptArtifactError: there was none.
        """
        if self._format is None:
            raise self._damaged("the format description is missing")
        return self._format

    def __iter__(self) -> t.Iterator[Event]:
        while True:
            head = self._read(HEADER.size)
            if not head:
                return
            try:
                if len(head) < HEADER.size:
                    raise self._cut_off()
                event = self._event(EventHeader._make(HEADER.unpack(head)), head)
            except TruncatedBinlogError:
                if self._partial:
                    return
                raise
            yield event

    def take_raw(self, end: int, alone: t.Container[int]) -> list[RawEvent]:
        """The next events as the file holds them, checksums verified and included, of those in memory already.

        What comes next and is not taken is for the iterator, which reads on and finds what is wrong with it.

        :param end: where in the file to stop; no event lies over it.
        :param alone: the types to stop before, beside those that say something about the file.
        """
        found: list[RawEvent] = []
        if self._format is None:
            return found
        checksums, crc, unpack = self._format.checksums, self._crc32, HEADER.unpack_from
        block, at, position = self._block, self._at, self._position
        last = len(block) - HEADER.size
        least = HEADER.size + (_CHECKSUM if checksums else 0)
        while position < end and at <= last:
            _time, kind, _server, size, end_position, _flags = unpack(block, at)
            raw = block[at : at + size]
            if len(raw) < size or size < least or kind in alone or kind not in _PLAIN:
                break
            if (end_position and end_position != (position + size) & 0xFFFFFFFF) or (
                checksums and crc(raw) != _RESIDUE
            ):
                break
            found.append(RawEvent(kind, raw))
            at += size
            position += size
        self._at, self._position = at, position
        return found

    def _event(self, header: EventHeader, head: bytes) -> Event:
        if not HEADER.size <= header.size <= LONGEST:
            raise self._damaged(f"an event of {header.size} bytes")
        body = self._body(header.size - HEADER.size)
        if header.type == codes.FORMAT_DESCRIPTION:
            self._format = parse_format_description(body, self._damaged)
        elif self._format is None:
            raise self._damaged(f"a {header.name} event comes before the format description")
        if self._format.checksums:
            body = self._verified(header, head, body)
        elif header.type == codes.FORMAT_DESCRIPTION and self._format.names_checksums:
            # The field is there even where checksums are off.
            body = body[:-_CHECKSUM]
        self._check(header)
        position, self._position = self._position, self._position + header.size
        if header.end_position and header.end_position != self._position & 0xFFFFFFFF:
            self._position = position
            raise self._damaged(f"a {header.name} event says that it ends at {header.end_position}")
        return Event(header, body, position, self._position)

    def _read(self, size: int) -> bytes:
        """The next bytes, fewer at the end; by blocks, because most events are small."""
        end = self._at + size
        if end > len(self._block):
            rest = self._block[self._at :]
            self._block, self._at, end = b"", 0, size
            if size > _BLOCK:
                return rest + read_exactly(self._source, size - len(rest))
            self._block = rest + read_exactly(self._source, _BLOCK)
        piece = self._block[self._at : end]
        self._at = min(end, len(self._block))
        return piece

    def _body(self, size: int) -> bytes:
        # In pieces, so that a size that is not true costs no more memory than there are bytes.
        if size <= _PIECE:
            body = self._read(size)
        else:
            parts = []
            missing = size
            while missing:
                part = self._read(min(missing, _PIECE))
                if not part:
                    break
                parts.append(part)
                missing -= len(part)
            body = b"".join(parts)
        if len(body) < size:
            raise self._cut_off()
        return body

    def _verified(self, header: EventHeader, head: bytes, body: bytes) -> bytes:
        if len(body) < _CHECKSUM:
            raise self._damaged("an event without its checksum")
        if header.type == codes.FORMAT_DESCRIPTION:
            # The server clears this flag when it closes the file, and leaves the checksum as it was.
            head = HEADER.pack(*header[:-1], header.flags & ~codes.FLAG_IN_USE)
        content = body[:-_CHECKSUM]
        if self._crc32(content, self._crc32(head)) != int.from_bytes(body[-_CHECKSUM:], "little"):
            raise self._damaged(f"the checksum of a {header.name} event is wrong")
        return content

    def _check(self, header: EventHeader) -> None:
        if header.type == codes.START_ENCRYPTION and not header.flags & codes.FLAG_IGNORABLE:
            raise UnsupportedObjectError(
                f"{self._name} is encrypted by its server",
                hint="read it from the server (dbfleet binlog archive), which decrypts it",
            )
        if header.type not in codes.NAMES and not header.flags & codes.FLAG_IGNORABLE:
            raise UnsupportedObjectError(
                f"{self._name} holds an event of the unknown type {header.type} at {self._position}",
                hint="it comes from a server that is newer than this collection, or the file is not a binlog",
            )

    def _cut_off(self) -> TruncatedBinlogError:
        return TruncatedBinlogError(
            f"{self._name} ends within an event, at {self._position}",
            hint=f"everything before {self._position} is whole; the file is being written, or was copied too early",
            position=self._position,
        )

    def _damaged(self, cause: str) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"{self._name} is damaged at {self._position}: {cause}",
            hint="get the file again from its server or from another copy",
            position=self._position,
        )
