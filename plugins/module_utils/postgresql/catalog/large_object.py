# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Large objects, as archives hold them: up to version 1.15 one entry each and one for the content of all, from 1.16 on
one for up to 1,000 with the same owner and privileges, and one for their content."""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from ..session import Session
from ..toc import SECTION_DATA
from .acl import Privileges
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, pg_catalog.pg_get_userbyid(lomowner), lomacl, pg_catalog.acldefault('L', lomowner)
    FROM pg_catalog.pg_largeobject_metadata ORDER BY lomowner, lomacl::pg_catalog.text, oid
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
_LARGEST_GROUP = 1000


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class LargeObjectGroup(DatabaseObject):
    """Large objects with the same owner and privileges; its name is the range of their OIDs."""

    owner: str
    privileges: Privileges
    oids: tuple[int, ...]

    kind = "large object"
    priority = Priority.LARGE_OBJECT_GROUP

    @property
    def count(self) -> int:
        return len(self.oids)

    def section(self, definitions: Definitions) -> int:
        return SECTION_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        catalog = definitions.catalog
        yield Entry("BLOB METADATA", self.name, "".join(f"{oid}\n" for oid in self.oids), "-- dummy", self.owner)
        for oid in self.oids:
            key = Key(CatalogOid.PG_LARGEOBJECT, oid)
            yield from catalog.comment_entry(key, "LARGE OBJECT", str(oid), owner=self.owner)
            yield from catalog.label_entry(key, "LARGE OBJECT", str(oid), owner=self.owner)
        # The statements are those of the first; pg_restore repeats them for the others.
        for entry in catalog.acl_entry(self.privileges, "LARGE OBJECT", str(self.oids[0]), owner=self.owner):
            word = "LARGE OBJECTS" if len(self.oids) > 1 else "LARGE OBJECT"
            yield dataclasses.replace(entry, tag=f"{word} {self.name}")


@dataclass(frozen=True)
class LargeObjectContents(DatabaseObject):
    """What is in large objects: in all, or in those of one group.

    :param oids: in the order in which they are read.
    :param group: the group's key.
    """

    oids: tuple[int, ...]
    owner: str = ""
    group: Key | None = None

    kind = "large object contents"
    priority = Priority.LARGE_OBJECT_DATA

    def edges(self) -> t.Iterable[Key]:
        return () if self.group is None else (self.group,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        yield Entry("BLOBS", self.name, None, owner=self.owner, had_dumper=True)


def read_large_objects(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All large objects, and their contents.

    :raises PrivilegeError: the connected user may not read some.
    """
    if not catalog.chosen.selection.takes_large_objects:
        return
    shared: dict[tuple[str | None, ...], Privileges] = {}
    groups: list[tuple[str, Privileges, list[int]]] = []
    last: tuple[str | None, ...] = ()
    for oid, owner, acl, default in catalog.session.query(_QUERY):
        # There may be very many, most with equal privileges.
        if (acl, default) not in shared:
            shared[acl, default] = Privileges.parse(acl, default)
        if (owner, acl) != last or len(groups[-1][2]) == _LARGEST_GROUP:
            groups.append((owner or "", shared[acl, default], []))
            last = (owner, acl)
        groups[-1][2].append(int(oid or 0))
    if groups:
        _check_readable(catalog.session)
        yield from _in_groups(catalog, groups) if catalog.groups_large_objects else _one_by_one(groups)


def _one_by_one(groups: t.Iterable[tuple[str, Privileges, list[int]]]) -> t.Iterator[DatabaseObject]:
    every: list[int] = []
    for owner, privileges, oids in groups:
        every += oids
        for oid in oids:
            yield LargeObject(Key(CatalogOid.PG_LARGEOBJECT, oid), "", str(oid), owner, privileges)
    yield LargeObjectContents(Key(-Priority.LARGE_OBJECT_DATA, 0), "", "BLOBS", tuple(sorted(every)))


def _in_groups(catalog: Catalog, groups: t.Iterable[tuple[str, Privileges, list[int]]]) -> t.Iterator[DatabaseObject]:
    for owner, privileges, oids in groups:
        key = Key(CatalogOid.PG_LARGEOBJECT, oids[0])
        name = str(oids[0]) if len(oids) == 1 else f"{oids[0]}..{oids[-1]}"
        for oid in oids[1:]:
            catalog.aliases[Key(CatalogOid.PG_LARGEOBJECT, oid)] = key
        yield LargeObjectGroup(key, "", name, owner, privileges, tuple(oids))
        contents = Key(-Priority.LARGE_OBJECT_DATA, oids[0])
        yield LargeObjectContents(contents, "", name, tuple(oids), owner, key)


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
