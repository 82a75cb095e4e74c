# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Access methods of tables and indexes."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, amname, CASE amtype WHEN 'i' THEN 'INDEX' WHEN 't' THEN 'TABLE' END, amhandler
    FROM pg_catalog.pg_am WHERE oid >= 16384
"""


@dataclass(frozen=True)
class AccessMethod(DatabaseObject):
    """An access method.

    :param type: ``INDEX`` or ``TABLE``.
    :param handler: its function, as SQL.
    """

    type: str
    handler: str

    kind = "access method"
    priority = Priority.ACCESS_METHOD

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        statement = f"CREATE ACCESS METHOD {name} TYPE {self.type} HANDLER {self.handler};\n"
        yield Entry("ACCESS METHOD", self.name, statement, f"DROP ACCESS METHOD {name};\n")
        yield from definitions.catalog.comment_entry(self.key, "ACCESS METHOD", name, owner="")


def read_access_methods(catalog: Catalog) -> t.Iterator[AccessMethod]:
    """All access methods that users made."""
    for oid, name, kind, handler in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_AM, int(oid))
        if catalog.includes(key):
            yield AccessMethod(key, "", name, kind, handler)
