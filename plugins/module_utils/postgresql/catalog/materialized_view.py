# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Materialized views: made without data before the data, filled at the very end in the order of their queries."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, storage_options
from ..toc import SECTION_POST_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, section_of
from .column_privileges import column_acl_entries
from .context import Catalog, Definitions
from .relation import MATERIALIZED_VIEW, Relation
from .relation_notes import comment_entries, label_entries
from .table import alter_columns
from .view import read_view_queries

_SOURCES = """
    SELECT DISTINCT r.ev_class, d.refobjid
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('v', 'm')
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND r.rulename = '_RETURN' AND d.refobjid <> r.ev_class
"""


@dataclass(frozen=True)
class MaterializedView(DatabaseObject):
    """A materialized view."""

    relation: Relation
    query: str

    kind = "materialized view"
    priority = Priority.TABLE

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA if self.key in definitions.postponed else section_of(self.priority)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        columns = definitions.columns.of(relation.oid)
        catalog = definitions.catalog
        options = [storage_options(relation.options), storage_options(relation.toast_options, prefix="toast.")]
        with_options = f"\nWITH ({', '.join(filter(None, options))})" if any(options) else ""
        statement = f"CREATE MATERIALIZED VIEW {relation.sql_name}{with_options} AS\n{self.query}\n  WITH NO DATA;\n"
        yield Entry(
            "MATERIALIZED VIEW",
            self.name,
            statement
            + alter_columns(relation, columns)
            + catalog.needed_extensions_sql(self.key, "MATERIALIZED VIEW", relation.sql_name),
            f"DROP MATERIALIZED VIEW {relation.sql_name};\n",
            relation.owner,
            tablespace=relation.tablespace,
            table_am=relation.access_method,
            relkind=MATERIALIZED_VIEW,
        )
        yield from comment_entries(definitions, relation, "MATERIALIZED VIEW", columns)
        yield from label_entries(definitions, relation, "MATERIALIZED VIEW", columns)
        acl = list(catalog.acl_entry(relation.privileges, "TABLE", name, owner=relation.owner, schema=relation.schema))
        yield from acl
        yield from column_acl_entries(catalog, relation, acl)


@dataclass(frozen=True)
class Refresh(DatabaseObject):
    """Filling a materialized view that was filled in the source.

    :param sources: the materialized views that its query reads, directly or through views.
    """

    relation: Relation
    sources: tuple[int, ...]

    kind = "materialized view data"
    priority = Priority.REFRESH

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key, *(refresh_key(oid) for oid in self.sources))

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"REFRESH MATERIALIZED VIEW {self.relation.sql_name};\n"
        yield Entry("MATERIALIZED VIEW DATA", self.name, statement, owner=self.relation.owner)


def refresh_key(oid: int) -> Key:
    """The key of a materialized view's filling."""
    return Key(-Priority.REFRESH, oid)


def read_materialized_views(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All materialized views, and the filling of those that are filled."""
    queries = list(read_view_queries(catalog, MATERIALIZED_VIEW))
    if not queries:
        return
    sources = _materialized_sources(catalog)
    for relation, rule, query in queries:
        catalog.aliases[Key(CatalogOid.PG_TYPE, relation.row_type)] = relation.key
        catalog.aliases[Key(CatalogOid.PG_REWRITE, rule)] = relation.key
        yield MaterializedView(relation.key, relation.schema, relation.name, relation, query)
        below = sources(relation.oid)
        if (
            relation.is_populated
            and catalog.includes_data(relation)
            and all(catalog.relations[oid].is_populated for oid in below)
        ):
            yield Refresh(refresh_key(relation.oid), relation.schema, relation.name, relation, tuple(sorted(below)))


def _materialized_sources(catalog: Catalog) -> t.Callable[[int], set[int]]:
    direct: dict[int, set[int]] = {}
    for reader, source in catalog.session.rows(_SOURCES):
        direct.setdefault(int(reader), set()).add(int(source))

    def below(oid: int) -> set[int]:
        found: set[int] = set()
        seen = {oid}
        waiting = [oid]
        while waiting:
            for source in direct.get(waiting.pop(), set()) - seen:
                seen.add(source)
                waiting.append(source)
                relation = catalog.relations.get(source)
                if relation is not None and relation.kind == MATERIALIZED_VIEW:
                    found.add(source)
        return found

    return below
