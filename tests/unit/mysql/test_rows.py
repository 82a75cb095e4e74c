# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exact and the fast way from row packets to INSERT text: the same bytes, whatever the rows hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbfleet.errors import QueryError
from dbfleet.mysql import rows_fast
from dbfleet.mysql.rows import HEX, NUMBER, TEXT, VERBATIM, ColumnFormat, LargeRow, RowFormat, field_count, rows_text

Row = list["bytes | None"]


def packet(values: Row) -> bytes:
    """A row as the server sends it."""
    body = b"".join(length_encoded(value) for value in values)
    return len(body).to_bytes(3, "little") + b"\x07" + body


def length_encoded(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes((size,)) + value
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


def batch(rows: list[Row], before: bytes = b"") -> tuple[bytearray, list[int], int]:
    """Packets in a buffer, where each begins, and where the last ends."""
    buffer = bytearray(before)
    starts = []
    for row in rows:
        starts.append(len(buffer))
        buffer += packet(row)
    stop = len(buffer)
    return buffer + b"left over from before", starts, stop


TEXTS = st.one_of(
    st.none(),
    st.just(b""),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=12).map(str.encode),
    st.sampled_from([b"'", b"\\", b"\\'", b"\0", b"\x1a", b"\r\n", b"'),('", b"NULL", b"0x", b",", "é😀".encode()]),
    st.integers(245, 260).map(lambda size: b"x" * size),
    st.integers(65530, 65540).map(lambda size: b"\\" * size),
)
VALUES: dict[int, st.SearchStrategy[bytes | None]] = {
    NUMBER: st.one_of(st.none(), st.integers().map(lambda number: str(number).encode()), st.just(b"0.1e-300")),
    TEXT: TEXTS,
    HEX: st.one_of(st.none(), st.binary(max_size=9).map(lambda data: data.hex().upper().encode())),
    VERBATIM: st.one_of(st.none(), st.just(b""), st.just(b"_cp932 0x835C")),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[RowFormat, list[Row]]:
    columns = draw(
        st.lists(
            st.builds(ColumnFormat, st.sampled_from([NUMBER, TEXT, HEX, VERBATIM]), has_large=st.booleans()),
            min_size=1,
            max_size=6,
        )
    )
    row_format = tuple(columns)
    rows = []
    for _number in range(draw(st.integers(1, 8))):
        row: Row = []
        for column in row_format:
            row.append(draw(VALUES[column.form]))
            if column.has_large:
                row.append(None)
        rows.append(row)
    return row_format, rows


@settings(max_examples=400, deadline=None)
@given(tables())
@example(((ColumnFormat(TEXT),), [[None], [b""], [b"'"]]))
@example(((ColumnFormat(HEX), ColumnFormat(HEX)), [[b"", None], [None, b""], [b"00", b"FF"]]))
def test_the_fast_way_gives_the_bytes_of_the_exact_way(table: tuple[RowFormat, list[Row]]) -> None:
    row_format, rows = table
    buffer, starts, stop = batch(rows, before=b"\xff\x00earlier")
    want = rows_text(buffer, starts, stop, row_format)
    original = bytes(buffer)
    assert rows_fast.FastRows(row_format).text(buffer, starts, stop) == want
    assert bytes(buffer) == original


@settings(max_examples=200, deadline=None)
@given(tables(), st.integers(1, 5))
def test_a_large_row_in_pieces_is_the_same_text(table: tuple[RowFormat, list[Row]], step: int) -> None:
    row_format, rows = table
    for row in rows:
        body = packet(row)[4:]
        position = 0

        def read(size: int) -> bytes:
            nonlocal position
            position += size
            return body[position - size : position]  # noqa: B023 - used within its turn of the loop

        pieces = LargeRow(read, lambda: position == len(body), row_format).pieces()  # noqa: B023
        buffer, starts, stop = batch([row])
        assert b"".join(pieces) == rows_text(buffer, starts, stop, row_format)


@pytest.mark.parametrize("byte", [0xC0, *range(0xF5, 0x100)])
def test_a_value_with_a_marker_byte_is_left_to_the_exact_way(byte: int) -> None:
    row_format = (ColumnFormat(TEXT), ColumnFormat(TEXT))
    buffer, starts, stop = batch([[b"a", b"x" + bytes((byte,))], [None, b"y"]])
    fast = rows_fast.FastRows(row_format).text(buffer, starts, stop)
    assert fast is None or fast == rows_text(buffer, starts, stop, row_format)
    if byte >= 0xF5:
        assert fast is None


def test_the_text_of_each_form() -> None:
    row_format = (ColumnFormat(NUMBER), ColumnFormat(TEXT), ColumnFormat(HEX), ColumnFormat(VERBATIM))
    buffer, starts, stop = batch(
        [
            [b"-1.50", b"it's\\\n\r\0\x1a\"", b"00FF27", b"_gbk 0xD6D0"],
            [None, None, None, None],
            [b"0", b"", b"", b""],
        ]
    )
    want = b"(-1.50,'it\\'s\\\\\\n\\r\\0\\Z\"',0x00FF27,_gbk 0xD6D0),(NULL,NULL,NULL,NULL),(0,'','','')"
    assert rows_text(buffer, starts, stop, row_format) == want
    assert rows_fast.FastRows(row_format).text(buffer, starts, stop) == want


def test_a_large_value_comes_from_the_column_behind() -> None:
    row_format = (ColumnFormat(HEX, has_large=True), ColumnFormat(VERBATIM, has_large=True, large_prefix=b"_gbk 0x"))
    assert field_count(row_format) == 4
    buffer, starts, stop = batch([[None, b"\x00\xff'", None, b"\\"], [b"0A", None, None, None]])
    assert rows_text(buffer, starts, stop, row_format) == b"(0x00FF27,_gbk 0x5C),(0x0A,NULL)"
    assert rows_fast.FastRows(row_format).text(buffer, starts, stop) is None


@pytest.mark.parametrize(
    "body", [b"", b"\x05abc", b"\x01a\x01b\x01c", b"\x01a", b"\xfc\x01", b"\xff\x01\x01a"], ids=lambda body: body.hex()
)
def test_a_packet_that_does_not_fit_is_an_error(body: bytes) -> None:
    row_format = (ColumnFormat(TEXT), ColumnFormat(TEXT))
    buffer = bytearray(len(body).to_bytes(3, "little") + b"\0" + body)
    with pytest.raises(QueryError, match="does not fit"):
        rows_text(buffer, [0], len(buffer), row_format)
    assert rows_fast.FastRows(row_format).text(buffer, [0], len(buffer)) is None
