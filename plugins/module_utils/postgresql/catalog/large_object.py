# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Large objects: one entry each, as archives up to version 1.15 have them, and one entry for the content of all."""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import PrivilegeError
from ..session import Session
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, pg_catalog.pg_get_userbyid(lomowner), lomacl, pg_catalog.acldefault('L', lomowner)
    FROM pg_catalog.pg_largeobject_metadata
"""
_ALL_READABLE = """
    SELECT rolsuper OR pg_catalog.current_setting('lo_compat_privileges') = 'on'
    FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_UNREADABLE = """
    SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.aclexplode(coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a
        WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
    ORDER BY m.oid
"""
_UNREADABLE_18 = """
    SELECT oid FROM pg_catalog.pg_largeobject_metadata
    WHERE NOT pg_catalog.has_largeobject_privilege(oid, 'SELECT') ORDER BY oid
"""
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class LargeObject(DatabaseObject):
    """A large object; its name is its OID."""

    owner: str
    privileges: Privileges

    kind = "large object"
    priority = Priority.LARGE_OBJECT

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        catalog = definitions.catalog
        create = f"SELECT pg_catalog.lo_create('{self.name}');\n"
        drop = f"SELECT pg_catalog.lo_unlink('{self.name}');\n"
        yield Entry("BLOB", self.name, create, drop, self.owner)
        yield from catalog.comment_entry(self.key, "LARGE OBJECT", self.name, owner=self.owner)
        yield from catalog.label_entry(self.key, "LARGE OBJECT", self.name, owner=self.owner)
        yield from catalog.acl_entry(self.privileges, "LARGE OBJECT", self.name, owner=self.owner)


@dataclasses.dataclass(frozen=True)
class LargeObjectContents(DatabaseObject):
    """What is in the large objects.

    :param oids: all of them, in the order in which they are read.
    """

    oids: tuple[int, ...]

    kind = "large object contents"
    priority = Priority.LARGE_OBJECT_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        yield Entry("BLOBS", self.name, None, had_dumper=True)


def read_large_objects(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All large objects, and their contents.

    :raises PrivilegeError: the connected user may not read some.
    """
    shared: dict[tuple[str | None, ...], Privileges] = {}
    oids: list[int] = []
    for oid, owner, acl, default in catalog.session.query(_QUERY):
        # There may be very many, most with equal privileges.
        if (acl, default) not in shared:
            shared[acl, default] = Privileges.parse(acl, default)
        oids.append(int(oid or 0))
        key = Key(CatalogOid.PG_LARGEOBJECT, oids[-1])
        yield LargeObject(key, "", str(oid), owner or "", shared[acl, default])
    if oids:
        _check_readable(catalog.session)
        yield LargeObjectContents(Key(-Priority.LARGE_OBJECT_DATA, 0), "", "BLOBS", tuple(sorted(oids)))


def _check_readable(session: Session) -> None:
    if session.value(_ALL_READABLE) == "t":
        return
    unreadable = [oid for (oid,) in session.rows(_UNREADABLE_18 if session.version >= 180000 else _UNREADABLE)]
    if unreadable:
        more = f" and {len(unreadable) - _SHOWN} more" if len(unreadable) > _SHOWN else ""
        raise PrivilegeError(
            f"the user may not read large object {', '.join(unreadable[:_SHOWN])}{more}",
            hint="grant SELECT on them, or connect as their owner or as a superuser",
            objects=[f"large object {oid}" for oid in unreadable],
        )
