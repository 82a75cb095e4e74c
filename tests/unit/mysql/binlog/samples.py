# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small binlogs put together byte by byte, as the servers write them."""

from __future__ import annotations

import struct
import zlib

from dbfleet.mysql.binlog import codes

HEADER = struct.Struct("<IBIIIH")
UUID = bytes(range(16))


class Binlog:
    """A file that grows by events."""

    def __init__(self, version: str = "9.7.4", *, checksums: bool = True) -> None:
        self.data = codes.MAGIC
        self.checksums = checksums
        body = struct.pack("<H50sIB", 4, version.encode(), 0, 19) + bytes(42) + bytes([checksums])
        self.event(codes.FORMAT_DESCRIPTION, body if checksums else body + bytes(4))

    def event(
        self, kind: int, body: bytes, *, flags: int = 0, timestamp: int = 1_700_000_000, end: int | None = None
    ) -> int:
        """Add an event; the offset of its first byte."""
        start = len(self.data)
        size = HEADER.size + len(body) + 4 * self.checksums
        head = HEADER.pack(1_700_000_000, kind, 1, size, start + size if end is None else end, flags)
        whole = head + body
        self.data += whole + (struct.pack("<I", zlib.crc32(whole)) if self.checksums else b"")
        return start

    def gtid(self, number: int) -> int:
        return self.event(codes.GTID, b"\0" + UUID + struct.pack("<q", number) + b"\2" + bytes(16))

    def query(self, text: bytes, database: bytes = b"shop") -> int:
        return self.event(codes.QUERY, struct.pack("<IIBHH", 1, 0, len(database), 0, 0) + database + b"\0" + text)

    def xid(self) -> int:
        return self.event(codes.XID, bytes(8))

    def table_map(
        self, table_id: int = 7, table: bytes = b"orders", types: bytes = b"\x03", metadata: bytes = b""
    ) -> int:
        body = table_id.to_bytes(6, "little") + b"\0\0" + b"\x04shop\0" + bytes([len(table)]) + table + b"\0"
        return self.event(
            codes.TABLE_MAP, body + bytes([len(types)]) + types + bytes([len(metadata)]) + metadata + b"\xff"
        )

    def rows(self, kind: int, rows: bytes, *, images: int = 1) -> int:
        return self.event(kind, b"\7" + bytes(5) + b"\1\0" + b"\2\0" + b"\1" + b"\1" * images + rows)
