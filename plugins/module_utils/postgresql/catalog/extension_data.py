# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of extensions' configuration tables: what users put into tables that extensions made for that.

An extension names such tables itself (``pg_extension_config_dump``), each with a condition for the rows that are not
its own.
"""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, parse_array, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .relation import SEQUENCE, TABLE
from .table_data import data_key

_QUERY = """
    SELECT e.oid, c.oid, n.nspname, n.oid, c.relname, c.relkind, pg_catalog.pg_get_userbyid(c.relowner),
           config.condition,
           ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped {not_generated}
                 ORDER BY a.attnum)::text[]
    FROM pg_catalog.pg_extension e,
         ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) config (oid, condition),
         pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = config.oid AND c.relkind IN ('r', 'S') AND c.relpersistence <> 't'
    ORDER BY n.nspname, c.relname
"""
# A table's rows come after those of the tables that its foreign keys point to: the keys exist when they are loaded.
_REFERENCES = """
    SELECT con.conrelid, con.confrelid FROM pg_catalog.pg_constraint con
    WHERE con.contype = 'f' AND con.conrelid <> con.confrelid
      AND con.conrelid IN (SELECT pg_catalog.unnest(extconfig) FROM pg_catalog.pg_extension)
      AND con.confrelid IN (SELECT pg_catalog.unnest(extconfig) FROM pg_catalog.pg_extension)
"""


@dataclass(frozen=True)
class ExtensionTableData(DatabaseObject):
    """The user's rows in one configuration table.

    :param table: its OID.
    :param columns: the column list of COPY, quoted, empty for a table without columns.
    :param condition: ``WHERE …`` for the user's rows, empty for all rows.
    :param referenced: the tables that must be filled before.
    """

    extension: Key
    table: int
    owner: str
    columns: str
    condition: str
    referenced: tuple[int, ...]

    kind = "table data"
    priority = Priority.TABLE_DATA

    def edges(self) -> t.Iterable[Key]:
        return (self.extension, *(data_key(oid) for oid in self.referenced))

    @property
    def copy_statement(self) -> str:
        """What reads the rows."""
        name = qualified(self.schema, self.name)
        if self.condition:
            return f"COPY (SELECT {self.columns} FROM {name} {self.condition}) TO stdout"
        columns = f"({self.columns})" if self.columns else ""
        return f"COPY {name} {columns} TO stdout"

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        columns = f"({self.columns})" if self.columns else ""
        statement = f"COPY {qualified(self.schema, self.name)} {columns} FROM stdin;\n"
        yield Entry("TABLE DATA", self.name, None, owner=self.owner, copy_stmt=statement, had_dumper=True)


@dataclass(frozen=True)
class ExtensionSequenceValue(DatabaseObject):
    """Where a configuration sequence stands."""

    extension: Key
    owner: str
    last_value: str
    is_called: bool

    kind = "sequence value"
    priority = Priority.SEQUENCE_SET

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        called = "true" if self.is_called else "false"
        name = literal(qualified(self.schema, self.name))
        statement = f"SELECT pg_catalog.setval({name}, {self.last_value}, {called});\n"
        yield Entry("SEQUENCE SET", self.name, statement, owner=self.owner)


def read_extension_data(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """The data of every extension that is dumped."""
    references: dict[int, tuple[int, ...]] = {}
    for child, parent in catalog.session.rows(_REFERENCES):
        references[int(child)] = (*references.get(int(child), ()), int(parent))
    not_generated = "AND a.attgenerated = ''" if catalog.version >= 120000 else ""
    for row in catalog.session.rows(_QUERY.format(not_generated=not_generated)):
        extension, table, schema, schema_oid, name, relkind, owner, condition, columns = row
        extension_key, oid = Key(CatalogOid.PG_EXTENSION, int(extension)), int(table)
        # A user's own table can be named too; its rows are dumped with it.
        if oid in catalog.relations or not catalog.includes_configuration(extension_key, oid, int(schema_oid)):
            continue
        if relkind == SEQUENCE:
            last_value, is_called = _value(catalog, qualified(schema, name))
            key = Key(-Priority.SEQUENCE_SET, oid)
            yield ExtensionSequenceValue(key, schema, name, extension_key, owner, last_value, is_called)
        elif relkind == TABLE:
            listed = ", ".join(identifier(column) for column in parse_array(columns))
            needed = references.get(oid, ())
            yield ExtensionTableData(data_key(oid), schema, name, extension_key, oid, owner, listed, condition, needed)


def _value(catalog: Catalog, sequence: str) -> tuple[str, bool]:
    ((last_value, is_called),) = catalog.session.rows(f"SELECT last_value, is_called FROM {sequence}")
    return last_value, is_called == "t"
