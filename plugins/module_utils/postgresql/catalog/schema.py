# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Schemas, ``public`` among them, which every database has already."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .acl import AclItem, Privileges, parse_acl
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import PUBLIC_SCHEMA_OID, Catalog, Definitions

_QUERY = """
    SELECT oid, nspname, pg_catalog.pg_get_userbyid(nspowner), nspowner, nspacl,
           pg_catalog.acldefault('n', nspowner)
    FROM pg_catalog.pg_namespace
"""
_BOOTSTRAP_SUPERUSER = "10"
_DATABASE_OWNER = "6171"
_INITIAL_COMMENT = "standard public schema"


@dataclass(frozen=True)
class Schema(DatabaseObject):
    """A schema.

    :param exists_already: it is ``public``: made by initdb, so neither created nor dropped.
    :param initial_owner: its owner is the one that it has in a new database.
    """

    owner: str
    privileges: Privileges
    exists_already: bool
    initial_owner: bool

    kind = "schema"
    priority = Priority.SCHEMA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        if not self.exists_already:
            yield Entry("SCHEMA", self.name, f"CREATE SCHEMA {name};\n", f"DROP SCHEMA {name};\n", self.owner)
        elif not self.initial_owner:
            made = "-- *not* creating schema, since initdb creates it\n"
            yield Entry("SCHEMA", self.name, made, "-- *not* dropping schema, since initdb creates it\n", self.owner)
        yield from self._comment(definitions.catalog, name)
        yield from definitions.catalog.label_entry(self.key, "SCHEMA", name, owner=self.owner)
        yield from definitions.catalog.acl_entry(self.privileges, "SCHEMA", name, owner=self.owner)

    def _comment(self, catalog: Catalog, name: str) -> t.Iterator[Entry]:
        if self.exists_already and name == "public":
            text = catalog.comment(self.key)
            if text == _INITIAL_COMMENT:
                return
            if text is None:
                # A new database's public schema has a comment, this one has none.
                yield satellite("COMMENT", f"SCHEMA {name}", f"COMMENT ON SCHEMA {name} IS '';\n", owner=self.owner)
                return
        yield from catalog.comment_entry(self.key, "SCHEMA", name, owner=self.owner)


def read_schemas(catalog: Catalog) -> t.Iterator[Schema]:
    """All schemas of users, and public."""
    for oid, name, owner, owner_oid, acl, default_acl in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_NAMESPACE, int(oid))
        public = int(oid) == PUBLIC_SCHEMA_OID or (name == "public" and key not in catalog.members)
        if not (int(oid) in catalog.schemas if public else catalog.includes(key, int(oid))):
            continue
        yield Schema(
            key=key,
            schema="",
            name=name,
            owner=owner,
            privileges=_public_privileges(acl, owner) if public else catalog.privileges(key, acl or None, default_acl),
            # Asked for by its name, it may be wanted where it was dropped.
            exists_already=public and catalog.chosen.schemas is None,
            initial_owner=owner_oid == _DATABASE_OWNER,
        )


def _public_privileges(acl: str, owner: str) -> Privileges:
    """Public's privileges against those of a new database of PostgreSQL 15 and later, whatever the source's version.

    What initdb recorded is of no use: the owner may have changed since, and older servers let everyone create there.
    """
    own, everyone = AclItem(owner, "UC", owner), AclItem("", "U", owner)
    return Privileges(parse_acl(acl) if acl else (own,), (own, everyone))
