# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Foreign data wrappers."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .acl import Privileges
from .base import FIRST_USER_OID, CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .foreign_options import options_clause, options_sql

_QUERY = f"""
    SELECT oid, fdwname, pg_catalog.pg_get_userbyid(fdwowner),
           CASE WHEN fdwhandler <> 0 THEN fdwhandler::pg_catalog.regproc END,
           CASE WHEN fdwvalidator <> 0 THEN fdwvalidator::pg_catalog.regproc END,
           {options_sql("fdwoptions")}, fdwacl, pg_catalog.acldefault('F', fdwowner)
    FROM pg_catalog.pg_foreign_data_wrapper
"""


@dataclass(frozen=True)
class ForeignDataWrapper(DatabaseObject):
    """A foreign data wrapper.

    :param is_given: it came with an extension: only its privileges may have changed.
    :param extension: the one it came with.
    :param handler: as SQL, empty for none, as ``validator``.
    :param options: as SQL, empty for none.
    """

    owner: str
    is_given: bool
    extension: Key | None
    handler: str
    validator: str
    options: str
    privileges: Privileges

    kind = "foreign data wrapper"
    priority = Priority.FOREIGN_DATA_WRAPPER

    def edges(self) -> t.Iterable[Key]:
        return (self.extension,) if self.extension else ()

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        if not self.is_given:
            drop = f"DROP FOREIGN DATA WRAPPER {name};\n"
            yield Entry("FOREIGN DATA WRAPPER", self.name, self._create(name), drop, self.owner)
            yield from catalog.comment_entry(self.key, "FOREIGN DATA WRAPPER", name, owner=self.owner)
        yield from catalog.acl_entry(self.privileges, "FOREIGN DATA WRAPPER", name, owner=self.owner)

    def _create(self, name: str) -> str:
        parts = [f"CREATE FOREIGN DATA WRAPPER {name}"]
        if self.handler:
            parts.append(f"HANDLER {self.handler}")
        if self.validator:
            parts.append(f"VALIDATOR {self.validator}")
        if self.options:
            parts.append(options_clause(self.options))
        return " ".join(parts) + ";\n"


def read_foreign_data_wrappers(catalog: Catalog) -> t.Iterator[ForeignDataWrapper]:
    """All foreign data wrappers; those of extensions for their privileges only."""
    for row in catalog.session.query(_QUERY):
        oid, name, owner, handler, validator, options, _acl, default = (value or "" for value in row)
        key = Key(CatalogOid.PG_FOREIGN_DATA_WRAPPER, int(oid))
        is_given = key in catalog.members or key.oid < FIRST_USER_OID
        if not (catalog.includes_given(key) if is_given else catalog.includes(key)):
            continue
        privileges = catalog.privileges(key, row[6], default)
        extension = catalog.members.get(key)
        yield ForeignDataWrapper(key, "", name, owner, is_given, extension, handler, validator, options, privileges)
