# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is selected of a table of contents; that it is what pg_restore selects is tested with the genuine one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import NotFoundError, UsageError
from dbfleet.postgresql.restore_selection import RestoreSelection, select_entries
from dbfleet.postgresql.restore_use_list import parse_use_list
from dbfleet.postgresql.toc import TocEntry
from tests.unit.postgresql.archive.memory import entry_lists


def entry(number: int, kind: str, tag: str, *needs: int, section: int = 2, schema: str | None = "s") -> TocEntry:
    data = kind == "TABLE DATA"
    return TocEntry(
        number, data, 0, 0, tag, kind, 3 if data else section, None if data else f"CREATE {tag};\n",
        namespace=schema, tablespace="fast", table_am="heap", owner="ann", dependencies=needs,
    )  # fmt: skip


ENTRIES = [
    entry(1, "ENCODING", "ENCODING", schema=None),
    entry(2, "SCHEMA", "s", schema=None),
    entry(3, "TYPE", "mood", 2),
    entry(4, "TABLE", "orders", 2, 3),
    entry(5, "COMMENT", "TABLE orders", 4, section=1),
    entry(6, "SEQUENCE", "orders_id_seq", 2, 4),
    entry(7, "SEQUENCE OWNED BY", "orders_id_seq", 6, 4),
    entry(8, "DEFAULT", "orders id", 4, 6),
    entry(9, "TABLE", "others", 2),
    entry(10, "DEFAULT", "others id", 9, 6),
    entry(11, "TABLE DATA", "orders", 4),
    entry(12, "TABLE DATA", "others", 9),
    entry(13, "SEQUENCE SET", "orders_id_seq", 6, section=3),
    entry(14, "FK CONSTRAINT", "orders others_fkey", 4, 9, section=4),
]


def numbers(selection: RestoreSelection) -> list[int]:
    return [one.dump_id for one in select_entries(ENTRIES, selection)]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (RestoreSelection(), list(range(1, 15))),
        (RestoreSelection(tables=("orders",)), [1, 4, 5, 11]),
        (RestoreSelection(tables=("orders",), no_comments=True, no_data=True), [1, 4]),
        (RestoreSelection(tables=("orders",), with_dependencies=True), [1, 2, 3, 4, 5, 6, 7, 8, 11, 13]),
        (RestoreSelection(tables=("orders",), with_dependencies=True, no_schema=True), [1, 11]),
        (RestoreSelection(use_list=(14, 4)), [1, 14, 4]),
        # The rows that a foreign key is checked against come with it.
        (RestoreSelection(use_list=(14,), with_dependencies=True), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]),
        (RestoreSelection(sections=("data",)), [1, 11, 12, 13]),
        (RestoreSelection(exclude_schemas=("s",)), [1, 2]),
    ],
)
def test_what_is_selected(selection: RestoreSelection, expected: list[int]) -> None:
    assert numbers(selection) == expected


def test_what_is_not_to_be_restored_of_an_entry_is_taken_off_it() -> None:
    options = RestoreSelection(no_owner=True, no_tablespaces=True, no_table_access_method=True)
    assert {(one.owner, one.tablespace, one.table_am) for one in select_entries(ENTRIES, options)} == {("", None, None)}


def test_wrong_choices() -> None:
    with pytest.raises(NotFoundError, match="nothing of what is selected"):
        numbers(RestoreSelection(tables=("no",)))
    with pytest.raises(NotFoundError, match="no table 'no', no index 'i'"):
        numbers(RestoreSelection(tables=("orders", "no"), indexes=("i",), strict_names=True))
    with pytest.raises(UsageError, match="entry 99, which is not in the archive"):
        numbers(RestoreSelection(use_list=(4, 99)))
    with pytest.raises(UsageError, match="no section 'first'"):
        RestoreSelection(sections=("first",))


@given(entries=entry_lists(), names=st.booleans())
def test_a_selection_is_a_part_in_the_archive_s_order(entries: list[TocEntry], names: bool) -> None:
    # What has neither a definition nor data is nothing to restore.
    whole = [one for one in entries if one.defn or one.had_dumper]
    assert list(select_entries(entries, RestoreSelection())) == whole
    tags = tuple(one.tag for one in entries[:2])
    selection = RestoreSelection(tables=tags) if names and tags else RestoreSelection(no_data=True)
    try:
        found = select_entries(entries, selection)
    except NotFoundError:
        return
    assert [one for one in entries if one in found] == list(found)


def test_a_list_s_lines() -> None:
    lines = ["; 7; out", "", "  12; 1259 1 TABLE s t ann", "5", "6;", "\t8 ;x"]
    assert parse_use_list(lines, name="list") == (12, 5, 6, 8)
