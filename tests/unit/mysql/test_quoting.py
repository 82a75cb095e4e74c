# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and values as parts of SQL, comments and file names."""

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql import quoting


@pytest.mark.parametrize(
    ("name", "want"),
    [("t", "`t`"), ("a`b", "`a``b`"), ("we'ird\n;", "`we'ird\n;`"), ("`", "````"), ("é日", "`é日`"), ("a.b", "`a.b`")],
)
def test_identifiers(name: str, want: str) -> None:
    assert quoting.identifier(name) == want


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_impossible_identifiers_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        quoting.identifier(name)


@pytest.mark.parametrize(
    ("text", "want"),
    [("", "''"), ("it's", "'it\\'s'"), ("\\", "'\\\\'"), ("a\nb\r\0\x1a", "'a\\nb\\r\\0\\Z'"), ('"', "'\"'")],
)
def test_literals(text: str, want: str) -> None:
    assert quoting.literal(text) == want


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_a_name_cannot_leave_its_comment(newline: str) -> None:
    lines = quoting.comment_line(f"Table `a{newline}DROP DATABASE x`").splitlines()
    assert len(lines) == 2
    assert all(line.startswith("-- ") for line in lines)


def test_bytes() -> None:
    assert quoting.hex_literal(b"\x00\xff'") == "0x00FF27"
    assert quoting.hex_literal(b"") == "''"


@pytest.mark.parametrize(
    ("name", "want"),
    [("shop", "shop"), ("my-db_1.2", "my-db_1.2"), ("../x", "@002e.@002fx"), ("a b", "a@0020b"), ("日本", "日本")],
)
def test_file_names(name: str, want: str) -> None:
    assert quoting.file_name(name) == want


def test_file_names_stay_within_what_file_systems_take() -> None:
    one, other = quoting.file_name("/" * 64), quoting.file_name("/" * 63 + "\\")
    assert len(one.encode()) <= 200
    assert one != other
