# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The compression that was asked for."""

from __future__ import annotations

from ..streams.compression import Compression
from .given import Given


def compression_of(given: Given) -> str:
    """As the engines take it; empty for the format's default.

    :raises UsageError: there is no such method or level.
    """
    text = given.text("compress")
    return str(Compression.parse(text)) if text else ""
