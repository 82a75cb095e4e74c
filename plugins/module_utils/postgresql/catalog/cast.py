# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Casts."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .function_reference import function_references

# The casts between a range and its multirange come with the types.
_QUERY = """
    SELECT c.oid, pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL),
           c.castfunc::pg_catalog.oid, c.castmethod, c.castcontext, s.typname, t.typname
    FROM pg_catalog.pg_cast c
    JOIN pg_catalog.pg_type s ON s.oid = c.castsource
    JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
    WHERE c.oid >= 16384 {condition}
"""
_NOT_OF_RANGES = """
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_range r WHERE r.rngtypid = c.castsource AND r.rngmultitypid = c.casttarget)
"""
_CONTEXTS = {"a": " AS ASSIGNMENT", "i": " AS IMPLICIT", "e": ""}


@dataclass(frozen=True)
class Cast(DatabaseObject):
    """A cast; its name, for the order, is that of both types.

    :param how: ``WITH FUNCTION …``, ``WITH INOUT`` or ``WITHOUT FUNCTION``, and when it is applied.
    """

    source: str
    target: str
    how: str

    kind = "cast"
    priority = Priority.CAST

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        types = f"({self.source} AS {self.target})"
        yield Entry("CAST", f"CAST {types}", f"CREATE CAST {types} {self.how};\n", f"DROP CAST {types};\n")
        yield from definitions.catalog.comment_entry(self.key, "CAST", types, owner="")


def read_casts(catalog: Catalog) -> t.Iterator[Cast]:
    """All casts that users made."""
    rows = catalog.session.rows(_QUERY.format(condition=_NOT_OF_RANGES if catalog.version >= 140000 else ""))
    functions = function_references(catalog, (int(row[3]) for row in rows))
    for oid, source, target, function, method, context, source_name, target_name in rows:
        key = Key(CatalogOid.PG_CAST, int(oid))
        if not catalog.includes(key):
            continue
        if method == "f":
            how = f"WITH FUNCTION {functions[int(function)]}"
        else:
            how = "WITH INOUT" if method == "i" else "WITHOUT FUNCTION"
        yield Cast(key, "", f"{source_name} {target_name}", source, target, how + _CONTEXTS[context])
