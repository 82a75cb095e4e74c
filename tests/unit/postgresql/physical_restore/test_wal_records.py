# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records in segments that are made here; real ones are read by the integration tests."""

from __future__ import annotations

import random
import struct

import pytest

from dbfleet.postgresql.physical_restore.wal_records import ABORT, COMMIT, RESTORE_POINT, WalEvent, WalScanner

SEGMENT, PAGE, START = 1 << 20, 8192, 3 << 20


def record(manager: int, info: int, data: bytes, xid: int = 0) -> bytes:
    main = bytes((255, len(data))) + data if len(data) < 256 else bytes((254,)) + struct.pack("<I", len(data)) + data
    head = struct.pack("<IIQBBxxI", 24 + len(main), xid, 0, info, manager, 0)
    return (head + main).ljust((24 + len(main) + 7) // 8 * 8, b"\0")


class Log:
    """Segments with the headers of their pages, and where each record ends."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.ends: list[int] = []

    def add(self, data: bytes) -> None:
        self.body += data
        self.ends.append(len(self.body))

    def segments(self) -> list[bytes]:
        found, position = [], 0
        # Where records end tells what of one lies on the page after it.
        starts = [0, *self.ends]
        while position < len(self.body):
            pages = []
            for number in range(SEGMENT // PAGE):
                size = 40 if number == 0 else 24
                if position >= len(self.body):
                    pages.append(bytes(PAGE))
                    continue
                following = next(start for start in starts if start >= position)
                remaining = following - position
                flags = (2 if number == 0 else 0) | (1 if remaining else 0)
                address = START + len(found) * SEGMENT + number * PAGE
                header = struct.pack("<HHIQI4x", 0xD116, flags, 1, address, remaining).ljust(size, b"\0")
                part = bytes(self.body[position : position + PAGE - size])
                position += len(part)
                pages.append((header + part).ljust(PAGE, b"\0"))
            found.append(b"".join(pages))
        return found


@pytest.mark.parametrize("seed", range(5))
def test_finds_every_end_of_a_transaction(seed: int) -> None:
    chance = random.Random(seed)
    log = Log()
    expected: list[tuple[str, int, int, str]] = []
    for number in range(1, 4000):
        log.add(record(10, 0, chance.randbytes(chance.choice((3, 50, 200, 900)))))
        kind, info = chance.choice(((COMMIT, 0x00), (COMMIT, 0x80), (ABORT, 0x20), (RESTORE_POINT, 0x70)))
        if kind == RESTORE_POINT:
            log.add(record(0, info, struct.pack("<q", number) + f"p{number}".encode().ljust(64, b"\0")))
            expected.append((kind, number, 0, f"p{number}"))
        else:
            log.add(record(1, info, struct.pack("<q", number) + chance.randbytes(20), xid=number))
            expected.append((kind, number, number, ""))
    segments = log.segments()
    assert len(segments) > 1
    scanner = WalScanner()
    events: list[WalEvent] = []
    for number, segment in enumerate(segments):
        events += scanner.segment(segment, START + number * SEGMENT)
    assert [(event.kind, event.time, event.xid, event.name) for event in events] == expected
    assert [event.lsn for event in events] == sorted(event.lsn for event in events)
    assert scanner.end == events[-1].lsn
    # One that begins in the middle misses at most what began before.
    late = list(WalScanner().segment(segments[1], START + SEGMENT))
    assert late == events[-len(late) :]
    missed = events[: -len(late)]
    assert missed[-1].lsn <= START + SEGMENT + PAGE


def test_a_switch_ends_a_segment() -> None:
    log = Log()
    log.add(record(1, 0, struct.pack("<q", 7), xid=9))
    log.add(record(0, 0x40, b""))
    (segment,) = log.segments()
    scanner = WalScanner()
    assert [event.xid for event in scanner.segment(segment, START)] == [9]
    assert scanner.end == START + SEGMENT


def test_garbage_is_no_record() -> None:
    chance = random.Random(1)
    header = struct.pack("<HHIQI4x", 0xD116, 2, 1, START, 0).ljust(40, b"\0")
    scanner = WalScanner()
    garbage = header + b"\x01" + chance.randbytes(SEGMENT - 41)
    list(scanner.segment(garbage, START))
    list(scanner.segment(bytes(SEGMENT), START + SEGMENT))
