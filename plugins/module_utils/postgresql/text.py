# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Text of any server encoding as ``str`` and back, without loss.

Every encoding that a PostgreSQL server can store is a superset of ASCII whose further characters have no byte below
0x80. So UTF-8 with Python's surrogate escapes carries names and definitions of a LATIN1, EUC or SQL_ASCII database
through the engine unchanged: quoting and splitting touch ASCII characters only. For UTF-8 databases it is plain text.
"""

from __future__ import annotations


def to_text(data: bytes) -> str:
    """Bytes in the client encoding as text."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """The bytes that :func:`to_text` was given."""
    return text.encode("utf-8", "surrogateescape")
