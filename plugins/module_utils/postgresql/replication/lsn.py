# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Places in the write-ahead log: numbers inside, ``16/B374D848`` for people and the server."""

from __future__ import annotations

import re

from ...errors import UsageError

_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")


def parse_lsn(text: str) -> int:
    """The place that a text names.

    :raises UsageError: it names none.
    """
    found = _LSN.match(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no place in the write-ahead log", hint="write it as the server does: 16/B374D848"
        )
    return int(found.group(1), 16) << 32 | int(found.group(2), 16)


def format_lsn(lsn: int) -> str:
    """A place as the server writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def segment_start(lsn: int, segment_size: int) -> int:
    """The first byte of the segment that holds ``lsn``."""
    return lsn - lsn % segment_size
