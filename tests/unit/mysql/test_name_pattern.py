# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of table names."""

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.name_pattern import NamePattern


@pytest.mark.parametrize(
    ("pattern", "database", "name", "matches"),
    [
        ("orders", "shop", "orders", True),
        ("orders", "shop", "Orders", False),
        ("shop.orders", "shop", "orders", True),
        ("shop.orders", "other", "orders", False),
        ("s*.o?ders", "shop", "orders", True),
        ("log_*", "shop", "log_", True),
        ("log_?", "shop", "logs1", False),
        ("`a*b`", "shop", "a*b", True),
        ("`a*b`", "shop", "axb", False),
        ("`a.b`.`c``d`", "a.b", "c`d", True),
        ("a`.`b", "shop", "a.b", True),
        ("*", "shop", "line\nbreak", True),
        ("(a|b)", "shop", "a", False),
    ],
)
def test_what_a_pattern_takes(pattern: str, database: str, name: str, matches: bool) -> None:
    assert NamePattern(pattern).matches(database, name) is matches


def test_case_is_as_the_server_has_it() -> None:
    assert NamePattern("Orders", folds_case=True).matches("shop", "orders")


@pytest.mark.parametrize("pattern", ["", "a.", ".a", "a.b.c", "`a"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        NamePattern(pattern)
