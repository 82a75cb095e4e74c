# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What to take of a PostgreSQL database, out of the options that were given."""

from __future__ import annotations

from ..postgresql.selection.filter_file import BACKUP_KINDS, parse_filter, read_filter_file, with_rules
from ..postgresql.selection.options import KINDS_LEFT_OUT, Selection
from .given import Given

_PATTERNS = (
    "schemas",
    "exclude_schemas",
    "tables",
    "tables_and_children",
    "exclude_tables",
    "exclude_tables_and_children",
    "exclude_table_data",
    "exclude_table_data_and_children",
    "extensions",
    "exclude_extensions",
)
#: What names objects of one database, and what makes no sense without the definitions of a whole server.
_OF_ONE_DATABASE = (
    *_PATTERNS,
    "include_foreign_data",
    "filters",
    "filter_files",
    "sections",
    "data_only",
    "no_schema",
    "statistics_only",
)
#: What cannot be said together.
_CONTRADICTIONS = (
    ("schema_only", "data_only", "statistics_only"),
    ("schema_only", "no_schema"),
    ("data_only", "no_data"),
    ("schema_only", "statistics"),
    ("data_only", "statistics"),
    ("no_statistics", "statistics"),
    ("statistics_only", "no_statistics"),
    ("large_objects", "no_large_objects"),
    ("schema_only", "include_foreign_data"),
)


def postgresql_selection(given: Given) -> Selection:
    """Which objects, and what of them.

    :raises UsageError: the options contradict each other or a value is not valid.
    :raises NotFoundError, StorageError: a filter file cannot be read.
    """
    for names in _CONTRADICTIONS:
        given.at_most_one(*names)
    for name in _OF_ONE_DATABASE:
        given.at_most_one(name, "all_databases")
    only_data, only_definitions, only_statistics = map(given.switch, ("data_only", "schema_only", "statistics_only"))
    large_objects = True if given.switch("large_objects") else False if given.switch("no_large_objects") else None
    selection = Selection(
        **{name: given.texts(name) for name in _PATTERNS},
        foreign_data=given.texts("include_foreign_data"),
        strict_names=given.switch("strict_names"),
        definitions=not (only_data or only_statistics or given.switch("no_schema")),
        data=not (only_definitions or only_statistics or given.switch("no_data")),
        statistics=given.switch("statistics") or only_statistics,
        sequence_data=given.switch("sequence_data"),
        sections=given.texts("sections"),
        large_objects=large_objects,
        without=tuple(kind for kind in KINDS_LEFT_OUT if given.switch(f"no_{kind}")),
    )
    rules = parse_filter("\n".join(given.texts("filters")), name=given.spelled("filters"), kinds=BACKUP_KINDS)
    for path in given.texts("filter_files"):
        rules += read_filter_file(path, BACKUP_KINDS)
    return with_rules(selection, rules)
