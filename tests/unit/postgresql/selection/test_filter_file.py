# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter files, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import NotFoundError, StorageError, UsageError
from dbfleet.postgresql.selection.filter_file import BACKUP_KINDS, Rule, parse_filter, read_filter_file, with_rules
from dbfleet.postgresql.selection.options import Selection

KINDS = {
    "include schema": "schemas",
    "exclude schema": "exclude_schemas",
    "include table": "tables",
    "exclude table": "exclude_tables",
    "include table_and_children": "tables_and_children",
    "exclude table_and_children": "exclude_tables_and_children",
    "exclude table_data": "exclude_table_data",
    "exclude table_data_and_children": "exclude_table_data_and_children",
    "include extension": "extensions",
    "exclude extension": "exclude_extensions",
    "include foreign_data": "foreign_data",
}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=10)


def rules(text: str) -> list[Rule]:
    return list(parse_filter(text, name="filter", kinds=BACKUP_KINDS))


@pytest.mark.parametrize(("words", "field"), KINDS.items())
def test_every_kind(words: str, field: str) -> None:
    assert rules(f"{words} shop.*\n") == [Rule(field, "shop.*")]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("include table a", "a"),
        ("  include\ttable   a  \r", "a"),
        ("include table a#comment", "a"),
        ("include table a # comment", "a"),
        ("include table shop . orders", "shop.orders"),
        ('include table "a b"."c#d"', '"a b"."c#d"'),
        ('include table "a""b"', '"a""b"'),
        (r'include table "a\nb\\c"', '"a\nb\\c"'),
        ('include table "two\nlines" # and a comment', '"two\nlines"'),
        ("include table one two", "one two"),
        ("include table a,b", "a, b"),
        ("include table (a | b)", "(a | b)"),
    ],
)
def test_patterns(line: str, pattern: str) -> None:
    assert rules(f"\n# comment\n   # another\n{line}\n\nexclude schema last") == [
        Rule("tables", pattern),
        Rule("exclude_schemas", "last"),
    ]


@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), NAMES), max_size=5))
def test_quoted_names_are_read_back(named: list[tuple[str, str]]) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '""') + '"'

    text = "".join(f"{words} {quoted(name)}  # {words}\n" for words, name in named)
    expected = [Rule(KINDS[words], '"' + name.replace('"', '""') + '"') for words, name in named]
    assert rules(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("table a", 1, "'table' is no command"),
        ("# x\n\ndrop table a", 3, "'drop' is no command"),
        ("* table a", 1, "there is no command"),
        ("include", 1, "there is no kind"),
        ("include\ntable a", 1, "there is no kind"),
        ("include view a", 1, "'view' is no kind"),
        ("include table", 1, "there is no pattern"),
        ("include table # a", 1, "there is no pattern"),
        ("include table_data a", 1, "table_data cannot be included"),
        ("include table_data_and_children a", 1, "cannot be included"),
        ("exclude foreign_data a", 1, "foreign_data cannot be excluded"),
        ('include table a\ninclude table "b\nc', 2, "double quote is not closed"),
    ],
)
def test_what_is_no_rule(text: str, line: int, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        rules(text)
    assert caught.value.context["line"] == line
    assert f"filter, line {line}:" in caught.value.message
    assert caught.value.hint


@given(st.text(st.sampled_from('includetablx_ "\n#.\\'), max_size=40))
def test_any_text_is_rules_or_an_error(text: str) -> None:
    try:
        found = rules(text)
    except UsageError:
        return
    assert all(rule.pattern for rule in found)


def test_rules_are_added_to_what_was_asked_for() -> None:
    selection = Selection(tables=("a",), strict_names=True)
    found = with_rules(selection, rules("include table b\nexclude schema c\ninclude table d"))
    assert found == Selection(tables=("a", "b", "d"), exclude_schemas=("c",), strict_names=True)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_filter_file(str(tmp_path / "nowhere"), BACKUP_KINDS)
    with pytest.raises(StorageError):
        read_filter_file(str(tmp_path), BACKUP_KINDS)
