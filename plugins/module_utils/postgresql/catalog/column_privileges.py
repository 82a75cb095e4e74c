# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Privileges on single columns."""

from __future__ import annotations

import typing as t

from ..quoting import identifier
from .acl import privilege_statements
from .base import Entry, satellite
from .relation import Relation

if t.TYPE_CHECKING:
    from .context import Catalog

_QUERY = """
    SELECT a.attrelid, a.attnum, a.attname, a.attacl, pg_catalog.acldefault('c', c.relowner)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.oid >= 16384
    ORDER BY a.attrelid, a.attnum
"""


def read_column_privileges(catalog: Catalog) -> dict[int, list[tuple[int, str, str, str]]]:
    """Columns with privileges of their own, by relation: number, name, ACL and default ACL as text."""
    found: dict[int, list[tuple[int, str, str, str]]] = {}
    for oid, number, name, acl, default in catalog.session.rows(_QUERY):
        found.setdefault(int(oid), []).append((int(number), name, acl, default))
    return found


def column_acl_entries(catalog: Catalog, relation: Relation, table_acl: t.Sequence[Entry]) -> t.Iterator[Entry]:
    """The ACL entries of a relation's columns.

    :param table_acl: the relation's own ACL entry, if it has one: the columns' come after it, since a REVOKE on the
        table takes the columns' privileges away too.
    """
    table = identifier(relation.name)
    for number, name, acl, default in catalog.column_privileges.get(relation.oid, []):
        privileges = catalog.privileges(relation.key, acl, default, part=number)
        column = identifier(name)
        statements = privilege_statements(
            privileges,
            word="TABLE",
            name=relation.sql_name,
            owner=relation.owner,
            column=column,
        )
        if statements:
            yield satellite(
                "ACL", f"COLUMN {table}.{column}", statements, owner=relation.owner, after_acl=bool(table_acl)
            )
