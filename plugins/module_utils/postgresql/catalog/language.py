# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Procedural languages."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .acl import Privileges
from .base import FIRST_USER_OID, CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT l.oid, l.lanname, pg_catalog.pg_get_userbyid(l.lanowner), l.lanpltrusted,
           l.lanplcallfoid::pg_catalog.oid, l.laninline::pg_catalog.oid, l.lanvalidator::pg_catalog.oid,
           l.lanacl, pg_catalog.acldefault('l', l.lanowner)
    FROM pg_catalog.pg_language l WHERE l.lanispl
"""
_FUNCTIONS = """
    SELECT p.oid, p.pronamespace, n.nspname, p.proname
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN (SELECT unnest(ARRAY[lanplcallfoid, laninline, lanvalidator]::oid[]) FROM pg_catalog.pg_language)
"""


@dataclass(frozen=True)
class Language(DatabaseObject):
    """A procedural language.

    :param is_given: it came with the server or an extension: only its privileges may have changed.
    :param extension: the one it came with.
    :param handler: its functions as SQL; empty where the language needs none, or where they are not dumped.
    """

    owner: str
    is_given: bool
    extension: Key | None
    trusted: bool
    handler: str
    inline: str
    validator: str
    privileges: Privileges

    kind = "language"
    priority = Priority.LANGUAGE

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,) if self.extension else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        if not self.is_given:
            drop = f"DROP PROCEDURAL LANGUAGE {name};\n"
            yield Entry("PROCEDURAL LANGUAGE", self.name, self._create(name), drop, self.owner)
            yield from catalog.comment_entry(self.key, "LANGUAGE", name, owner=self.owner)
            yield from catalog.label_entry(self.key, "LANGUAGE", name, owner=self.owner)
        if self.trusted:
            yield from catalog.acl_entry(self.privileges, "LANGUAGE", name, owner=self.owner)

    def _create(self, name: str) -> str:
        if not self.handler:
            # Its functions come with an extension or with the server, which knows how to make the rest.
            return f"CREATE OR REPLACE PROCEDURAL LANGUAGE {name};\n"
        trusted = "TRUSTED " if self.trusted else ""
        inline = f" INLINE {self.inline}" if self.inline else ""
        validator = f" VALIDATOR {self.validator}" if self.validator else ""
        return f"CREATE {trusted}PROCEDURAL LANGUAGE {name} HANDLER {self.handler}{inline}{validator};\n"


def read_languages(catalog: Catalog) -> t.Iterator[Language]:
    """All procedural languages; those that came with the server or an extension for their privileges only."""
    functions = {
        int(oid): qualified(name_of_schema, name)
        for oid, schema, name_of_schema, name in catalog.session.rows(_FUNCTIONS)
        if catalog.includes(Key(CatalogOid.PG_PROC, int(oid)), int(schema))
    }
    for row in catalog.session.query(_QUERY):
        oid, name, owner, trusted, handler, inline, validator, _acl, default = (value or "" for value in row)
        key = Key(CatalogOid.PG_LANGUAGE, int(oid))
        is_given = key in catalog.members or key.oid < FIRST_USER_OID
        if not (catalog.includes_given(key) if is_given else catalog.includes(key)):
            continue
        wanted = [int(function) for function in (handler, inline, validator)]
        complete = all(function in functions for function in wanted if function)
        own = [functions.get(function, "") if complete else "" for function in wanted]
        yield Language(
            key=key,
            schema="",
            name=name,
            owner=owner,
            is_given=is_given,
            extension=catalog.members.get(key),
            trusted=trusted == "t",
            handler=own[0],
            inline=own[1],
            validator=own[2],
            privileges=catalog.privileges(key, row[7], default),
        )
