# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What all kinds of types have in common: owner, privileges, comments, and the types that come along with a type."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key
from .context import Catalog, Definitions

_HEADERS = """
    SELECT t.oid, n.nspname, t.typname, t.typnamespace, pg_catalog.pg_get_userbyid(t.typowner), t.typacl,
           pg_catalog.acldefault('T', t.typowner)
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE t.oid >= 16384 AND t.typtype = '{typtype}' AND {condition}
"""
# An array's element, a multirange's range: whoever needs the one needs the other.
_COMPANIONS = "SELECT typarray, oid FROM pg_catalog.pg_type WHERE typarray >= 16384"
_MULTIRANGES = "SELECT rngmultitypid, rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid >= 16384"


class TypeHeader(t.NamedTuple):
    """The fields of :class:`UserType`, in their order."""

    key: Key
    schema: str
    name: str
    owner: str
    privileges: Privileges


@dataclass(frozen=True)
class UserType(DatabaseObject):
    """A type that a user made."""

    owner: str
    privileges: Privileges

    kind = "type"

    @property
    def sql_name(self) -> str:
        return qualified(self.schema, self.name)

    def type_entries(self, definitions: Definitions, statement: str, word: str = "TYPE") -> t.Iterator[Entry]:
        """The type's entries.

        :param word: ``TYPE`` or ``DOMAIN``.
        """
        catalog, name = definitions.catalog, identifier(self.name)
        yield Entry(word, self.name, statement, f"DROP {word} {self.sql_name};\n", self.owner)
        yield from catalog.comment_entry(self.key, word, name, owner=self.owner, schema=self.schema)
        yield from catalog.label_entry(self.key, word, name, owner=self.owner, schema=self.schema)
        yield from self.more_comments(definitions)
        yield from catalog.acl_entry(self.privileges, "TYPE", name, owner=self.owner, schema=self.schema)

    def more_comments(self, definitions: Definitions) -> t.Iterator[Entry]:
        """Comments on parts of the type, before its privileges."""
        yield from ()


def read_type_headers(catalog: Catalog, typtype: str, *, condition: str = "true") -> t.Iterator[TypeHeader]:
    """The common fields of all types of one kind.

    :param typtype: ``pg_type.typtype``.
    :param condition: what else they must fulfil; ``t`` is the type, ``c`` its row in pg_class.
    """
    for oid, schema, name, schema_oid, owner, acl, default_acl in catalog.session.rows(
        _HEADERS.format(typtype=typtype, condition=condition)
    ):
        key = Key(CatalogOid.PG_TYPE, int(oid))
        if catalog.includes(key, int(schema_oid)):
            yield TypeHeader(key, schema, name, owner, catalog.privileges(key, acl or None, default_acl))


def read_companion_types(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """No objects, but the aliases of the types that the server makes along with others."""
    companions = catalog.session.rows(_COMPANIONS)
    if catalog.version >= 140000:
        companions += catalog.session.rows(_MULTIRANGES)
    for companion, main in companions:
        catalog.aliases.setdefault(Key(CatalogOid.PG_TYPE, int(companion)), Key(CatalogOid.PG_TYPE, int(main)))
    yield from ()
