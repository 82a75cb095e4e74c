# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fast way must be the exact one; that this is PostgreSQL's, the servers say in the integration tests."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from dbfleet import drivers
from dbfleet.postgresql.replication.page_checksums import (
    PAGE_SIZE,
    PageCheck,
    damaged_pages,
    first_page_of,
    page_checksum,
)


def page(number: int, *, lsn: int = 5, upper: int = 100, seed: int = 1) -> bytes:
    content = bytearray(random.Random(seed).randbytes(PAGE_SIZE))
    content[:16] = struct.pack("<IIHHHH", lsn >> 32, lsn & 0xFFFFFFFF, 0, 0, 24, upper)
    content[8:10] = page_checksum(bytes(content), number).to_bytes(2, "little")
    return bytes(content)


@pytest.fixture(params=["numpy", "exact"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "exact":
        monkeypatch.setattr(drivers, "numpy", lambda: None)
    elif drivers.numpy() is None:
        pytest.skip("numpy is not installed")
    return request.param


def test_damage_is_found_at_its_number(way: str) -> None:
    pages = [page(70 + number, seed=number) for number in range(3)]
    assert damaged_pages(b"".join(pages), 70, written_before=1000) == []
    assert damaged_pages(b"".join(pages), 71, written_before=1000) == [71, 72, 73]
    pages[1] = pages[1][:-1] + bytes([pages[1][-1] ^ 0x80])
    assert damaged_pages(b"".join(pages), 70, written_before=1000) == [71]


def test_pages_that_have_none_are_left_out(way: str) -> None:
    new = page(0, upper=0)[:8] + b"\1\2" + page(0, upper=0)[10:]
    written_since = bytearray(page(1, lsn=1 << 33))
    written_since[5000] ^= 1
    assert damaged_pages(new + bytes(written_since), 0, written_before=1 << 33) == []
    assert damaged_pages(new + bytes(written_since), 0, written_before=(1 << 33) + 1) == [1]


def test_pieces_of_any_size_are_put_together() -> None:
    data = page(131072) + page(131073, seed=2)[:-1] + b"?"
    check = PageCheck(131072, written_before=1000)
    for start in range(0, len(data), 3000):
        check.update(memoryview(data)[start : start + 3000])
    assert check.damaged == [131073]


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("base/1/1259", 0),
        ("base/5/2619_fsm.2", 2 * 131072),
        ("global/1262", 0),
        ("pg_tblspc/16384/PG_18_202506291/5/16385_init", 0),
        ("global/pg_control", None),
        ("base/5/PG_VERSION", None),
        ("base/5/pg_filenode.map", None),
        ("base/5/INCREMENTAL.1259", None),
        ("base/5/t3_1259", None),
        ("backup_label", None),
    ],
)
def test_files_of_relations(path: str, first: int | None) -> None:
    assert first_page_of(path) == first
