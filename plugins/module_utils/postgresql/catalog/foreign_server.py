# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Foreign servers."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal
from .acl import Privileges
from .base import FIRST_USER_OID, CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .foreign_options import options_clause, options_sql
from .user_mapping import UserMapping

_QUERY = f"""
    SELECT s.oid, s.srvname, pg_catalog.pg_get_userbyid(s.srvowner), s.srvtype, s.srvversion, w.fdwname,
           {options_sql("s.srvoptions")}, s.srvacl, pg_catalog.acldefault('S', s.srvowner)
    FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
"""


@dataclass(frozen=True)
class ForeignServer(DatabaseObject):
    """A foreign server.

    :param is_given: it came with an extension: only its privileges may have changed.
    :param extension: the one it came with.
    :param type: empty for none, as ``version``.
    :param options: as SQL, empty for none.
    """

    owner: str
    is_given: bool
    extension: Key | None
    type: str
    version: str
    wrapper: str
    options: str
    privileges: Privileges

    kind = "foreign server"
    priority = Priority.FOREIGN_SERVER

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,) if self.extension else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        if not self.is_given:
            yield Entry("SERVER", self.name, self._create(name), f"DROP SERVER {name};\n", self.owner)
            yield from catalog.comment_entry(self.key, "SERVER", name, owner=self.owner)
        yield from catalog.acl_entry(self.privileges, "FOREIGN SERVER", name, owner=self.owner)
        mappings = [part for part in definitions.embedded(self.key) if isinstance(part, UserMapping)]
        for mapping in sorted(mappings, key=lambda one: one.name):
            yield mapping.entry(self.owner)

    def _create(self, name: str) -> str:
        parts = [f"CREATE SERVER {name}"]
        if self.type:
            parts.append(f"TYPE {literal(self.type)}")
        if self.version:
            parts.append(f"VERSION {literal(self.version)}")
        parts.append(f"FOREIGN DATA WRAPPER {identifier(self.wrapper)}")
        if self.options:
            parts.append(options_clause(self.options))
        return " ".join(parts) + ";\n"


def read_foreign_servers(catalog: Catalog) -> t.Iterator[ForeignServer]:
    """All foreign servers; those of extensions for their privileges only."""
    for row in catalog.session.query(_QUERY):
        oid, name, owner, kind, version, wrapper, options, _acl, default = (value or "" for value in row)
        key = Key(CatalogOid.PG_FOREIGN_SERVER, int(oid))
        is_given = key in catalog.members or key.oid < FIRST_USER_OID
        if not (catalog.includes_given(key) if is_given else catalog.includes(key)):
            continue
        privileges = catalog.privileges(key, row[7], default)
        extension = catalog.members.get(key)
        yield ForeignServer(key, "", name, owner, is_given, extension, kind, version, wrapper, options, privileges)
