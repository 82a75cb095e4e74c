# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Text search templates."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, tmplname, tmplnamespace, CASE WHEN tmplinit <> 0 THEN tmplinit END, tmpllexize
    FROM pg_catalog.pg_ts_template WHERE oid >= 16384
"""


@dataclass(frozen=True)
class TextSearchTemplate(DatabaseObject):
    """A template; the functions are SQL, ``init`` may be empty."""

    init: str
    lexize: str

    kind = "text search template"
    priority = Priority.TEXT_SEARCH_TEMPLATE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        init = f"    INIT = {self.init},\n" if self.init else ""
        statement = f"CREATE TEXT SEARCH TEMPLATE {name} (\n{init}    LEXIZE = {self.lexize} );\n"
        yield Entry("TEXT SEARCH TEMPLATE", self.name, statement, f"DROP TEXT SEARCH TEMPLATE {name};\n")
        yield from definitions.catalog.comment_entry(
            self.key, "TEXT SEARCH TEMPLATE", identifier(self.name), owner="", schema=self.schema
        )


def read_text_search_templates(catalog: Catalog) -> t.Iterator[TextSearchTemplate]:
    """All templates that users made."""
    for oid, name, schema, init, lexize in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_TS_TEMPLATE, int(oid))
        if catalog.includes(key, int(schema)):
            yield TextSearchTemplate(key, catalog.schemas[int(schema)], name, init, lexize)
