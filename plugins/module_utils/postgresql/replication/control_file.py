# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""PostgreSQL's ``global/pg_control``: whose cluster a data folder is, and in which state it was left.

The struct ControlFileData of catalog/pg_control.h, as servers 10 to 18 write it on 64-bit little-endian machines. What
stands before its CRC is found from there backwards, because the parts before it grew with the versions.
"""

from __future__ import annotations

import struct

from ...errors import CorruptArtifactError, UnsupportedObjectError
from ...lazy_dataclass import dataclass
from .crc32c import crc32c

PATH = "global/pg_control"
#: The size of the file; what follows the struct is zero.
SIZE = 8192
IN_PRODUCTION = "in production"

_BEGINNING = struct.Struct("<QIIIxxxxqQ")
_CHECKPOINT = struct.Struct("<QII")
_SIZES = struct.Struct("<IIII")
_CRC_OFFSETS = (288, 280, 292)
# The random number that precedes the CRC.
_NONCE = 32
_STATES = (
    "starting up",
    "shut down",
    "shut down in recovery",
    "shutting down",
    "in crash recovery",
    "in archive recovery",
    IN_PRODUCTION,
)


@dataclass(frozen=True)
class ControlFile:
    """What is known of a cluster by its control file.

    :param control_version: 1300 for 13 to 16, 1800 for 18.
    :param catalog_version: a date and a number, which the folders in tablespaces are named by.
    :param state: as pg_controldata says it.
    :param checkpoint: the LSN of the last checkpoint's record.
    :param redo: the LSN that recovery begins at.
    :param timeline: of the last checkpoint.
    :param segment_size: of WAL, in bytes.
    :param blocks_per_file: how many blocks a file of a relation has at most.
    :param checksums: whether pages have them.
    """

    system_identifier: int
    control_version: int
    catalog_version: int
    state: str
    checkpoint: int
    redo: int
    timeline: int
    block_size: int
    blocks_per_file: int
    segment_size: int
    checksums: bool


def parse_control_file(data: bytes, *, name: str = PATH) -> ControlFile:
    """Read a control file and verify its CRC.

    :param data: all of it.
    :param name: what errors call it.
    :raises CorruptArtifactError: it is damaged.
    :raises UnsupportedObjectError: it was written on a machine of another byte order.
    """
    crc_offset = next((offset for offset in _CRC_OFFSETS if _is_crc(data, offset)), None)
    if crc_offset is None:
        if len(data) >= 12 and 1000 <= int.from_bytes(data[8:12], "big") < 10000:
            raise UnsupportedObjectError(f"{name} was written on a machine of another byte order", path=name)
        raise CorruptArtifactError(f"{name} is damaged: its CRC does not match its content", path=name)
    identifier, version, catalog, state, _time, checkpoint = _BEGINNING.unpack_from(data)
    # 10 names the checkpoint before the last one too.
    redo, timeline, _previous = _CHECKPOINT.unpack_from(data, 48 if version < 1100 else 40)
    # A flag was added behind the version of checksums.
    behind = crc_offset - _NONCE - (4 if version >= 1800 else 0)
    block_size, per_file, wal_block_size, segment_size = _SIZES.unpack_from(data, behind - 40)
    checksums = int.from_bytes(data[behind - 4 : behind], "little")
    if not all(_is_power(number) for number in (block_size, wal_block_size, segment_size)) or not per_file:
        raise UnsupportedObjectError(f"{name} is of a layout that is not known (version {version})", path=name)
    return ControlFile(
        system_identifier=identifier,
        control_version=version,
        catalog_version=catalog,
        state=_STATES[state] if state < len(_STATES) else f"unknown ({state})",
        checkpoint=checkpoint,
        redo=redo,
        timeline=timeline,
        block_size=block_size,
        blocks_per_file=per_file,
        segment_size=segment_size,
        checksums=bool(checksums),
    )


def _is_crc(data: bytes, offset: int) -> bool:
    return len(data) >= offset + 4 and crc32c(data[:offset]) == int.from_bytes(data[offset : offset + 4], "little")


def _is_power(number: int) -> bool:
    return number >= 512 and number & (number - 1) == 0
