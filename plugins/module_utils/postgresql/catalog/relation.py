# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of pg_class that are dumped: what tables, views and sequences have in common and what others ask of them."""

from __future__ import annotations

import sys
import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import parse_array, qualified
from .acl import Privileges
from .base import CatalogOid, Key

if t.TYPE_CHECKING:
    from .context import Catalog

TABLE = "r"
PARTITIONED_TABLE = "p"
VIEW = "v"
MATERIALIZED_VIEW = "m"
SEQUENCE = "S"
FOREIGN_TABLE = "f"

_QUERY = """
    SELECT c.oid, c.relname, n.nspname, c.relnamespace, c.relkind, pg_catalog.pg_get_userbyid(c.relowner),
           c.relpersistence, c.reltype, c.relispartition,
           ARRAY(SELECT o FROM pg_catalog.unnest(c.reloptions) WITH ORDINALITY u (o, place)
                 WHERE o !~ '^check_option=' ORDER BY place)::text[],
           CASE WHEN 'check_option=local' = ANY (c.reloptions) THEN 'LOCAL'
                WHEN 'check_option=cascaded' = ANY (c.reloptions) THEN 'CASCADED' END,
           toast.reloptions, tsp.spcname, am.amname, c.relreplident, c.relrowsecurity, c.relforcerowsecurity,
           CASE WHEN c.reloftype <> 0 THEN pg_catalog.format_type(c.reloftype, NULL) END, c.relispopulated,
           c.relpages, coalesce(toast.relpages, 0), c.relacl,
           pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class toast
      ON toast.oid = c.reltoastrelid AND toast.relkind = 't' AND c.relkind IN ('r', 'm', 'p')
    LEFT JOIN pg_catalog.pg_tablespace tsp ON tsp.oid = c.reltablespace
    LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam AND c.relkind IN ('r', 'm', 'p')
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' AND c.oid >= 16384
"""


@dataclass(frozen=True)
class Relation:
    """A table, view, materialized view, sequence or foreign table.

    :param kind: ``pg_class.relkind``.
    :param row_type: the OID of its row type, 0 for none.
    :param check_option: of a view: ``LOCAL``, ``CASCADED`` or empty.
    :param access_method: of its storage, empty for none.
    :param pages: its size in blocks, as the statistics say; ``toast_pages`` for values stored out of line.
    """

    key: Key
    oid: int
    name: str
    schema: str
    schema_oid: int
    kind: str
    owner: str
    persistence: str
    row_type: int
    is_partition: bool
    options: tuple[str, ...]
    check_option: str
    toast_options: tuple[str, ...]
    tablespace: str
    access_method: str
    replica_identity: str
    row_security: bool
    force_row_security: bool
    of_type: str
    is_populated: bool
    pages: int
    toast_pages: int
    privileges: Privileges

    @property
    def sql_name(self) -> str:
        """Schema and name, quoted."""
        return qualified(self.schema, self.name)

    @property
    def foreign_word(self) -> str:
        """What goes between ALTER and TABLE."""
        return "FOREIGN " if self.kind == FOREIGN_TABLE else ""


def read_relations(catalog: Catalog) -> dict[int, Relation]:
    """Every relation that is dumped, by OID; members of extensions are not among them."""
    found: dict[int, Relation] = {}
    for row in catalog.session.query(_QUERY):
        oid, schema_oid = int(row[0] or 0), int(row[3] or 0)
        key = Key(CatalogOid.PG_CLASS, oid)
        if catalog.includes_relation(key, schema_oid):
            found[oid] = _relation(catalog, key, tuple(value or "" for value in row), row[21])
    return found


def _relation(catalog: Catalog, key: Key, row: tuple[str, ...], acl: str | None) -> Relation:
    intern = sys.intern
    return Relation(
        key=key,
        oid=key.oid,
        name=row[1],
        schema=intern(row[2]),
        schema_oid=int(row[3]),
        kind=intern(row[4]),
        owner=intern(row[5]),
        persistence=intern(row[6]),
        row_type=int(row[7]),
        is_partition=row[8] == "t",
        options=parse_array(row[9]),
        check_option=row[10],
        toast_options=parse_array(row[11]),
        tablespace=row[12],
        access_method=intern(row[13]),
        replica_identity=intern(row[14]),
        row_security=row[15] == "t",
        force_row_security=row[16] == "t",
        of_type=row[17],
        is_populated=row[18] == "t",
        pages=max(0, int(row[19])),
        toast_pages=max(0, int(row[20])),
        privileges=catalog.privileges(key, acl, row[22]),
    )
