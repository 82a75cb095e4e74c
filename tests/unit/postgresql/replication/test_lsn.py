# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.postgresql.replication.lsn import format_lsn, parse_lsn, segment_start


@pytest.mark.parametrize(("text", "lsn"), [("0/0", 0), ("16/B374D848", 0x16B374D848), ("FFFFFFFF/FFFFFFFF", 2**64 - 1)])
def test_places_are_read_and_written(text: str, lsn: int) -> None:
    assert parse_lsn(text) == parse_lsn(text.lower()) == lsn
    assert format_lsn(lsn) == text


@pytest.mark.parametrize("text", ["", "0", "1/", "/1", "1/2/3", "123456789/0", "g/0", "1/2\n", "-1/0"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_lsn(text)


def test_beginning_of_a_segment() -> None:
    assert segment_start(parse_lsn("1/2345678"), 1 << 24) == parse_lsn("1/2000000")
    assert segment_start(parse_lsn("1/2000000"), 1 << 24) == parse_lsn("1/2000000")
