# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Foreign tables: defined like tables, but for where their rows are."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .column_privileges import column_acl_entries
from .context import Catalog, Definitions
from .foreign_options import options_clause, options_sql
from .relation import FOREIGN_TABLE, Relation
from .relation_notes import comment_entries, label_entries
from .table import alter_columns, element_list

_QUERY = f"""
    SELECT f.ftrelid, s.srvname, {options_sql("f.ftoptions")}
    FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
"""


@dataclass(frozen=True)
class ForeignTable(DatabaseObject):
    """A foreign table.

    :param parents: quoted names of the tables it inherits from, in their order; none for a partition.
    :param server: the name of its server.
    :param options: as SQL, empty for none.
    """

    relation: Relation
    parents: tuple[str, ...]
    server: str
    options: str

    kind = "foreign table"
    priority = Priority.TABLE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation = self.relation
        catalog = definitions.catalog
        columns = definitions.columns.of(relation.oid)
        definitions.remember_copy_columns(relation.oid, columns)
        parts = [f"CREATE FOREIGN TABLE {relation.sql_name}{element_list(relation, columns, definitions)}"]
        if self.parents:
            parts.append(f"INHERITS ({', '.join(self.parents)})")
        parts.append(f"SERVER {identifier(self.server)}")
        if self.options:
            parts.append(options_clause(self.options))
        statement = "\n".join(parts) + ";\n" + alter_columns(relation, columns)
        drop = f"DROP FOREIGN TABLE {relation.sql_name};\n"
        yield Entry("FOREIGN TABLE", self.name, statement, drop, relation.owner, relkind=relation.kind)
        yield from comment_entries(definitions, relation, "FOREIGN TABLE", columns)
        yield from label_entries(definitions, relation, "FOREIGN TABLE", columns)
        name = identifier(self.name)
        acl = list(catalog.acl_entry(relation.privileges, "TABLE", name, owner=relation.owner, schema=relation.schema))
        yield from acl
        yield from column_acl_entries(catalog, relation, acl)


def read_foreign_tables(catalog: Catalog) -> t.Iterator[ForeignTable]:
    """All foreign tables."""
    places = {int(oid): (server, options) for oid, server, options in catalog.session.rows(_QUERY)}
    for relation in catalog.relations.values():
        if relation.kind == FOREIGN_TABLE:
            parents = () if relation.is_partition else catalog.parent_names(relation.oid)
            catalog.aliases[Key(CatalogOid.PG_TYPE, relation.row_type)] = relation.key
            yield ForeignTable(relation.key, relation.schema, relation.name, relation, parents, *places[relation.oid])
