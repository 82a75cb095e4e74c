# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Transforms between a type and a procedural language."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .function_reference import function_references

_QUERY = """
    SELECT tr.oid, pg_catalog.format_type(tr.trftype, NULL), l.lanname, tr.trffromsql::pg_catalog.oid,
           tr.trftosql::pg_catalog.oid, ty.typname
    FROM pg_catalog.pg_transform tr
    JOIN pg_catalog.pg_language l ON l.oid = tr.trflang
    JOIN pg_catalog.pg_type ty ON ty.oid = tr.trftype
    WHERE tr.oid >= 16384
"""


@dataclass(frozen=True)
class Transform(DatabaseObject):
    """A transform; its name, for the order, is that of its type and language.

    :param extension: the one it came with: then it only takes part in the order.
    :param from_sql: the function into the language, as SQL; empty for none, as ``to_sql``.
    """

    extension: Key | None
    type: str
    language: str
    from_sql: str
    to_sql: str

    kind = "transform"
    priority = Priority.TRANSFORM

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,) if self.extension else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if self.extension:
            return
        target = f"FOR {self.type} LANGUAGE {identifier(self.language)}"
        functions = []
        if self.from_sql:
            functions.append(f"FROM SQL WITH FUNCTION {self.from_sql}")
        if self.to_sql:
            functions.append(f"TO SQL WITH FUNCTION {self.to_sql}")
        statement = f"CREATE TRANSFORM {target} ({', '.join(functions)});\n"
        yield Entry("TRANSFORM", f"TRANSFORM {target}", statement, f"DROP TRANSFORM {target};\n")
        yield from definitions.catalog.comment_entry(self.key, "TRANSFORM", target, owner="")


def read_transforms(catalog: Catalog) -> t.Iterator[Transform]:
    """All transforms, also those that extensions made: they must be ready before functions that use them."""
    rows = catalog.session.rows(_QUERY)
    functions = function_references(catalog, (int(oid) for row in rows for oid in row[3:5]))
    for oid, type_sql, language, from_sql, to_sql, type_name in rows:
        key = Key(CatalogOid.PG_TRANSFORM, int(oid))
        extension = catalog.members.get(key)
        if extension or catalog.includes(key):
            yield Transform(
                key, "", f"{type_name} {language}", extension, type_sql, language, functions.get(int(from_sql), ""),
                functions.get(int(to_sql), ""),
            )  # fmt: skip
