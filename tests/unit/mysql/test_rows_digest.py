# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest of rows in any order: whatever is in their strings, however they come in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.mysql.rows import TEXT, value_text
from dbfleet.mysql.rows_digest import RowsDigest

PREFIX = b"INSERT INTO `t` (`a`,`(b`) VALUES "
VALUES = st.one_of(st.none(), st.binary(max_size=12), st.sampled_from([b"'),('", b"\\", b"\\'", b");\n", b"(", b"''"]))


def _row(values: tuple[bytes | None, ...]) -> bytes:
    return b"(" + b",".join([b"7", *(value_text(TEXT, value) for value in values)]) + b")"


def _digest(rows: list[bytes], each: int, size: int) -> tuple[int, int]:
    text = b"".join(PREFIX + b",".join(rows[place : place + each]) + b";\n" for place in range(0, len(rows), each))
    digest = RowsDigest(PREFIX)
    for place in range(0, len(text), size):
        digest.write(text[place : place + size])
    digest.close()
    return digest.result()


@given(
    rows=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8), each=st.integers(1, 8), size=st.integers(1, 40)
)
def test_order_division_and_pieces_do_not_count(rows: list[tuple[bytes | None, ...]], each: int, size: int) -> None:
    texts = [_row(row) for row in rows]
    assert _digest(texts, each, size) == _digest(texts[::-1], 1, 1 << 20)
    assert _digest(texts, each, size)[0] == len(rows)
    assert _digest([*texts[1:], _row((b"another", b"row"))], each, size) != _digest(
        [*texts[1:], _row((b"another", b"rov"))], each, size
    )


@pytest.mark.parametrize("text", [b"INSERT INTO `t` VALUES (1);\n", PREFIX + b"(1)x(2);\n", PREFIX + b"(1", PREFIX])
def test_anything_else_is_refused(text: bytes) -> None:
    digest = RowsDigest(PREFIX)
    with pytest.raises(ValueError, match="statement|row"):
        digest.write(text)
        digest.close()


def test_a_value_in_parentheses_and_none_at_all() -> None:
    digest = RowsDigest(PREFIX)
    digest.write(PREFIX + b"(f(1),_cp932 0x41),(DEFAULT,NULL);\n")
    digest.close()
    assert digest.result()[0] == 2
    assert RowsDigest(PREFIX).result() == (0, 0)
