# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Extensions: their members come with them."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT e.oid, e.extname, n.nspname
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
"""


@dataclass(frozen=True)
class Extension(DatabaseObject):
    """An extension.

    :param home: the name of the schema that its members are in.
    """

    home: str

    kind = "extension"
    priority = Priority.EXTENSION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        statement = f"CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {identifier(self.home)};\n"
        yield Entry("EXTENSION", self.name, statement, f"DROP EXTENSION {name};\n")
        yield from definitions.catalog.comment_entry(self.key, "EXTENSION", name, owner="")
        yield from definitions.catalog.label_entry(self.key, "EXTENSION", name, owner="")


def read_extensions(catalog: Catalog) -> t.Iterator[Extension]:
    """All extensions that a user added; plpgsql came with the server."""
    for oid, name, home in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_EXTENSION, int(oid))
        if catalog.includes_extension(key):
            yield Extension(key, "", name, home)
