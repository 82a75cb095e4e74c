# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Conversions between encodings."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, conname, connamespace, pg_catalog.pg_get_userbyid(conowner),
           pg_catalog.pg_encoding_to_char(conforencoding), pg_catalog.pg_encoding_to_char(contoencoding),
           conproc, condefault
    FROM pg_catalog.pg_conversion WHERE oid >= 16384
"""


@dataclass(frozen=True)
class Conversion(DatabaseObject):
    """A conversion.

    :param function: as SQL.
    :param is_default: it is the one that the server takes for this pair of encodings.
    """

    owner: str
    source: str
    target: str
    function: str
    is_default: bool

    kind = "conversion"
    priority = Priority.CONVERSION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        default = "DEFAULT " if self.is_default else ""
        pair = f"FOR {literal(self.source)} TO {literal(self.target)}"
        statement = f"CREATE {default}CONVERSION {name} {pair} FROM {self.function};\n"
        yield Entry("CONVERSION", self.name, statement, f"DROP CONVERSION {name};\n", self.owner)
        catalog = definitions.catalog
        yield from catalog.comment_entry(
            self.key, "CONVERSION", identifier(self.name), owner=self.owner, schema=self.schema
        )


def read_conversions(catalog: Catalog) -> t.Iterator[Conversion]:
    """All conversions that users made."""
    for oid, name, schema, owner, source, target, function, is_default in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_CONVERSION, int(oid))
        if catalog.includes(key, int(schema)):
            yield Conversion(
                key, catalog.schemas[int(schema)], name, owner, source, target, function, is_default == "t"
            )
