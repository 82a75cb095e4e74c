# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Collations."""

from __future__ import annotations

import typing as t

from ...errors import UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, collname, collnamespace, pg_catalog.pg_get_userbyid(collowner), collprovider, {deterministic},
           collcollate, collctype, {locale}, {rules}
    FROM pg_catalog.pg_collation WHERE oid >= 16384
"""
_PROVIDERS = {"b": "builtin", "c": "libc", "i": "icu"}


@dataclass(frozen=True)
class Collation(DatabaseObject):
    """A collation.

    :param provider: ``pg_collation.collprovider``: ``b`` built in, ``c`` libc, ``i`` ICU.
    :param collate: libc's name for the order; ``ctype`` for the classes of characters.
    :param locale: the other providers' name for both.
    :param rules: ICU's rules on top of the locale's, empty for none.
    """

    owner: str
    provider: str
    deterministic: bool
    collate: str
    ctype: str
    locale: str
    rules: str

    kind = "collation"
    priority = Priority.COLLATION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        statement = f"CREATE COLLATION {name} ({', '.join(self._options())});\n"
        yield Entry("COLLATION", self.name, statement, f"DROP COLLATION {name};\n", self.owner)
        catalog = definitions.catalog
        yield from catalog.comment_entry(
            self.key, "COLLATION", identifier(self.name), owner=self.owner, schema=self.schema
        )

    def _options(self) -> t.Iterator[str]:
        yield f"provider = {_PROVIDERS[self.provider]}"
        if not self.deterministic:
            yield "deterministic = false"
        if self.provider != "c":
            yield f"locale = {literal(self.locale)}"
        elif self.collate == self.ctype:
            yield f"locale = {literal(self.collate)}"
        else:
            yield f"lc_collate = {literal(self.collate)}"
            yield f"lc_ctype = {literal(self.ctype)}"
        if self.rules:
            yield f"rules = {literal(self.rules)}"


def read_collations(catalog: Catalog) -> t.Iterator[Collation]:
    """All collations that users made."""
    version = catalog.version
    query = _QUERY.format(
        deterministic="collisdeterministic" if version >= 120000 else "true",
        # Until 14 the locale of every provider was in the columns that are now libc's alone.
        locale="colllocale" if version >= 170000 else "colliculocale" if version >= 150000 else "collcollate",
        rules="collicurules" if version >= 160000 else "NULL",
    )
    for row in catalog.session.rows(query):
        key = Key(CatalogOid.PG_COLLATION, int(row[0]))
        if not catalog.includes(key, int(row[2])):
            continue
        schema = catalog.schemas[int(row[2])]
        if row[4] not in _PROVIDERS:
            raise UnsupportedObjectError(
                f"collation {schema}.{row[1]} has the unknown provider {row[4]!r}",
                hint="this version of PostgreSQL is newer than this engine knows; update the collection",
                objects=[f"collation {schema}.{row[1]}"],
            )
        yield Collation(key, schema, row[1], row[3], row[4], row[5] == "t", *row[6:])
