# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as INSERT statements: many at once give what each gives alone."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from dbfleet.postgresql.inserts import END, InsertForm, InsertOptions, InsertSink, _bits, _boolean, _number, _string

_KINDS = (_number, _string, _bits, _boolean, None)
_FIELDS = (
    b"", b"1", b"-0", b"-0.5", b"NaN", b"Infinity", b"1e5", b"- 1", b"\\N", b"a'b", b"'''", rb"x\ty", b"\\\\", b"t",
    b"f", b"101", b"\xff\xfe",
)  # fmt: skip


class Kept:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None: ...

    def abort(self) -> None: ...


def statements(blocks: Iterable[bytes], form: InsertForm, limit: int) -> bytes:
    kept = Kept()
    sink = InsertSink(kept, form, InsertOptions(columns=False, rows=limit, on_conflict_do_nothing=False))
    for block in blocks:
        sink.write(block)
    sink.close()
    return kept.data


@given(st.data(), st.lists(st.sampled_from(_KINDS), max_size=4), st.integers(1, 4), st.integers(1, 50))
def test_many_rows_at_once_are_written_as_one_by_one(data: st.DataObject, kinds: list, limit: int, cut: int) -> None:
    row = st.tuples(*(st.sampled_from(_FIELDS) for _kind in kinds)).map(lambda fields: b"\t".join(fields) + b"\n")
    rows = data.draw(st.lists(row, min_size=1, max_size=20))
    form = InsertForm("COPY", b"INSERT INTO t VALUES", tuple(kinds))
    text = b"".join(rows)
    one_by_one = statements(rows, form, limit)
    assert statements([text], form, limit) == one_by_one
    assert statements([text[start : start + cut] for start in range(0, len(text), cut)], form, limit) == one_by_one


def test_each_kind_of_value() -> None:
    form = InsertForm("COPY", b"INSERT INTO t VALUES", (_number, _string, _bits, _boolean, None))
    rows = [b"7\ta\t01\tt\t\\N\n", b"-0\to'x\\n\t\\N\tf\t\\N\n"]
    assert statements([b"".join(rows)], form, 1) == (
        b"INSERT INTO t VALUES (7, 'a', B'01', true, DEFAULT);\n"
        b"INSERT INTO t VALUES ('-0', 'o''x\n', NULL, false, DEFAULT);\n" + END
    )
