# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The ends of transactions and the restore points in WAL, which say whether a target is inside.

Of every record only the head is read (XLogRecord of ``access/xlogrecord.h``), the same from 10 to 18; recovery itself
looks at the rest. A record can lie across pages and segments, each of which begins with a header of its own.
"""

from __future__ import annotations

import dataclasses
import datetime
import struct
import typing as t

from ...lazy_dataclass import dataclass
from ..wal.segment import PAGE_SIZE

COMMIT, ABORT, RESTORE_POINT = "commit", "abort", "restore point"

_HEAD = struct.Struct("<II8xBB2xI")
_PAGE = struct.Struct("<HHIQI4x")
_TIME = struct.Struct("<q")
_LONG_PAGE, _SHORT_PAGE = 40, 24
_CONTINUED, _OVERWRITTEN = 0x1, 0x8
_XLOG, _XACT = 0, 1
# The upper bits of xl_info, for resource managers 0 and 1.
_XLOG_RESTORE_POINT, _XLOG_SWITCH = 0x70, 0x40
_XACT_KINDS = {0x00: COMMIT, 0x20: ABORT, 0x30: COMMIT, 0x40: ABORT}
_LARGEST_RECORD = 1 << 30
_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
_NAME_SIZE = 64


@dataclass(frozen=True)
class WalEvent:
    """Something in the WAL that recovery can stop at.

    :param lsn: just behind the record.
    :param time: of the server's clock, microseconds since 2000-01-01 UTC.
    :param xid: the transaction; 0 for restore points, and for transactions that were prepared.
    :param name: of a restore point.
    """

    kind: str
    lsn: int
    time: int
    xid: int = 0
    name: str = ""

    @property
    def moment(self) -> datetime.datetime:
        return moment_of(self.time)


def moment_of(time: int) -> datetime.datetime:
    """A time of the server as an aware one."""
    return _EPOCH + datetime.timedelta(microseconds=time)


def server_time(moment: datetime.datetime) -> int:
    """An aware time as the server counts it."""
    return (moment - _EPOCH) // datetime.timedelta(microseconds=1)


class WalScanner:
    """Reads segments that follow one another.

    :attr:`end` is the LSN behind the last record that was whole.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.end = 0

    def segment(self, data: bytes, start: int) -> t.Iterator[WalEvent]:
        """What is in the next segment.

        :param data: all of it.
        :param start: the LSN of its first byte.
        """
        flags, remaining = _first_page(data)
        body, pages = _without_headers(data)
        skipped = 0
        if self._rest and flags & _CONTINUED and not flags & _OVERWRITTEN:
            body = self._rest + body
            skipped = len(self._rest)
            position = 0
        else:
            position = _aligned(remaining) if flags & _CONTINUED else 0
        self._rest = b""
        unpack = _HEAD.unpack_from
        end = len(body) - _HEAD.size
        # A loop over all records: whatever is done for each of them counts.
        while position <= end:
            total, xid, info, manager, _crc = unpack(body, position)
            if total < 24 or total > _LARGEST_RECORD:
                break
            following = position + (total + 7 & ~7)
            if position + total > len(body):
                self._rest = body[position:]
                return
            if manager <= _XACT:
                event = _event(body, position, total, xid, info & 0x70 if manager else info & 0xF0, manager)
                if event is not None:
                    yield dataclasses.replace(event, lsn=_lsn(start, following - skipped))
                elif manager == _XLOG and info & 0xF0 == _XLOG_SWITCH:
                    self.end = start + len(data)
                    return
            position = following
            self.end = _lsn(start, min(position, len(body)) - skipped)
        if end < position < len(body) and pages * PAGE_SIZE == len(data):
            # Not even the head of the record is whole.
            self._rest = body[position:]


def _first_page(data: bytes) -> tuple[int, int]:
    _magic, flags, _timeline, _address, remaining = _PAGE.unpack_from(data)
    return flags, remaining


def _without_headers(data: bytes) -> tuple[bytes, int]:
    """The content of the pages that were written, one after the other, and how many they are."""
    parts = [data[_LONG_PAGE:PAGE_SIZE]]
    magic = data[:2]
    for offset in range(PAGE_SIZE, len(data), PAGE_SIZE):
        if data[offset : offset + 2] != magic:
            break
        parts.append(data[offset + _SHORT_PAGE : offset + PAGE_SIZE])
    return b"".join(parts), len(parts)


def _event(body: bytes, position: int, total: int, xid: int, operation: int, manager: int) -> WalEvent | None:
    if manager == _XLOG and operation != _XLOG_RESTORE_POINT:
        return None
    kind = RESTORE_POINT if manager == _XLOG else _XACT_KINDS.get(operation)
    if kind is None:
        return None
    content = _main_data(body, position + _HEAD.size, position + total)
    if len(content) < _TIME.size:
        return None
    (time,) = _TIME.unpack_from(content)
    name = content[8 : 8 + _NAME_SIZE].partition(b"\0")[0].decode("utf-8", "replace") if manager == _XLOG else ""
    prepared = manager == _XACT and operation in (0x30, 0x40)
    return WalEvent(kind, 0, time, 0 if prepared or manager == _XLOG else xid, name)


def _main_data(body: bytes, position: int, end: int) -> bytes:
    """The data of a record that changes no blocks."""
    while position < end:
        identifier = body[position]
        if identifier == 255:
            return body[position + 2 : min(end, position + 2 + body[position + 1])]
        if identifier == 254:
            size = int.from_bytes(body[position + 1 : position + 5], "little")
            return body[position + 5 : min(end, position + 5 + size)]
        if identifier == 253:
            position += 3
        elif identifier == 252:
            position += 5
        else:
            break
    return b""


def _aligned(number: int) -> int:
    return number + 7 & ~7


def _lsn(start: int, position: int) -> int:
    """The LSN of a position in the content of a segment's pages."""
    first = PAGE_SIZE - _LONG_PAGE
    if position <= first:
        return start + _LONG_PAGE + position
    pages, rest = divmod(position - first, PAGE_SIZE - _SHORT_PAGE)
    if rest == 0:
        return start + (pages + 1) * PAGE_SIZE
    return start + (pages + 1) * PAGE_SIZE + _SHORT_PAGE + rest
