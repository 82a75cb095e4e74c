# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How other objects name a function: with its argument types, as casts and transforms do."""

from __future__ import annotations

import typing as t

from ..quoting import qualified

if t.TYPE_CHECKING:
    from .context import Catalog

_QUERY = """
    SELECT p.oid, n.nspname, p.proname, pg_catalog.array_to_string(ARRAY(
               SELECT pg_catalog.format_type(a.type, NULL)
               FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY a (type, place) ORDER BY a.place), ', ')
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid = ANY ($1::oid[])
"""


def function_references(catalog: Catalog, oids: t.Iterable[int]) -> dict[int, str]:
    """Functions as SQL, ``schema.name(type, type)``, by OID."""
    wanted = "{" + ",".join(str(oid) for oid in set(oids) if oid) + "}"
    return {
        int(oid): f"{qualified(schema, name)}({arguments})"
        for oid, schema, name, arguments in catalog.session.rows(_QUERY, (wanted,))
    }


def function_name(reference: str) -> str:
    """The name of a function alone, from how ``regprocedure`` writes it: ``schema.name(type,type)``.

    Names may hold brackets, between quotes.
    """
    quoted = False
    for position, character in enumerate(reference):
        if character == '"':
            quoted = not quoted
        elif character == "(" and not quoted:
            return reference[:position]
    return reference
