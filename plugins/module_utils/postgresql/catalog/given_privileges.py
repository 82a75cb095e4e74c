# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Changed privileges of what is not dumped itself: members of extensions, and what came with the server.

Languages, foreign data wrappers and servers have theirs in their own files.
"""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .acl import privilege_statements
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions

# What initdb or an extension recorded is what a new database has too; only what differs from it is of interest.
_INITIAL = """
    LEFT JOIN pg_catalog.pg_init_privs i
      ON i.classoid = 'pg_catalog.{catalog}'::regclass AND i.objoid = x.oid AND i.objsubid = 0
"""
_GIVEN = """
    ({schema} = 'pg_catalog' AND x.oid < 16384 OR EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.{catalog}'::regclass AND d.objid = x.oid AND d.deptype = 'e'))
"""
_SCHEMAS = """
    SELECT x.oid, '', x.nspname, pg_catalog.pg_get_userbyid(x.nspowner), 'SCHEMA', '', x.nspacl,
           pg_catalog.acldefault('n', x.nspowner)
    FROM pg_catalog.pg_namespace x {initial}
    WHERE {given} AND x.nspacl IS DISTINCT FROM i.initprivs
"""
_TYPES = """
    SELECT x.oid, n.nspname, x.typname, pg_catalog.pg_get_userbyid(x.typowner), 'TYPE', '', x.typacl,
           pg_catalog.acldefault('T', x.typowner)
    FROM pg_catalog.pg_type x JOIN pg_catalog.pg_namespace n ON n.oid = x.typnamespace {initial}
    WHERE {given} AND x.typacl IS DISTINCT FROM i.initprivs
"""
_FUNCTIONS = """
    SELECT x.oid, n.nspname, x.proname, pg_catalog.pg_get_userbyid(x.proowner), {word},
           {arguments},
           x.proacl, pg_catalog.acldefault('f', x.proowner)
    FROM pg_catalog.pg_proc x JOIN pg_catalog.pg_namespace n ON n.oid = x.pronamespace {initial}
    WHERE {given} AND {kind} AND x.proacl IS DISTINCT FROM i.initprivs
"""
_FUNCTION_ARGUMENTS = "pg_catalog.pg_get_function_identity_arguments(x.oid)"
_AGGREGATE_ARGUMENTS = """
    pg_catalog.array_to_string(ARRAY(
        SELECT pg_catalog.format_type(a.type, NULL)
        FROM pg_catalog.unnest(x.proargtypes::oid[]) WITH ORDINALITY a (type, place) ORDER BY a.place), ', ')
"""
_RELATIONS = """
    SELECT x.oid, n.nspname, x.relname, pg_catalog.pg_get_userbyid(x.relowner),
           CASE x.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, '', x.relacl,
           pg_catalog.acldefault(CASE x.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, x.relowner)
    FROM pg_catalog.pg_class x JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace {initial}
    WHERE {given} AND x.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND (x.relacl IS DISTINCT FROM i.initprivs OR x.oid = ANY ($1::oid[]))
"""
_COLUMNS = """
    SELECT x.oid, a.attnum, a.attname, a.attacl, pg_catalog.acldefault('c', x.relowner)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class x ON x.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
    LEFT JOIN pg_catalog.pg_init_privs i
      ON i.classoid = 'pg_catalog.pg_class'::regclass AND i.objoid = x.oid AND i.objsubid = a.attnum
    WHERE {given} AND NOT a.attisdropped AND a.attacl IS DISTINCT FROM i.initprivs
    ORDER BY x.oid, a.attnum
"""


class ColumnAcl(t.NamedTuple):
    """The privileges of one column, as the catalogs hold them."""

    number: int
    name: str
    acl: str | None
    default: str | None


@dataclass(frozen=True)
class GivenPrivileges(DatabaseObject):
    """The privileges of one thing that is not dumped.

    :param extension: the one it came with.
    :param statements: the entries, which are all satellites.
    """

    extension: Key | None
    statements: tuple[Entry, ...]

    kind = "privileges"

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,) if self.extension else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        yield from self.statements


class GivenSchema(GivenPrivileges):
    """A schema."""

    priority = Priority.SCHEMA


class GivenType(GivenPrivileges):
    """A type."""

    priority = Priority.TYPE


class GivenFunction(GivenPrivileges):
    """A function or procedure."""

    priority = Priority.FUNCTION


class GivenAggregate(GivenFunction):
    """An aggregate, which GRANT names as a function."""

    priority = Priority.AGGREGATE


class GivenRelation(GivenPrivileges):
    """A table, view or sequence, with its columns."""

    priority = Priority.TABLE


def read_given_privileges(catalog: Catalog) -> t.Iterator[GivenPrivileges]:
    """The changed privileges of schemas, types, functions and relations that are not dumped themselves."""
    columns = _changed_columns(catalog)
    yield from _read(catalog, GivenSchema, "pg_namespace", _sql(_SCHEMAS, "pg_namespace", schema="x.nspname"))
    yield from _read(catalog, GivenType, "pg_type", _sql(_TYPES, "pg_type"))
    has_kind = catalog.version >= 110000
    word = "CASE x.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END" if has_kind else "'FUNCTION'"
    is_aggregate = "x.prokind = 'a'" if has_kind else "x.proisagg"
    functions = _sql(_FUNCTIONS, "pg_proc")
    query = functions.format(word=word, arguments=_FUNCTION_ARGUMENTS, kind=f"NOT ({is_aggregate})")
    yield from _read(catalog, GivenFunction, "pg_proc", query)
    query = functions.format(word=word, arguments=_AGGREGATE_ARGUMENTS, kind=is_aggregate)
    yield from _read(catalog, GivenAggregate, "pg_proc", query)
    listed = "{" + ",".join(map(str, columns)) + "}"
    yield from _read(catalog, GivenRelation, "pg_class", _sql(_RELATIONS, "pg_class"), (listed,), columns)


def _sql(query: str, catalog: str, *, schema: str = "n.nspname") -> str:
    """A query with its common parts; what is in doubled brackets stays for the caller."""
    parts = {"initial": _INITIAL.format(catalog=catalog), "given": _GIVEN.format(catalog=catalog, schema=schema)}
    for name, text in parts.items():
        query = query.replace(f"{{{name}}}", text)
    return query


def _changed_columns(catalog: Catalog) -> dict[int, list[ColumnAcl]]:
    found: dict[int, list[ColumnAcl]] = {}
    for oid, number, name, acl, default in catalog.session.query(_sql(_COLUMNS, "pg_class")):
        found.setdefault(int(oid or 0), []).append(ColumnAcl(int(number or 0), name or "", acl, default))
    return found


def _read(
    catalog: Catalog,
    made: type[GivenPrivileges],
    table: str,
    query: str,
    params: t.Sequence[str] = (),
    columns: t.Mapping[int, t.Sequence[ColumnAcl]] | None = None,
) -> t.Iterator[GivenPrivileges]:
    for row in catalog.session.query(query, params):
        oid, schema, name, owner, word, arguments = (value or "" for value in row[:6])
        key = Key(CatalogOid[table.upper()], int(oid))
        target = identifier(name) + (f"({arguments})" if issubclass(made, GivenFunction) else "")
        privileges = catalog.privileges(key, row[6], row[7])
        entries = list(catalog.acl_entry(privileges, word, target, owner=owner, schema=schema))
        for column in (columns or {}).get(key.oid, ()):
            entries.extend(_column_entry(catalog, key, (schema, name, owner), column, bool(entries)))
        if entries and catalog.includes_given(key):
            yield made(key, schema, name, catalog.members.get(key), tuple(entries))


def _column_entry(
    catalog: Catalog, key: Key, relation: tuple[str, str, str], column: ColumnAcl, after_acl: bool
) -> t.Iterator[Entry]:
    schema, name, owner = relation
    statements = privilege_statements(
        catalog.privileges(key, column.acl, column.default, part=column.number),
        word="TABLE",
        name=f"{identifier(schema)}.{identifier(name)}",
        owner=owner,
        column=identifier(column.name),
    )
    if statements:
        tag = f"COLUMN {identifier(name)}.{identifier(column.name)}"
        yield satellite("ACL", tag, statements, owner=owner, after_acl=after_acl)
