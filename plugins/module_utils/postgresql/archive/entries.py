# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the kinds of entries are called, and how an entry is named to a human."""

from __future__ import annotations

from ..text import to_bytes
from ..toc import TocEntry

LARGE_OBJECT = "BLOB"
LARGE_OBJECT_GROUP = "BLOB METADATA"
LARGE_OBJECTS = "BLOBS"
TABLE_DATA = "TABLE DATA"


def object_name(entry: TocEntry) -> str:
    """``schema.name``, or the name alone for what is in no schema; as every output can print it."""
    return shown(f"{entry.namespace}.{entry.tag}" if entry.namespace else entry.tag)


def shown(text: str) -> str:
    """Text that every output can print: bytes that are no UTF-8 are replaced."""
    return to_bytes(text).decode("utf-8", "replace")


def entry_name(entry: TocEntry) -> str:
    """The kind and the name: ``TABLE DATA shop.orders``."""
    return f"{shown(entry.desc)} {object_name(entry)}"
