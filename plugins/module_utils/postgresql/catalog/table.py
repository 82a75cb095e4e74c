# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Tables: ordinary, partitioned, typed, inheriting; partitions are made alone and attached (``table_attach.py``)."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, storage_options
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .column import Column
from .column_default import ColumnDefault
from .column_privileges import column_acl_entries
from .context import Catalog, Definitions
from .relation import PARTITIONED_TABLE, TABLE, Relation
from .relation_notes import comment_entries, label_entries
from .table_check import TableCheck

_PARTITION_KEYS = """
    SELECT partrelid, pg_catalog.pg_get_partkeydef(partrelid) FROM pg_catalog.pg_partitioned_table
"""
_STORAGE_WORDS = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_COMPRESSION_WORDS = {"p": "pglz", "l": "lz4"}
_REPLICA_IDENTITY_WORDS = {"n": "NOTHING", "f": "FULL"}


@dataclass(frozen=True)
class Table(DatabaseObject):
    """A table.

    :param parents: quoted names of the tables it inherits from, in their order; none for a partition.
    :param partition_key: as PARTITION BY takes it, empty for other tables.
    """

    relation: Relation
    parents: tuple[str, ...]
    partition_key: str

    kind = "table"
    priority = Priority.TABLE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation = self.relation
        columns = definitions.columns.of(relation.oid)
        definitions.remember_copy_columns(relation.oid, columns)
        statement = _create(self, columns, definitions) + alter_columns(relation, columns) + _alter_table(relation)
        yield Entry(
            "TABLE",
            self.name,
            statement,
            f"DROP TABLE {relation.sql_name};\n",
            relation.owner,
            tablespace=relation.tablespace,
            table_am=relation.access_method,
            relkind=relation.kind,
        )
        yield from comment_entries(definitions, relation, "TABLE", columns)
        yield from label_entries(definitions, relation, "TABLE", columns)
        name = identifier(self.name)
        acl = list(
            definitions.catalog.acl_entry(
                relation.privileges, "TABLE", name, owner=relation.owner, schema=relation.schema
            )
        )
        yield from acl
        yield from column_acl_entries(definitions.catalog, relation, acl)


def read_tables(catalog: Catalog) -> t.Iterator[Table]:
    """All ordinary and partitioned tables."""
    partition_keys = {int(oid): text for oid, text in catalog.session.rows(_PARTITION_KEYS)}
    for relation in catalog.relations.values():
        if relation.kind in (TABLE, PARTITIONED_TABLE):
            inherits = () if relation.is_partition else catalog.parent_names(relation.oid)
            key = partition_keys.get(relation.oid, "")
            yield Table(relation.key, relation.schema, relation.name, relation, inherits, key)
            if relation.row_type:
                catalog.aliases[Key(CatalogOid.PG_TYPE, relation.row_type)] = relation.key


def _create(table: Table, columns: list[Column], definitions: Definitions) -> str:
    relation = table.relation
    unlogged = "UNLOGGED " if relation.persistence == "u" and relation.kind != PARTITIONED_TABLE else ""
    of_type = f" OF {relation.of_type}" if relation.of_type else ""
    parts = [f"CREATE {unlogged}TABLE {relation.sql_name}{of_type}"]
    parts.append(element_list(relation, columns, definitions))
    if table.parents:
        parts.append(f"\nINHERITS ({', '.join(table.parents)})")
    if table.partition_key:
        parts.append(f"\nPARTITION BY {table.partition_key}")
    options = [storage_options(relation.options), storage_options(relation.toast_options, prefix="toast.")]
    if any(options):
        parts.append(f"\nWITH ({', '.join(filter(None, options))})")
    return "".join(parts) + ";\n"


