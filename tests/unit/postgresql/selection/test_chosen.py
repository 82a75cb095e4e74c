# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decisions of a selection, and which entries it lets through."""

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.postgresql.catalog.base import Entry
from dbfleet.postgresql.selection.chosen import Chosen
from dbfleet.postgresql.selection.entries import EntryFilter
from dbfleet.postgresql.selection.options import Selection
from dbfleet.postgresql.selection.relations import OwnedSequence, has_relation
from dbfleet.postgresql.toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA

SHOP, AUDIT, CATALOG = 20001, 20002, 11
ORDERS, LOG, NUMBERS = 30001, 30002, 30003
EXTENSION = 40001


def test_everything_is_everything() -> None:
    chosen = Chosen()
    assert chosen.has_everything
    assert not chosen.is_partial
    assert chosen.has_schema(SHOP)
    assert chosen.has_relation(ORDERS, SHOP)
    assert chosen.has_extension(EXTENSION)
    assert chosen.has_system_privileges(CATALOG)


def test_schemas_come_without_what_is_in_none() -> None:
    chosen = Chosen(Selection(schemas=("shop",)), schemas=frozenset((SHOP,)), excluded_tables=frozenset((LOG,)))
    assert chosen.is_partial
    assert not chosen.has_everything
    assert chosen.has_relation(ORDERS, SHOP)
    assert not chosen.has_relation(LOG, SHOP)
    assert not chosen.has_relation(ORDERS, AUDIT)
    assert not chosen.has_extension(EXTENSION)
    assert not chosen.has_system_privileges(CATALOG)
    assert chosen.has_member_privileges(12345)


def test_tables_come_without_their_schemas_wherever_they_are() -> None:
    chosen = Chosen(Selection(tables=("orders",)), tables=frozenset((ORDERS,)), excluded_schemas=frozenset((SHOP,)))
    assert chosen.has_relation(ORDERS, SHOP)
    assert not chosen.has_relation(LOG, SHOP)
    assert not chosen.has_schema(SHOP)
    assert not chosen.has_schema(AUDIT)


def test_extensions_leave_the_schemas() -> None:
    chosen = Chosen(Selection(extensions=("x",)), extensions=frozenset((EXTENSION,)))
    assert chosen.has_extension(EXTENSION)
    assert not chosen.has_extension(EXTENSION + 1)
    assert chosen.has_schema(SHOP)
    assert not chosen.has_everything


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        (Chosen(), True),
        (Chosen(Selection(exclude_extensions=("x",)), excluded_extensions=frozenset((EXTENSION,))), False),
        (Chosen(Selection(extensions=("y",)), extensions=frozenset((EXTENSION + 1,))), False),
        (Chosen(Selection(tables=("log",)), tables=frozenset((LOG,))), True),
        (Chosen(Selection(tables=("orders",)), tables=frozenset((ORDERS,))), False),
        (Chosen(Selection(schemas=("audit",)), schemas=frozenset((AUDIT,))), True),
        (Chosen(Selection(exclude_schemas=("audit",)), excluded_schemas=frozenset((AUDIT,))), False),
        (Chosen(Selection(exclude_tables=("log",)), excluded_tables=frozenset((LOG,))), False),
        (Chosen(Selection(exclude_table_data=("log",)), excluded_data=frozenset((LOG,))), False),
    ],
)
def test_rows_in_an_extension_s_table(chosen: Chosen, wanted: bool) -> None:
    assert chosen.has_configuration(EXTENSION, LOG, AUDIT) is wanted


@pytest.mark.parametrize("is_identity", [True, False])
def test_a_sequence_comes_with_its_table(is_identity: bool) -> None:
    owned, homes = {NUMBERS: OwnedSequence(ORDERS, is_identity)}, {ORDERS: SHOP}
    with_table = Chosen(Selection(tables=("orders",)), tables=frozenset((ORDERS,)))
    assert has_relation(with_table, owned, homes, NUMBERS, SHOP)
    without_sequence = Chosen(Selection(exclude_tables=("n",)), excluded_tables=frozenset((NUMBERS,)))
    assert has_relation(without_sequence, owned, homes, NUMBERS, SHOP)
    without_table = Chosen(Selection(exclude_tables=("orders",)), excluded_tables=frozenset((ORDERS,)))
    assert has_relation(without_table, owned, homes, NUMBERS, SHOP) is not is_identity


def kept(selection: Selection) -> list[str]:
    entries = [
        (Entry("DATABASE", "shop", "x"), SECTION_PRE_DATA),
        (Entry("COMMENT", "DATABASE shop", "x"), SECTION_NONE),
        (Entry("TABLE", "orders", "x"), SECTION_PRE_DATA),
        (Entry("ACL", "TABLE orders", "x"), SECTION_NONE),
        (Entry("BLOB", "1", "x"), SECTION_PRE_DATA),
        (Entry("ACL", "LARGE OBJECT 1", "x"), SECTION_NONE),
        (Entry("TABLE DATA", "rows", None, had_dumper=True), SECTION_DATA),
        (Entry("SEQUENCE SET", "numbers", "x"), SECTION_DATA),
        (Entry("STATISTICS DATA", "statistics", "x"), SECTION_DATA),
        (Entry("INDEX", "index", "x"), SECTION_POST_DATA),
        (Entry("COMMENT", "INDEX index", "x"), SECTION_NONE),
        (Entry("DEFAULT ACL", "defaults", "x"), SECTION_POST_DATA),
    ]
    wanted = EntryFilter(selection)
    return [entry.tag for entry, section in entries if wanted.wants(entry, section)]


@pytest.mark.parametrize(
    ("selection", "gone"),
    [
        (Selection(), ""),
        (Selection(without=("comments",)), "DATABASE shop,INDEX index"),
        (Selection(without=("privileges",)), "TABLE orders,LARGE OBJECT 1,defaults"),
        (Selection(data=False), "1,LARGE OBJECT 1,rows,numbers"),
        (Selection(data=False, sequence_data=True), "1,LARGE OBJECT 1,rows"),
        (Selection(definitions=False), "DATABASE shop,orders,TABLE orders,index,INDEX index,defaults"),
        (
            Selection(sections=("pre-data",)),
            "rows,numbers,statistics,index,INDEX index,defaults",
        ),
        (
            Selection(sections=("post-data", "data")),
            "DATABASE shop,orders,TABLE orders,1,LARGE OBJECT 1",
        ),
    ],
)
def test_entries(selection: Selection, gone: str) -> None:
    everything = kept(Selection())
    assert len(everything) == 12
    assert kept(selection) == [tag for tag in everything if tag not in gone.split(",")]


@pytest.mark.parametrize(
    ("wanted", "everywhere", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_large_objects(wanted: bool | None, everywhere: bool, expected: bool) -> None:
    schemas = () if everywhere else ("shop",)
    assert Selection(schemas=schemas, large_objects=wanted).takes_large_objects is expected
    assert Selection(schemas=schemas, large_objects=wanted, data=False).takes_large_objects is False


@pytest.mark.parametrize(
    "fields",
    [
        {"sections": ("data", "middle")},
        {"without": ("owners",)},
        {"definitions": False, "data": False},
        {"data": False, "foreign_data": ("server",)},
    ],
)
def test_what_makes_no_sense(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Selection(**fields)  # type: ignore[arg-type]
