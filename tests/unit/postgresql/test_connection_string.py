# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libpq is told when a connection is opened."""

from __future__ import annotations

import pytest

from dbfleet import drivers
from dbfleet.postgresql import connection


@pytest.mark.parametrize(
    "value", ["plain", "a b", "it's", "back\\slash", "\\'", "'", "\\", "=", " x = y ", "t\tn\n", '\u00e9"']
)
def test_libpq_reads_what_it_is_given(value: str) -> None:
    text = connection._conninfo({"password": value, "dbname": "x", "user": value})
    options = {one.keyword: one.val for one in drivers.psycopg_pq().Conninfo.parse(text.encode())}
    assert options[b"password"] == options[b"user"] == value.encode()
    assert options[b"dbname"] == b"x"
