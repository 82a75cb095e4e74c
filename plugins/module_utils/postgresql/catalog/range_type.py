# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Range types, each with its multirange type from 14 on."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import qualified
from .base import Entry, Priority
from .context import Catalog, Definitions
from .user_type import UserType, read_type_headers

_QUERY = """
    SELECT r.rngtypid, pg_catalog.format_type(r.rngsubtype, NULL), {multirange},
           opc.opcname, opn.nspname, opc.opcdefault,
           CASE WHEN r.rngcollation <> st.typcollation THEN cn.nspname END,
           CASE WHEN r.rngcollation <> st.typcollation THEN co.collname END,
           CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::text END,
           CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::text END
    FROM pg_catalog.pg_range r
    JOIN pg_catalog.pg_type st ON st.oid = r.rngsubtype
    JOIN pg_catalog.pg_opclass opc ON opc.oid = r.rngsubopc
    JOIN pg_catalog.pg_namespace opn ON opn.oid = opc.opcnamespace
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = r.rngcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE r.rngtypid >= 16384
"""
_MULTIRANGE = """(
    SELECT pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.typname)
    FROM pg_catalog.pg_type m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace WHERE m.oid = r.rngmultitypid)
"""


@dataclass(frozen=True)
class RangeType(UserType):
    """A range type.

    :param attributes: what stands between the brackets: name and value, as SQL.
    """

    attributes: tuple[tuple[str, str], ...]

    kind = "range type"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        attributes = ",".join(f"\n    {name} = {value}" for name, value in self.attributes)
        yield from self.type_entries(definitions, f"CREATE TYPE {self.sql_name} AS RANGE ({attributes}\n);\n")


def read_range_types(catalog: Catalog) -> t.Iterator[RangeType]:
    """All range types."""
    details: dict[int, tuple[tuple[str, str], ...]] = {}
    query = _QUERY.format(multirange=_MULTIRANGE if catalog.version >= 140000 else "''")
    for oid, subtype, multirange, opclass, opclass_schema, is_default, *rest in catalog.session.rows(query):
        collation_schema, collation, canonical, difference = rest
        attributes = (
            ("subtype", subtype),
            ("multirange_type_name", multirange),
            ("subtype_opclass", "" if is_default == "t" else qualified(opclass_schema, opclass)),
            ("collation", qualified(collation_schema, collation) if collation else ""),
            ("canonical", canonical),
            ("subtype_diff", difference),
        )
        details[int(oid)] = tuple(pair for pair in attributes if pair[1])
    for header in read_type_headers(catalog, "r"):
        yield RangeType(*header, details[header.key.oid])
