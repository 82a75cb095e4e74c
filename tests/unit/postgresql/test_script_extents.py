# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a script whose size is known are not looked through, and everything behind them is found as ever."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.script import ScriptSplitter, Statement
from dbfleet.postgresql.script_selected import WHOLE_SCRIPT
from dbfleet.postgresql.script_source import ScriptSource
from dbfleet.repository.artifact import open_artifact

from .test_script import Source

ROWS = b"".join(b"%d\tthe row of number %d\\nhas two lines\n" % (number, number) for number in range(30_000))
SCRIPT = b"SELECT 1;\nCOPY t (a, b) FROM stdin;\n" + ROWS + b"\\.\n\n\nCREATE INDEX ON t (a);\n"
END = [(b"CREATE INDEX ON t (a);", SCRIPT.count(b"\n"), SCRIPT.index(b"CREATE INDEX"))]


def passed(path: Path, size: int) -> tuple[bool, list[tuple[bytes, int, int]]]:
    """Whether the rows were passed unread, and what was found behind them: text, line and offset."""
    found, leapt = [], False
    with contextlib.closing(ScriptSource(open_artifact(str(path)))) as source:
        statements = WHOLE_SCRIPT.statements(source)
        for item in statements:
            if statements.data is not None:
                leapt = statements.data.leap(size, 30_000)
                assert leapt is (statements.data.rows == 30_000)
            if isinstance(item, Statement):
                found.append((item.text, item.line, item.offset))
    return leapt, found[2:]


def test_rows_are_passed_unread(tmp_path: Path) -> None:
    (tmp_path / "s.sql").write_bytes(SCRIPT)
    assert passed(tmp_path / "s.sql", len(ROWS)) == (True, END)


@pytest.mark.parametrize("size", [len(ROWS) - 1, len(ROWS) + 1, len(ROWS) - 400_000, len(ROWS) + 400_000, 100])
def test_rows_of_another_size_are_read(tmp_path: Path, size: int) -> None:
    (tmp_path / "s.sql").write_bytes(SCRIPT)
    assert passed(tmp_path / "s.sql", size) == (False, END)


def test_compressed_rows_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.sql.gz").write_bytes(gzip.compress(SCRIPT, 1))
    assert passed(tmp_path / "s.sql.gz", len(ROWS)) == (False, END)


@given(
    rows=st.lists(st.binary(max_size=6).filter(lambda row: b"\n" not in row), min_size=1),
    block=st.integers(1, 40),
    read=st.integers(1, 40),
    takes=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_expected_rows_come_byte_for_byte(rows: list[bytes], block: int, read: int, takes: bool) -> None:
    """Whatever they hold: they end where they are known to end."""
    data = b"".join(row + b"\n" for row in rows)
    script = b"COPY t FROM stdin;\n" + data + b"\\.\n\nSELECT 1;"
    splitter = ScriptSplitter(Source(script, block), block_size=block)
    found, items = b"", []
    for item in splitter:
        items.append(item)
        if splitter.data is not None:
            assert splitter.data.offset == script.index(b"\n") + 1
            splitter.data.expect(len(data), len(rows))
            if takes:
                found = b"".join(iter(lambda: splitter.data.read(read), b""))  # type: ignore[union-attr]
                assert (splitter.data.rows, splitter.data.size) == (len(rows), len(data))
    _copy, last = items
    assert isinstance(last, Statement)
    assert (last.text, last.line) == (b"SELECT 1;", len(rows) + 4)
    assert found == (data if takes else b"")


@pytest.mark.parametrize("size", [4, 12, 15, 1000])
def test_rows_that_end_elsewhere_are_an_error(size: int) -> None:
    splitter = ScriptSplitter(Source(b"COPY t FROM stdin;\nabc\ndef\n\\.\nSELECT 1;"))
    with pytest.raises(CorruptArtifactError, match="COPY at line 1"):
        for _item in splitter:
            if splitter.data is not None:
                splitter.data.expect(size, 2)
                while splitter.data.read(3):
                    pass