def element_list(relation: Relation, columns: list[Column], definitions: Definitions) -> str:
    """The columns and checks between brackets, for tables and foreign tables."""
    parts = definitions.embedded(relation.key)
    defaults = {part.number: part.expression for part in parts if isinstance(part, ColumnDefault)}
    elements = []
    for column in columns:
        default = defaults.get(column.number)
        if is_printed(relation, column):
            if not _defined_by_type(relation, column, default):
                elements.append(_column_clause(relation, column, default))
        elif column.not_null and column.not_null_local and column.has_not_null_constraint:
            name = f"CONSTRAINT {identifier(column.not_null_name)} " if column.not_null_name else ""
            inherit = " NO INHERIT" if column.not_null_no_inherit else ""
            elements.append(f"{name}NOT NULL {column.sql_name}{inherit}")
    elements.extend(
        f"CONSTRAINT {identifier(part.name)} {part.definition}"
        for part in parts
        if isinstance(part, TableCheck) and (part.is_local or relation.is_partition)
    )
    if elements:
        return " (\n    " + ",\n    ".join(elements) + "\n)"
    return "" if relation.of_type else " (\n)"


def is_printed(relation: Relation, column: Column) -> bool:
    """Whether a column stands in its table's own statement: not when it is only inherited."""
    return column.is_local or relation.is_partition


def _prints_not_null(relation: Relation, column: Column) -> bool:
    return column.not_null and (column.not_null_local or relation.is_partition)


def _defined_by_type(relation: Relation, column: Column, default: str | None) -> bool:
    return bool(relation.of_type) and default is None and not _prints_not_null(relation, column)


def _column_clause(relation: Relation, column: Column, default: str | None) -> str:
    clause = [column.sql_name]
    if not relation.of_type:
        clause.append(column.type)
    if default is not None and column.generated:
        stored = " STORED" if column.generated == "s" else ""
        clause.append(f"GENERATED ALWAYS AS ({default}){stored}")
    elif default is not None:
        clause.append(f"DEFAULT {default}")
    if _prints_not_null(relation, column):
        clause.append(f"CONSTRAINT {identifier(column.not_null_name)} NOT NULL" if column.not_null_name else "NOT NULL")
        if column.not_null_no_inherit:
            clause.append("NO INHERIT")
    if column.collation and not relation.of_type:
        clause.append(f"COLLATE {column.collation}")
    return " ".join(clause)


def alter_columns(relation: Relation, columns: list[Column]) -> str:
    """What can only be said of columns after their table was made."""
    alter = f"ALTER {relation.foreign_word}TABLE ONLY {relation.sql_name}"
    statements: list[str] = []
    for column in columns:
        target = f"{alter} ALTER COLUMN {column.sql_name}"
        local_not_null = column.not_null and column.not_null_local and not column.has_not_null_constraint
        if local_not_null and not is_printed(relation, column):
            statements.append(f"{target} SET NOT NULL;\n")
        if column.statistics:
            statements.append(f"{target} SET STATISTICS {column.statistics};\n")
        if column.storage:
            statements.append(f"{target} SET STORAGE {_STORAGE_WORDS[column.storage]};\n")
        if column.compression:
            statements.append(f"{target} SET COMPRESSION {_COMPRESSION_WORDS[column.compression]};\n")
        if column.options:
            statements.append(f"{target} SET ({column.options});\n")
        if column.foreign_options:
            options = f"ALTER FOREIGN TABLE ONLY {relation.sql_name} ALTER COLUMN {column.sql_name}"
            statements.append(f"{options} OPTIONS (\n    {column.foreign_options}\n);\n")
    return "".join(statements)


def _alter_table(relation: Relation) -> str:
    statements: list[str] = []
    if relation.replica_identity in _REPLICA_IDENTITY_WORDS:
        identity = _REPLICA_IDENTITY_WORDS[relation.replica_identity]
        statements.append(f"\nALTER TABLE ONLY {relation.sql_name} REPLICA IDENTITY {identity};\n")
    if relation.force_row_security:
        statements.append(f"\nALTER TABLE ONLY {relation.sql_name} FORCE ROW LEVEL SECURITY;\n")
    return "".join(statements)
