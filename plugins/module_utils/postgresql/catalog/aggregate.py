# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Aggregate functions."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, parse_array, qualified
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT p.oid, p.proname, n.nspname, p.pronamespace, pg_catalog.pg_get_userbyid(p.proowner),
           pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_identity_arguments(p.oid),
           ARRAY(SELECT pg_catalog.format_type(a.type, NULL)
                 FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place) ORDER BY a.place)::text[],
           ARRAY(SELECT y.typname FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place)
                 JOIN pg_catalog.pg_type y ON y.oid = a.type ORDER BY a.place)::text[],
           p.proacl, pg_catalog.acldefault('f', p.proowner), p.proparallel, a.aggkind,
           a.aggtransfn, pg_catalog.format_type(a.aggtranstype, NULL), a.aggtransspace, a.agginitval,
           a.aggfinalfn, a.aggfinalextra, {final_modify}, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
           a.aggmtransfn, a.aggminvtransfn, pg_catalog.format_type(nullif(a.aggmtranstype, 0), NULL), a.aggmtransspace,
           a.aggminitval, a.aggmfinalfn, a.aggmfinalextra, {moving_final_modify},
           sn.nspname, so.oprname
    FROM pg_catalog.pg_aggregate a
    JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_catalog.pg_operator so ON so.oid = a.aggsortop
    LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = so.oprnamespace
    WHERE p.oid >= 16384
"""
_MODIFY = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
_PARALLEL = {"s": "safe", "r": "restricted"}


@dataclass(frozen=True)
class Aggregate(DatabaseObject):
    """An aggregate.

    :param arguments: the whole argument list; ``identity`` what identifies it, as DROP takes it; ``*`` for none.
    :param types: of the arguments as SQL; ``type_names`` as the catalog has them, which they are sorted by.
    :param attributes: what stands between the brackets, one line each.
    """

    owner: str
    arguments: str
    identity: str
    types: tuple[str, ...]
    attributes: tuple[str, ...]
    privileges: Privileges
    type_names: tuple[str, ...]

    kind = "aggregate"
    priority = Priority.AGGREGATE

    @property
    def label(self) -> str:
        return f"aggregate {self.schema}.{self.name}({', '.join(self.types) or '*'})"

    def natural_order(self) -> tuple[t.Any, ...]:
        return (len(self.type_names), self.type_names)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        catalog, name = definitions.catalog, identifier(self.name)
        full_name = qualified(self.schema, self.name)
        signature = f"{name}({self.identity or '*'})"
        attributes = ",\n    ".join(self.attributes)
        yield Entry(
            "AGGREGATE",
            f"{self.name}({', '.join(self.types) or '*'})",
            f"CREATE AGGREGATE {full_name}({self.arguments or '*'}) (\n    {attributes}\n);\n",
            f"DROP AGGREGATE {full_name}({self.identity or '*'});\n",
            self.owner,
        )
        yield from catalog.comment_entry(self.key, "AGGREGATE", signature, owner=self.owner, schema=self.schema)
        yield from catalog.label_entry(self.key, "AGGREGATE", signature, owner=self.owner, schema=self.schema)
        # GRANT knows no aggregates: they are functions to it.
        as_function = f"{name}({self.identity})"
        yield from catalog.acl_entry(self.privileges, "FUNCTION", as_function, owner=self.owner, schema=self.schema)


def read_aggregates(catalog: Catalog) -> t.Iterator[Aggregate]:
    """All aggregates of users."""
    query = _QUERY.format(
        # Ordered-set aggregates may change their state in the end unless told otherwise, ordinary ones may not.
        final_modify="a.aggfinalmodify" if catalog.version >= 110000 else "''",
        moving_final_modify="a.aggmfinalmodify" if catalog.version >= 110000 else "''",
    )
    for row in catalog.session.query(query):
        oid, name, schema, schema_oid, owner, arguments, identity, types, names = (value or "" for value in row[:9])
        key = Key(CatalogOid.PG_PROC, int(oid))
        if catalog.includes(key, int(schema_oid)):
            privileges = catalog.privileges(key, row[9], row[10])
            attributes = tuple(_attributes(row[11:]))
            yield Aggregate(
                key,
                schema,
                name,
                owner,
                arguments,
                identity,
                parse_array(types),
                attributes,
                privileges,
                parse_array(names),
            )


def _attributes(row: tuple[str | None, ...]) -> t.Iterator[str]:
    parallel, kind, *rest = row
    state, type_name, space, initial, final, extra, modify, combine, serial, deserial, *moving = rest
    usual_modify = "r" if kind == "n" else "w"
    yield f"SFUNC = {state}"
    yield f"STYPE = {type_name}"
    if space != "0":
        yield f"SSPACE = {space}"
    if initial is not None:
        yield f"INITCOND = {literal(initial)}"
    yield from _final("FINALFUNC", final, extra, modify, usual_modify)
    for word, function in (("COMBINEFUNC", combine), ("SERIALFUNC", serial), ("DESERIALFUNC", deserial)):
        if function != "-":
            yield f"{word} = {function}"
    yield from _moving(moving, usual_modify)
    sort_schema, sort_operator = moving[-2:]
    if sort_operator:
        yield f"SORTOP = OPERATOR({identifier(sort_schema or '')}.{sort_operator})"
    if kind == "h":
        yield "HYPOTHETICAL"
    if parallel in _PARALLEL:
        yield f"PARALLEL = {_PARALLEL[parallel]}"


def _moving(row: t.Sequence[str | None], usual_modify: str) -> t.Iterator[str]:
    """How the aggregate moves over a window's frame, where it has a way of its own."""
    state, inverse, type_name, space, initial, final, extra, modify = row[:8]
    if state != "-":
        yield f"MSFUNC = {state}"
        yield f"MINVFUNC = {inverse}"
        yield f"MSTYPE = {type_name}"
    if space != "0":
        yield f"MSSPACE = {space}"
    if initial is not None:
        yield f"MINITCOND = {literal(initial)}"
    yield from _final("MFINALFUNC", final, extra, modify, usual_modify)


def _final(
    word: str, function: str | None, extra: str | None, modify: str | None, usual_modify: str
) -> t.Iterator[str]:
    if function == "-":
        return
    yield f"{word} = {function}"
    if extra == "t":
        yield f"{word}_EXTRA"
    if modify and modify != usual_modify:
        yield f"{word}_MODIFY = {_MODIFY[modify]}"
