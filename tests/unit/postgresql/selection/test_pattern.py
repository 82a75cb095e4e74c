# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns for names; what the server makes of them is compared with pg_dump in the integration tests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import UsageError
from dbfleet.postgresql.selection.pattern import name_regexp, parse_pattern

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("pattern", "regexps", "literals"),
    [
        ("orders", ["^(orders)$"], ["orders"]),
        ("Shop.ORD*", ["^(shop)$", "^(ord.*)$"], ["shop", "ord*"]),
        ('"Shop"."a.b"', ["^(Shop)$", r"^(a\.b)$"], ["Shop", "a.b"]),
        ('a"B.C"d.e', [r"^(aB\.Cd)$", "^(e)$"], ["aB.Cd", "e"]),
        ("a?.(b|c)", ["^(a.)$", "^((b|c))$"], ["a?", "(b|c)"]),
        ("a$1", [r"^(a\$1)$"], ["a$1"]),
        ("integer[]", [r"^(integer\[])$"], ["integer[]"]),
        ("[a-c]", ["^([a-c])$"], ["[a-c]"]),
        ("a.b.c.d", ["^(a)$", "^(b)$", "^(c)$", "^(d)$"], ["a", "b", "c", "d"]),
        ("", ["^()$"], [""]),
        (".", ["^()$", "^()$"], ["", ""]),
        ("ÄÖ", ["^(ÄÖ)$"], ["ÄÖ"]),
    ],
)
def test_parts(pattern: str, regexps: list[str], literals: list[str]) -> None:
    parts = parse_pattern(pattern)
    assert [part.regexp for part in parts] == regexps
    assert [part.literal for part in parts] == literals


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_quoted_names_stand_for_themselves(names: list[str]) -> None:
    pattern = ".".join('"' + name.replace('"', '""') + '"' for name in names)
    parts = parse_pattern(pattern)
    assert [part.literal for part in parts] == names
    for part, name in zip(parts, names):
        assert re.fullmatch(part.regexp, name, re.DOTALL)
        assert not re.fullmatch(part.regexp, name + "x", re.DOTALL)


@given(st.text(st.sampled_from('aB1_."*?$[]()|é '), max_size=20))
def test_any_text_is_a_pattern_or_an_error(pattern: str) -> None:
    if pattern.count('"') % 2:
        with pytest.raises(UsageError, match="double quote"):
            parse_pattern(pattern)
    else:
        assert all(part.regexp.startswith("^(") and part.regexp.endswith(")$") for part in parse_pattern(pattern))


@pytest.mark.parametrize("pattern", ["a.b", '"a"."b"', '"a'])
def test_a_name_that_is_in_nothing(pattern: str) -> None:
    with pytest.raises(UsageError):
        name_regexp(pattern, kind="an extension")
