# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Text search dictionaries."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT d.oid, d.dictname, d.dictnamespace, pg_catalog.pg_get_userbyid(d.dictowner), n.nspname, p.tmplname,
           d.dictinitoption
    FROM pg_catalog.pg_ts_dict d
    JOIN pg_catalog.pg_ts_template p ON p.oid = d.dicttemplate
    JOIN pg_catalog.pg_namespace n ON n.oid = p.tmplnamespace
    WHERE d.oid >= 16384
"""


@dataclass(frozen=True)
class TextSearchDictionary(DatabaseObject):
    """A dictionary.

    :param template: as SQL.
    :param options: as they stand between the brackets: the server keeps them as SQL; empty for none.
    """

    owner: str
    template: str
    options: str

    kind = "text search dictionary"
    priority = Priority.TEXT_SEARCH_DICTIONARY

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        options = f",\n    {self.options}" if self.options else ""
        statement = f"CREATE TEXT SEARCH DICTIONARY {name} (\n    TEMPLATE = {self.template}{options} );\n"
        yield Entry(
            "TEXT SEARCH DICTIONARY", self.name, statement, f"DROP TEXT SEARCH DICTIONARY {name};\n", self.owner
        )
        yield from definitions.catalog.comment_entry(
            self.key, "TEXT SEARCH DICTIONARY", identifier(self.name), owner=self.owner, schema=self.schema
        )


def read_text_search_dictionaries(catalog: Catalog) -> t.Iterator[TextSearchDictionary]:
    """All dictionaries that users made."""
    for oid, name, schema, owner, template_schema, template, options in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_TS_DICT, int(oid))
        if catalog.includes(key, int(schema)):
            yield TextSearchDictionary(
                key, catalog.schemas[int(schema)], name, owner, qualified(template_schema, template), options
            )
