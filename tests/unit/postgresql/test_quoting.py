# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, literals and arrays as SQL; what the server makes of them is tested in the integration tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.postgresql import quoting


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", "orders"),
        ("_a1", "_a1"),
        ("Orders", '"Orders"'),
        ("1a", '"1a"'),
        ("a b", '"a b"'),
        ('a"b', '"a""b"'),
        ("select", '"select"'),
        ("user", '"user"'),
        ("json_table", '"json_table"'),
        ("name", "name"),
        ("é", '"é"'),
        ("a$", '"a$"'),
        ("a\nb", '"a\nb"'),
        ("orders\n", '"orders\n"'),
        ("", '""'),
    ],
)
def test_identifier(name: str, expected: str) -> None:
    assert quoting.identifier(name) == expected


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_a_quoted_name_is_read_back(name: str) -> None:
    text = quoting.identifier(name)
    if text.startswith('"'):
        inner = text[1:-1]
        assert inner.replace('""', "").count('"') == 0
        assert inner.replace('""', '"') == name
    else:
        assert text == name
        assert name.isascii()


@given(st.text(st.characters(exclude_characters="\0")))
def test_a_literal_is_read_back(value: str) -> None:
    text = quoting.literal(value)
    assert text[0] == text[-1] == "'"
    assert text[1:-1].replace("''", "'") == value
    assert text[1:-1].replace("''", "").count("'") == 0


@given(st.text(st.sampled_from("$_Xab\n'")))
def test_dollar_quotes_close_where_the_value_ends(value: str) -> None:
    text = quoting.dollar_quoted(value)
    delimiter = text[: text.index("$", 1) + 1]
    assert text == delimiter + value + delimiter
    # The first closing delimiter after the opening one is the last one.
    assert text.index(delimiter, len(delimiter)) == len(delimiter) + len(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("a", "$$a$$"), ("a$b", "$_$a$b$_$"), ("$_", "$_X$$_$_X$"), ("", "$$$$")]
)
def test_dollar_quotes_grow_as_pg_dump_grows_them(value: str, expected: str) -> None:
    assert quoting.dollar_quoted(value) == expected


@given(st.lists(st.text(st.characters(exclude_characters="\0"))))
def test_an_array_is_read_back(items: list[str]) -> None:
    escaped = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    assert quoting.parse_array("{" + ",".join(escaped) + "}") == tuple(items)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, ()), ("", ()), ("{}", ()), ("{a,b c}", ("a", "b c")), ('{"a,b",c}', ("a,b", "c")), ('{""}', ("",))],
)
def test_arrays_as_the_server_writes_them(text: str | None, expected: tuple[str, ...]) -> None:
    assert quoting.parse_array(text) == expected


def test_storage_options_are_bare_only_where_they_are_names() -> None:
    options = ("fillfactor=70", "buffering=auto", "odd=it's", "autovacuum_enabled=false")
    assert quoting.storage_options(options) == (
        "fillfactor='70', buffering=auto, odd='it''s', autovacuum_enabled='false'"
    )
    assert quoting.storage_options(("a=1",), prefix="toast.") == "toast.a='1'"
