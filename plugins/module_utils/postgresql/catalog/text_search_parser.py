# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Text search parsers."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, prsname, prsnamespace, prsstart, prstoken, prsend,
           CASE WHEN prsheadline <> 0 THEN prsheadline END, prslextype
    FROM pg_catalog.pg_ts_parser WHERE oid >= 16384
"""


@dataclass(frozen=True)
class TextSearchParser(DatabaseObject):
    """A parser; the functions are SQL, ``headline`` may be empty."""

    start: str
    token: str
    end: str
    headline: str
    lexical_types: str

    kind = "text search parser"
    priority = Priority.TEXT_SEARCH_PARSER

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        lines = [f"START = {self.start}", f"GETTOKEN = {self.token}", f"END = {self.end}"]
        if self.headline:
            lines.append(f"HEADLINE = {self.headline}")
        lines.append(f"LEXTYPES = {self.lexical_types}")
        body = ",\n    ".join(lines)
        statement = f"CREATE TEXT SEARCH PARSER {name} (\n    {body} );\n"
        yield Entry("TEXT SEARCH PARSER", self.name, statement, f"DROP TEXT SEARCH PARSER {name};\n")
        yield from definitions.catalog.comment_entry(
            self.key, "TEXT SEARCH PARSER", identifier(self.name), owner="", schema=self.schema
        )


def read_text_search_parsers(catalog: Catalog) -> t.Iterator[TextSearchParser]:
    """All parsers that users made."""
    for oid, name, schema, *functions in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_TS_PARSER, int(oid))
        if catalog.includes(key, int(schema)):
            yield TextSearchParser(key, catalog.schemas[int(schema)], name, *functions)
