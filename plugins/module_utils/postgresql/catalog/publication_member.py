# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a publication is made of: tables, with their columns and row filters, and whole schemas."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, parse_array, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_TABLES = """
    SELECT r.oid, r.prpubid, p.pubname, pg_catalog.pg_get_userbyid(p.pubowner), r.prrelid, n.nspname, c.relname,
           {filter}, {columns}
    FROM pg_catalog.pg_publication_rel r
    JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""
_COLUMNS = """
    (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs))
"""
_SCHEMAS = """
    SELECT m.oid, m.pnpubid, p.pubname, pg_catalog.pg_get_userbyid(p.pubowner), m.pnnspid, n.nspname
    FROM pg_catalog.pg_publication_namespace m
    JOIN pg_catalog.pg_publication p ON p.oid = m.pnpubid
    JOIN pg_catalog.pg_namespace n ON n.oid = m.pnnspid
"""


@dataclass(frozen=True)
class PublicationTable(DatabaseObject):
    """A table in a publication; its name, for the order, is the table's.

    :param columns: the ones that are published, none for all.
    :param row_filter: as SQL, empty for none.
    """

    publication_key: Key
    publication: str
    owner: str
    table: Key
    columns: tuple[str, ...]
    row_filter: str

    kind = "publication table"
    priority = Priority.PUBLICATION_TABLE

    @property
    def label(self) -> str:
        return f"table {self.schema}.{self.name} of publication {self.publication}"

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.publication,)

    def edges(self) -> t.Iterable[Key]:
        return (self.publication_key, self.table)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"ALTER PUBLICATION {identifier(self.publication)} ADD TABLE ONLY "
        statement += qualified(self.schema, self.name)
        if self.columns:
            statement += f" ({', '.join(map(identifier, self.columns))})"
        if self.row_filter:
            statement += f" WHERE ({self.row_filter})"
        # Dropping the publication or the table drops it.
        yield Entry("PUBLICATION TABLE", f"{self.publication} {self.name}", f"{statement};\n", owner=self.owner)


@dataclass(frozen=True)
class PublicationSchema(DatabaseObject):
    """A schema in a publication; its name is the schema's, and so is its schema."""

    publication_key: Key
    publication: str
    owner: str
    schema_key: Key

    kind = "publication schema"
    priority = Priority.PUBLICATION_SCHEMA

    @property
    def label(self) -> str:
        return f"schema {self.name} of publication {self.publication}"

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.publication,)

    def edges(self) -> t.Iterable[Key]:
        return (self.publication_key, self.schema_key)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"ALTER PUBLICATION {identifier(self.publication)} ADD TABLES IN SCHEMA {identifier(self.name)};\n"
        tag = f"{self.publication} {self.name}"
        yield Entry("PUBLICATION TABLES IN SCHEMA", tag, statement, owner=self.owner)


def read_publication_members(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """The tables and schemas of all publications, also of those tables that are an extension's or are not dumped."""
    session, version = catalog.session, catalog.version
    query = _TABLES.format(
        filter="pg_catalog.pg_get_expr(r.prqual, r.prrelid)" if version >= 150000 else "NULL",
        columns=_COLUMNS if version >= 150000 else "NULL",
    )
    for oid, publication, name, owner, table, schema, table_name, row_filter, columns in session.rows(query):
        publication_key = Key(CatalogOid.PG_PUBLICATION, int(publication))
        if catalog.includes(publication_key):
            yield PublicationTable(
                Key(CatalogOid.PG_PUBLICATION_REL, int(oid)), schema, table_name, publication_key, name, owner,
                Key(CatalogOid.PG_CLASS, int(table)), parse_array(columns), row_filter,
            )  # fmt: skip
    for oid, publication, name, owner, schema_oid, schema in session.rows(_SCHEMAS) if version >= 150000 else ():
        publication_key = Key(CatalogOid.PG_PUBLICATION, int(publication))
        if catalog.includes(publication_key):
            yield PublicationSchema(
                Key(CatalogOid.PG_PUBLICATION_NAMESPACE, int(oid)), schema, schema, publication_key, name, owner,
                Key(CatalogOid.PG_NAMESPACE, int(schema_oid)),
            )  # fmt: skip
