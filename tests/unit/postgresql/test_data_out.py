# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbfleet.postgresql.contents import DataItem
from dbfleet.postgresql.data_out import SMALL_TABLE, table_batches
from dbfleet.postgresql.toc import SECTION_DATA, TocEntry


def items_of(number: int) -> list[DataItem]:
    return [
        DataItem(TocEntry(oid, True, 0, 0, f"t{oid}", "TABLE DATA", SECTION_DATA), oid, "public", f"t{oid}", "COPY")
        for oid in range(1, number + 1)
    ]


@given(st.lists(st.sampled_from([None, 0, SMALL_TABLE - 1, SMALL_TABLE, SMALL_TABLE * 9]), max_size=300))
def test_every_table_is_in_one_batch_in_its_order(sizes: list[int | None]) -> None:
    items = items_of(len(sizes))
    known = {number: size for number, size in enumerate(sizes, start=1) if size is not None}
    batches = list(table_batches(items, known))
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert 1 <= len(batch) <= 100
        assert len(batch) == 1 or all(known.get(item.table, 0) < SMALL_TABLE for item in batch)


def test_small_tables_come_together() -> None:
    items = items_of(250)
    assert [len(batch) for batch in table_batches(items, {120: SMALL_TABLE})] == [100, 19, 1, 100, 30]
