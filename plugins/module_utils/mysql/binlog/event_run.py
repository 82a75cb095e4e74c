# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Events taken out of the packets that they came in: many at a time, as most are of interest to nobody but a checksum.

What an archive knows of a file is learnt of few types of events; :func:`take_run` passes over all others in one loop.
"""

from __future__ import annotations

import struct
import typing as t

from . import codes
from .checksum import crc32_function
from .events import HEADER
from .file_facts import LEAST_BEGINNINGS, FileFacts

#: A packet's head, the byte that says that it is an event, and the event's header without the server's id.
_PACKET = struct.Struct("<IBIBxxxxIIH")
_SERVER_ID = struct.Struct("<I")
#: How many bytes of a packet come before the event, and before the id in its header.
_FRAME, _BEFORE_ID = 5, 10
_LONGEST_PACKET = 0xFFFFFF
#: The CRC-32 of anything that is followed by its own CRC-32.
_RESIDUE = 0x2144DF1C
#: Each of these says something about the file, or is not of it.
_ALONE = (
    codes.FORMAT_DESCRIPTION,
    codes.ROTATE,
    codes.STOP,
    codes.PREVIOUS_GTIDS,
    codes.GTID_LIST,
    codes.GTID_TAGGED,
    codes.HEARTBEAT,
    codes.HEARTBEAT_V2,
    codes.START_ENCRYPTION,
)
#: Those that begin a transaction, with the least size of one whose identifier is all there.
_BEGINNINGS = {kind: HEADER.size + size + 4 for kind, size in LEAST_BEGINNINGS.items()}
#: Of each type the least size of an event that can be taken; so much has none of those that have to come alone.
_NEVER = 1 << 32
_LEAST = tuple(_NEVER if kind in _ALONE else _BEGINNINGS.get(kind, HEADER.size + 4) for kind in range(256))


class Run(t.NamedTuple):
    """What :func:`take_run` took.

    :param pieces: the events, each whole; they are views of the buffer.
    :param size: of all of them.
    :param behind: where in the buffer the first packet stands that was not taken.
    """

    pieces: list[memoryview]
    size: int
    behind: int


def take_run(view: memoryview, at: int, end: int, position: int, facts: FileFacts) -> Run:
    """Take events as long as they are whole, right, and need no look of their own.

    The first that is not is left where it is, and whoever looks at it closely finds what is wrong with it.

    :param view: the buffer, with a packet's first byte at ``at``, and filled up to ``end``.
    :param position: where in the file the next event begins.
    :param facts: of the file, whose format must be known; they have seen what was taken.
    """
    description = facts.format
    if description is None:
        return Run([], 0, at)
    checksums = description.checksums
    unpack, crc32 = _PACKET.unpack_from, crc32_function()
    pieces: list[memoryview] = []
    take = pieces.append
    began, first, last, whole = position, 0, 0, end - _PACKET.size
    # Nothing but this loop is done for every event: it decides how fast an archive is.
    while at <= whole:
        length, status, timestamp, kind, size, end_position, flags = unpack(view, at)
        start = at + _FRAME
        behind = start + size
        if (
            behind > end
            or size < _LEAST[kind]
            or length & _LONGEST_PACKET != size + 1
            or status
            or (end_position and end_position != (position + size) & 0xFFFFFFFF)
            or flags & codes.FLAG_ARTIFICIAL
            or size + 1 == _LONGEST_PACKET
        ):
            break
        event = view[start:behind]
        if checksums and crc32(event) != _RESIDUE:
            break
        if kind in _BEGINNINGS:
            (server_id,) = _SERVER_ID.unpack_from(view, at + _BEFORE_ID)
            facts.see_beginning(kind, server_id, timestamp, position, event[HEADER.size :])
        if timestamp > last:
            last = timestamp
            first = first or timestamp
        take(event)
        position += size
        at = behind
    facts.pass_over(position - began, first, last)
    return Run(pieces, position - began, at)
