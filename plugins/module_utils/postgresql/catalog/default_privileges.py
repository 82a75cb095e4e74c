# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Default privileges: what objects made later are granted at once."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from ..toc import SECTION_POST_DATA
from .acl import Privileges, privilege_statements
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

# Within a schema the base is empty: such privileges are added to the global ones.
_QUERY = """
    SELECT d.oid, pg_catalog.pg_get_userbyid(d.defaclrole), n.nspname, d.defaclnamespace, d.defaclobjtype, d.defaclacl,
           CASE WHEN d.defaclnamespace = 0 THEN
               pg_catalog.acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE d.defaclobjtype END,
                                     d.defaclrole)
           ELSE '{}' END
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
"""
_WORDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS", "L": "LARGE OBJECTS"}


@dataclass(frozen=True)
class DefaultPrivileges(DatabaseObject):
    """The default privileges of one role for one kind of object, in one schema or everywhere."""

    role: str
    word: str
    privileges: Privileges

    kind = "default privileges"
    priority = Priority.DEFAULT_PRIVILEGES

    @property
    def label(self) -> str:
        where = f" in schema {self.schema}" if self.schema else ""
        return f"default privileges of role {self.role} for {self.word.lower()}{where}"

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.role,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        role = identifier(self.role)
        schema = f"IN SCHEMA {identifier(self.schema)} " if self.schema else ""
        statements = privilege_statements(
            self.privileges,
            word=self.word,
            name="",
            owner=self.role,
            prefix=f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} {schema}",
        )
        if statements:
            tag = f"DEFAULT PRIVILEGES FOR {self.word}"
            yield Entry("DEFAULT ACL", tag, statements, owner=self.role, section=SECTION_POST_DATA)


def read_default_privileges(catalog: Catalog) -> t.Iterator[DefaultPrivileges]:
    """All default privileges, but those of schemas that are not dumped."""
    for oid, role, schema, schema_oid, kind, acl, default in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_DEFAULT_ACL, int(oid))
        if not (int(schema_oid) in catalog.schemas if schema_oid != "0" else catalog.chosen.has_everything):
            continue
        # The name is the letter, as pg_dump sorts them.
        yield DefaultPrivileges(key, schema, kind, role, _WORDS[kind], Privileges.parse(acl, default))
