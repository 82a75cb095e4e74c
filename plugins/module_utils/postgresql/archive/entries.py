# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the kinds of entries are called, and how an entry is named to a human."""

from __future__ import annotations

from ..toc import TocEntry

LARGE_OBJECTS = "BLOBS"
TABLE_DATA = "TABLE DATA"


def object_name(entry: TocEntry) -> str:
    """``schema.name``, or the name alone for what is in no schema."""
    return f"{entry.namespace}.{entry.tag}" if entry.namespace else entry.tag


def entry_name(entry: TocEntry) -> str:
    """The kind and the name: ``TABLE DATA shop.orders``."""
    return f"{entry.desc} {object_name(entry)}"
