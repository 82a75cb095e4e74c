# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Options of foreign data wrappers, servers, user mappings and foreign tables."""

from __future__ import annotations


def options_sql(column: str) -> str:
    """An expression for the options in an array column as SQL, sorted by name; NULL where there are none."""
    return (
        f"CASE WHEN pg_catalog.cardinality({column}) > 0 THEN pg_catalog.array_to_string(ARRAY("
        "SELECT pg_catalog.quote_ident(option_name) || ' ' || pg_catalog.quote_literal(option_value)"
        f" FROM pg_catalog.pg_options_to_table({column}) ORDER BY option_name), E',\\n    ') END"
    )


def options_clause(options: str) -> str:
    """The options between their brackets, empty for none."""
    return f"OPTIONS (\n    {options}\n)" if options else ""
