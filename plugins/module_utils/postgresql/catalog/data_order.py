# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The order of tables' rows where foreign keys are there before them: in a backup of the data alone."""

from __future__ import annotations

import collections
import typing as t

from .base import Key
from .context import Catalog
from .table_data import data_key

# A partition has its own copy of a key; where a partitioned table is referred to, its partitions have the rows.
_REFERENCES = """
    SELECT DISTINCT conrelid, confrelid FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND conrelid >= 16384 ORDER BY conrelid, confrelid
"""


def read_data_references(catalog: Catalog) -> t.Iterator[tuple[Key, Key]]:
    """Every table's data with the data of a table that it refers to by a foreign key, maybe its own."""
    partitions: dict[int, list[int]] = collections.defaultdict(list)
    for child, parents in catalog.parents.items():
        relation = catalog.relations.get(child)
        if relation is not None and relation.is_partition:
            partitions[parents[0]].append(child)
    for table, referenced in catalog.session.rows(_REFERENCES):
        waiting = [int(referenced)]
        while waiting:
            oid = waiting.pop()
            yield data_key(int(table)), data_key(oid)
            waiting.extend(partitions[oid])
