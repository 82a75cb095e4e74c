# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to take of a PostgreSQL database, out of the options that were given."""

from __future__ import annotations

from ..postgresql.selection.options import Selection
from .given import Given

#: What names objects of one database, and what makes no sense without the definitions of a whole server.
_OF_ONE_DATABASE = ("tables", "exclude_tables", "data_only", "statistics_only")


def postgresql_selection(given: Given) -> Selection:
    """Which objects, and what of them.

    :raises UsageError: the options contradict each other or a value is not valid.
    """
    given.at_most_one("schema_only", "data_only", "statistics_only")
    for name in ("schema_only", "data_only", "no_statistics"):
        given.at_most_one(name, "statistics")
    given.at_most_one("statistics_only", "no_statistics")
    statistics_only = given.switch("statistics_only")
    for name in _OF_ONE_DATABASE:
        given.at_most_one(name, "all_databases")
    return Selection(
        tables=given.texts("tables"),
        exclude_tables=given.texts("exclude_tables"),
        definitions=not (given.switch("data_only") or statistics_only),
        data=not (given.switch("schema_only") or statistics_only),
        statistics=given.switch("statistics") or statistics_only,
        sequence_data=given.switch("sequence_data"),
    )
