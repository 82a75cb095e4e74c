# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of statements, as different programs spell the same values."""

from __future__ import annotations

import pytest

from dbfleet.tools.mysql_compared import canonical_row
from dbfleet.tools.mysql_contents import rows_of


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (b"INSERT INTO `t` VALUES (1),(2)", [b"(1)", b"(2)"]),
        (b"INSERT INTO `t` VALUES\n(1,'a'),\n(2,'b')", [b"(1,'a')", b"(2,'b')"]),
        (b"INSERT INTO `a``VALUES (` (`b`, `VALUES (`) VALUES (1,2)", [b"(1,2)"]),
        (b"REPLACE INTO t VALUES ('),(','it\\'s','it''s')", [b"('),(','it\\'s','it''s')"]),
        (b"INSERT IGNORE INTO `t` VALUES (ST_GeomFromWKB(0x01),NULL)", [b"(ST_GeomFromWKB(0x01),NULL)"]),
    ],
)
def test_rows_of_a_statement(statement: bytes, rows: list[bytes]) -> None:
    assert list(rows_of(statement)) == rows


@pytest.mark.parametrize(
    "statement", [b"INSERT INTO t SELECT 1", b"INSERT INTO t VALUES (1", b"INSERT INTO t VALUES (1) x"]
)
def test_what_has_no_rows_is_refused(statement: bytes) -> None:
    with pytest.raises(ValueError, match="rows|row is not"):
        list(rows_of(statement))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"('it''s')", b"('it\\'s')"),
        (b"('a\\nb\\0c\\Z')", b"('a\nb\0c\x1a')"),
        (b"(_binary '\\\\x',NULL)", b"(0x5C78,NULL)"),
        (b"(X'00ff')", b"(_binary 0x00FF)"),
        (b"(b'00000101')", b"(0x05)"),
        (b"(_cp932 0x835C)", "('ソ')".encode()),
        (b"(1, -2.5e3)", b"(1,-2.5e3)"),
    ],
)
def test_the_same_values_in_other_words_are_the_same(one: bytes, other: bytes) -> None:
    assert canonical_row(one) == canonical_row(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"('1')", b"(1)"),
        (b"('NULL')", b"(NULL)"),
        (b"('a','b')", b"('a,b')"),
        (b"('')", b"(0x00)"),
        (b"('a')", b"('A')"),
    ],
)
def test_other_values_are_others(one: bytes, other: bytes) -> None:
    assert canonical_row(one) != canonical_row(other)
