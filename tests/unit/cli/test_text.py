# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from dbfleet.cli.text import duration_text, printable, size_text, table_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (1 << 70, "1048576.0 PiB")],
)
def test_size(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (5.25, "5.2 s"), (60, "1:00"), (3599.6, "1:00:00"), (3725, "1:02:05")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Kunden 顧客 é", "Kunden 顧客 é"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("evil\u202etxt", "evil\\u202etxt"),
        ("no\u00a0break", "no\\xa0break"),
        ("lone \udcff", "lone \\udcff"),
    ],
)
def test_what_could_disturb_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_table_columns_are_aligned_whatever_the_characters_width() -> None:
    table = table_text(("NAME", "ROWS"), [("orders", "1,000"), ("顧客", "7"), ("a\nb", "20")], right=("ROWS",))
    assert table == "NAME     ROWS\norders  1,000\n顧客        7\na\\nb       20\n"
