# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Segments that were never a server's, as small as they can be."""

from __future__ import annotations

import struct
from pathlib import Path

from dbfleet.postgresql.wal.archive import WalArchive
from dbfleet.postgresql.wal.segment import parse_segment
from dbfleet.repository.repository import Repository
from dbfleet.streams.compression import Compression

SIZE = 1 << 20
SYSTEM = 7_000_000_000_000_000_001
MAGIC = 0xD118
PAGE = 8192


def page(address: int, timeline: int, *, first: bool, system: int = SYSTEM, size: int = SIZE) -> bytes:
    head = struct.pack("<HHIQI4x", MAGIC, 2 if first else 0, timeline, address, 0)
    if first:
        head += struct.pack("<QII", system, size, PAGE)
    return head + bytes([address >> 13 & 0xFF or 1]) * (PAGE - len(head))


def segment_bytes(name: str, *, timeline: int = 0, system: int = SYSTEM, used: int = SIZE, size: int = SIZE) -> bytes:
    """A segment; what is behind ``used`` bytes is zero."""
    place = parse_segment(name)
    assert place is not None
    start = place.start(size)
    pages = [
        page(start + offset, timeline or place.timeline, first=not offset, system=system, size=size)
        for offset in range(0, used, PAGE)
    ]
    return b"".join(pages).ljust(size, b"\0")


def name_of(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{number // 4096:08X}{number % 4096:08X}"


def write_segment(folder: Path, number: int, timeline: int = 1) -> Path:
    path = folder / name_of(number, timeline)
    path.write_bytes(segment_bytes(path.name))
    return path


def new_archive(folder: Path, *, compress: str = "none") -> WalArchive:
    return WalArchive(Repository(str(folder)), "shop", SYSTEM, compression=Compression.parse(compress))


def filled_archive(folder: Path, numbers: range, timeline: int = 1) -> WalArchive:
    """An archive that holds these segments."""
    archive = new_archive(folder / "repository")
    for number in numbers:
        archive.put(str(write_segment(folder, number, timeline)))
    return archive
