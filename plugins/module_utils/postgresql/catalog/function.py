# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Functions and procedures (aggregates are a kind of their own)."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ...lazy_dataclass import dataclass
from ..quoting import dollar_quoted, identifier, literal, parse_array
from ..toc import SECTION_POST_DATA
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, section_of
from .context import Catalog, Definitions
from .setting import setting_sql

_QUERY = """
    SELECT p.oid, p.proname, n.nspname, p.pronamespace, pg_catalog.pg_get_userbyid(p.proowner), {kind}, l.lanname,
           pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_identity_arguments(p.oid),
           pg_catalog.pg_get_function_result(p.oid),
           ARRAY(SELECT pg_catalog.format_type(a.type, NULL)
                 FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place) ORDER BY a.place)::text[],
           ARRAY(SELECT pg_catalog.format_type(a.type, NULL)
                 FROM pg_catalog.unnest(p.protrftypes) WITH ORDINALITY a (type, place) ORDER BY a.place)::text[],
           p.provolatile, p.proisstrict, p.prosecdef, p.proleakproof, p.proretset, p.procost, p.prorows, {support},
           p.proparallel, p.proconfig, p.probin, p.prosrc, {body}, p.proacl,
           pg_catalog.acldefault('f', p.proowner),
           ARRAY(SELECT y.typname FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place)
                 JOIN pg_catalog.pg_type y ON y.oid = a.type ORDER BY a.place)::text[]
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND {not_aggregate} AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
"""
_VOLATILITY = {"i": " IMMUTABLE", "s": " STABLE", "v": ""}
_PARALLEL = {"s": " PARALLEL SAFE", "r": " PARALLEL RESTRICTED", "u": ""}


@dataclass(frozen=True)
class Function(DatabaseObject):
    """A function or procedure.

    :param word: ``FUNCTION`` or ``PROCEDURE``.
    :param arguments: the whole argument list; ``identity`` what identifies it, as DROP takes it.
    :param result: what follows RETURNS, empty for a procedure.
    :param types: of the arguments as SQL; ``type_names`` as the catalog has them, which they are sorted by.
    :param attributes: everything from LANGUAGE to the settings, as SQL.
    :param body: ``AS …``, or the SQL-standard body.
    """

    owner: str
    word: str
    arguments: str
    identity: str
    types: tuple[str, ...]
    result: str
    attributes: str
    body: str
    privileges: Privileges
    type_names: tuple[str, ...]

    kind = "function"
    priority = Priority.FUNCTION

    @property
    def label(self) -> str:
        return f"{self.word.lower()} {self.schema}.{self.name}({', '.join(self.types)})"

    def natural_order(self) -> tuple[t.Any, ...]:
        return (len(self.type_names), self.type_names)

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA if self.key in definitions.postponed else section_of(self.priority)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        schema, name = identifier(self.schema), identifier(self.name)
        catalog = definitions.catalog
        signature = f"{name}({self.identity})"
        returns = f" RETURNS {self.result}" if self.result else ""
        statement = (
            f"CREATE {self.word} {schema}.{name}({self.arguments}){returns}{self.attributes}\n    {self.body};\n"
        )
        statement += catalog.needed_extensions_sql(self.key, self.word, f"{schema}.{signature}")
        tag = f"{self.name}({', '.join(self.types)})"
        yield Entry(self.word, tag, statement, f"DROP {self.word} {schema}.{signature};\n", self.owner)
        yield from catalog.comment_entry(self.key, self.word, signature, owner=self.owner, schema=self.schema)
        yield from catalog.label_entry(self.key, self.word, signature, owner=self.owner, schema=self.schema)
        yield from catalog.acl_entry(self.privileges, self.word, signature, owner=self.owner, schema=self.schema)


def read_functions(catalog: Catalog) -> t.Iterator[Function]:
    """All functions and procedures of users; those that a range type brings along come with it."""
    version = catalog.version
    query = _QUERY.format(
        kind="p.prokind" if version >= 110000 else "CASE WHEN p.proiswindow THEN 'w' ELSE 'f' END",
        not_aggregate="p.prokind <> 'a'" if version >= 110000 else "NOT p.proisagg",
        support="CASE WHEN p.prosupport <> 0 THEN p.prosupport::text END" if version >= 120000 else "''",
        body="pg_catalog.pg_get_function_sqlbody(p.oid)" if version >= 140000 else "''",
    )
    for row in catalog.session.rows(query):
        key = Key(CatalogOid.PG_PROC, int(row[0]))
        if not catalog.includes(key, int(row[3])):
            continue
        procedure = row[5] == "p"
        if not row[9] and not procedure:
            raise ConsistencyError(
                f"the definition of function {row[2]}.{row[1]} is gone",
                hint="it was dropped while the catalog was read; run the backup again",
                object=f"{row[2]}.{row[1]}",
            )
        yield Function(
            key=key,
            schema=row[2],
            name=row[1],
            owner=row[4],
            word="PROCEDURE" if procedure else "FUNCTION",
            arguments=row[7],
            identity=row[8],
            types=parse_array(row[10]),
            result="" if procedure else row[9],
            attributes=_attributes(row),
            body=_body(row, dollar_quoting=catalog.settings.dollar_quoting),
            privileges=catalog.privileges(key, row[25] or None, row[26]),
            type_names=parse_array(row[27]),
        )


def _attributes(row: tuple[str, ...]) -> str:
    kind, language, transforms, volatility, strict, definer = row[5], row[6], row[11], row[12], row[13], row[14]
    leakproof, returns_set, cost, rows, support, parallel = row[15], row[16], row[17], row[18], row[19], row[20]
    parts = [f"\n    LANGUAGE {identifier(language)}"]
    if parse_array(transforms):
        parts.append(" TRANSFORM " + ", ".join(f"FOR TYPE {name}" for name in parse_array(transforms)))
    if kind == "w":
        parts.append(" WINDOW")
    parts.append(_VOLATILITY[volatility])
    parts.append(" STRICT" if strict == "t" else "")
    parts.append(" SECURITY DEFINER" if definer == "t" else "")
    parts.append(" LEAKPROOF" if leakproof == "t" else "")
    default_cost = "1" if language in ("internal", "c") else "100"
    if cost not in ("0", default_cost):
        parts.append(f" COST {cost}")
    if returns_set == "t" and rows not in ("0", "1000"):
        parts.append(f" ROWS {rows}")
    if support:
        parts.append(f" SUPPORT {support}")
    parts.append(_PARALLEL[parallel])
    parts.extend(f"\n    SET {setting_sql(item)}" for item in parse_array(row[21]))
    return "".join(parts)


def _body(row: tuple[str, ...], *, dollar_quoting: bool) -> str:
    library, source, sql_body = row[22], row[23], row[24]
    if sql_body:
        return sql_body
    quoted = dollar_quoted if dollar_quoting else literal
    if library and library != "-":
        simple = "'" not in source and "\\" not in source
        symbol = f", {literal(source) if simple else quoted(source)}" if source != "-" else ""
        return f"AS {literal(library)}{symbol}"
    return f"AS {quoted(source)}"
