# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Column histograms of the optimizer (MySQL 8.0 and later)."""

from __future__ import annotations

from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session


@dataclass(frozen=True)
class Histogram:
    """A column's histogram.

    :param data: the JSON that the server keeps.
    """

    table: str
    column: str
    data: str


def read_histograms(session: Session, database: str) -> dict[str, tuple[Histogram, ...]]:
    """The histograms of a database by table; none where the server has none."""
    known = session.query(
        "SELECT 1 FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'COLUMN_STATISTICS'"
    )
    if not known:
        return {}
    rows = session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, HISTOGRAM FROM information_schema.COLUMN_STATISTICS "
        f"WHERE SCHEMA_NAME = {quoting.literal(database)} ORDER BY TABLE_NAME, COLUMN_NAME"
    )
    found: dict[str, list[Histogram]] = {}
    for table, column, data in rows:
        found.setdefault(table or "", []).append(Histogram(table or "", column or "", data or ""))
    return {table: tuple(histograms) for table, histograms in found.items()}
