# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest

from dbfleet.errors import CorruptArtifactError, UnsupportedObjectError
from dbfleet.postgresql.replication.control_file import SIZE, ControlFile, parse_control_file
from dbfleet.postgresql.replication.crc32c import crc32c


def control_data(version: int, crc_offset: int) -> bytes:
    """A file in the layout of catalog/pg_control.h; real ones are read by the integration tests."""
    data = bytearray(crc_offset)
    struct.pack_into("<QIIIxxxxqQ", data, 0, 7710982119763014560, version, 202506291, 6, 0, 0x2000080)
    struct.pack_into("<QII", data, 48 if version < 1100 else 40, 0x2000028, 3, 2)
    behind = crc_offset - 32 - (4 if version >= 1800 else 0)
    struct.pack_into("<IIII", data, behind - 40, 8192, 131072, 8192, 16 << 20)
    struct.pack_into("<I", data, behind - 4, 1)
    return (bytes(data) + crc32c(bytes(data)).to_bytes(4, "little")).ljust(SIZE, b"\0")


@pytest.mark.parametrize(("version", "crc_offset"), [(1002, 288), (1100, 280), (1201, 288), (1300, 288), (1800, 292)])
def test_reads_every_layout(version: int, crc_offset: int) -> None:
    assert parse_control_file(control_data(version, crc_offset)) == ControlFile(
        system_identifier=7710982119763014560,
        control_version=version,
        catalog_version=202506291,
        state="in production",
        checkpoint=0x2000080,
        redo=0x2000028,
        timeline=3,
        block_size=8192,
        blocks_per_file=131072,
        segment_size=16 << 20,
        checksums=True,
    )


@pytest.mark.parametrize("position", [0, 17, 100, 287, 290])
def test_notices_damage(position: int) -> None:
    data = bytearray(control_data(1300, 288))
    data[position] ^= 4
    with pytest.raises(CorruptArtifactError, match="CRC"):
        parse_control_file(bytes(data))
    with pytest.raises(CorruptArtifactError):
        parse_control_file(bytes(data)[:position])


def test_names_another_byte_order() -> None:
    data = struct.pack(">QI", 7710982119763014560, 1300).ljust(SIZE, b"\0")
    with pytest.raises(UnsupportedObjectError, match="byte order"):
        parse_control_file(data)
