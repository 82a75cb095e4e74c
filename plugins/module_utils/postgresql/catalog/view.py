# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Views. A view in a dependency loop is first made as a stand-in of the same columns, and replaced after the data."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, storage_options
from ..toc import SECTION_POST_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .column import Column
from .column_privileges import column_acl_entries
from .context import Catalog, Definitions
from .relation import VIEW, Relation
from .relation_notes import comment_entries, label_entries

_QUERY = """
    SELECT r.ev_class, r.oid, pg_catalog.pg_get_viewdef(r.ev_class)
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
    WHERE r.rulename = '_RETURN' AND c.relkind = '{relkind}' AND c.oid >= 16384
"""


@dataclass(frozen=True)
class View(DatabaseObject):
    """A view; its query is the :class:`ViewQuery` embedded in it."""

    relation: Relation

    kind = "view"
    priority = Priority.TABLE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        columns = definitions.columns.of(relation.oid)
        queries = [part for part in definitions.embedded(self.key) if isinstance(part, ViewQuery)]
        statement = (
            f"CREATE VIEW {queries[0].view_clause()}" if queries else f"CREATE VIEW {stand_in(relation, columns)}"
        )
        drop = f"DROP VIEW {relation.sql_name};\n"
        yield Entry("VIEW", self.name, statement, drop, relation.owner, relkind=VIEW)
        yield from comment_entries(definitions, relation, "VIEW", columns)
        yield from label_entries(definitions, relation, "VIEW", columns)
        catalog = definitions.catalog
        acl = list(catalog.acl_entry(relation.privileges, "TABLE", name, owner=relation.owner, schema=relation.schema))
        yield from acl
        yield from column_acl_entries(catalog, relation, acl)


@dataclass(frozen=True)
class ViewQuery(DatabaseObject):
    """What a view selects: the ON SELECT rule in the catalog.

    :param query: without the closing semicolon.
    """

    relation: Relation
    query: str

    kind = "rule"
    priority = Priority.RULE

    @property
    def embedded_in(self) -> Key | None:
        return self.relation.key

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if not definitions.is_separate(self):
            return
        relation = self.relation
        columns = definitions.columns.of(relation.oid)
        yield Entry(
            "RULE",
            f"{relation.name} {self.name}",
            f"CREATE OR REPLACE VIEW {self.view_clause()}",
            f"CREATE OR REPLACE VIEW {stand_in(relation, columns)}",
            relation.owner,
        )

    def view_clause(self) -> str:
        """Name, options and query of the view, as they follow CREATE VIEW."""
        relation = self.relation
        options = f" WITH ({storage_options(relation.options)})" if relation.options else ""
        check = f"\n  WITH {relation.check_option} CHECK OPTION" if relation.check_option else ""
        return f"{relation.sql_name}{options} AS\n{self.query}{check};\n"


def stand_in(relation: Relation, columns: t.Sequence[Column]) -> str:
    """A view of the same columns that depends on nothing but their types."""
    items = []
    for column in columns:
        collation = f" COLLATE {column.collation}" if column.collation else ""
        items.append(f"\n    NULL::{column.type}{collation} AS {column.sql_name}")
    return f"{relation.sql_name} AS\nSELECT{','.join(items)};\n"


def read_view_queries(catalog: Catalog, relkind: str) -> t.Iterator[tuple[Relation, int, str]]:
    """The queries of all views or materialized views: relation, the rule's OID, text without the semicolon."""
    for oid, rule, text in catalog.session.rows(_QUERY.format(relkind=relkind)):
        relation = catalog.relations.get(int(oid))
        if relation is None:
            continue
        if not text.endswith(";"):
            raise ConsistencyError(
                f"the definition of view {relation.schema}.{relation.name} is gone",
                hint="it was dropped while the catalog was read; run the backup again",
                object=f"{relation.schema}.{relation.name}",
            )
        yield relation, int(rule), text[:-1]


def read_views(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All views, each with its query as an object of its own."""
    for relation, rule, query in read_view_queries(catalog, VIEW):
        catalog.aliases[Key(CatalogOid.PG_TYPE, relation.row_type)] = relation.key
        yield View(relation.key, relation.schema, relation.name, relation)
        rule_key = Key(CatalogOid.PG_REWRITE, rule)
        yield ViewQuery(rule_key, relation.schema, "_RETURN", relation, query)
