# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Text search configurations, with their mappings from kinds of tokens to dictionaries."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT c.oid, c.cfgname, c.cfgnamespace, pg_catalog.pg_get_userbyid(c.cfgowner), n.nspname, p.prsname
    FROM pg_catalog.pg_ts_config c
    JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
    JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace
    WHERE c.oid >= 16384
"""
_MAPPINGS = """
    SELECT m.mapcfg,
           (SELECT k.alias FROM pg_catalog.ts_token_type(c.cfgparser) k WHERE k.tokid = m.maptokentype),
           m.mapdict::pg_catalog.regdictionary
    FROM pg_catalog.pg_ts_config_map m JOIN pg_catalog.pg_ts_config c ON c.oid = m.mapcfg
    WHERE m.mapcfg >= 16384
    ORDER BY m.mapcfg, m.maptokentype, m.mapseqno
"""


@dataclass(frozen=True)
class TextSearchConfiguration(DatabaseObject):
    """A configuration.

    :param parser: as SQL.
    :param mappings: kinds of tokens, as the parser names them, each with its dictionaries as SQL, in their order.
    """

    owner: str
    parser: str
    mappings: tuple[tuple[str, tuple[str, ...]], ...]

    kind = "text search configuration"
    priority = Priority.TEXT_SEARCH_CONFIGURATION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        statements = [f"CREATE TEXT SEARCH CONFIGURATION {name} (\n    PARSER = {self.parser} );\n"]
        statements.extend(
            f"\nALTER TEXT SEARCH CONFIGURATION {name}\n"
            f"    ADD MAPPING FOR {identifier(token)} WITH {', '.join(dictionaries)};\n"
            for token, dictionaries in self.mappings
        )
        drop = f"DROP TEXT SEARCH CONFIGURATION {name};\n"
        yield Entry("TEXT SEARCH CONFIGURATION", self.name, "".join(statements), drop, self.owner)
        yield from definitions.catalog.comment_entry(
            self.key, "TEXT SEARCH CONFIGURATION", identifier(self.name), owner=self.owner, schema=self.schema
        )


def read_text_search_configurations(catalog: Catalog) -> t.Iterator[TextSearchConfiguration]:
    """All configurations that users made."""
    mappings: dict[int, dict[str, list[str]]] = {}
    for oid, token, dictionary in catalog.session.rows(_MAPPINGS):
        mappings.setdefault(int(oid), {}).setdefault(token, []).append(dictionary)
    for oid, name, schema, owner, parser_schema, parser in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_TS_CONFIG, int(oid))
        if catalog.includes(key, int(schema)):
            own = tuple((token, tuple(dictionaries)) for token, dictionaries in mappings.get(key.oid, {}).items())
            yield TextSearchConfiguration(
                key, catalog.schemas[int(schema)], name, owner, qualified(parser_schema, parser), own
            )
