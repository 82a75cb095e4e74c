# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Operator families, with the members that belong to none of their classes."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .operator_members import member_list, read_family_needs, read_members

_QUERY = """
    SELECT f.oid, f.opfname, f.opfnamespace, pg_catalog.pg_get_userbyid(f.opfowner), a.amname
    FROM pg_catalog.pg_opfamily f JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
    WHERE f.oid >= 16384
"""


@dataclass(frozen=True)
class OperatorFamily(DatabaseObject):
    """An operator family.

    :param access_method: its name.
    :param members: as SQL.
    :param needs: what the members must come after.
    """

    owner: str
    access_method: str
    members: tuple[str, ...]
    needs: tuple[Key, ...]

    kind = "operator family"
    priority = Priority.OPERATOR_FAMILY

    def natural_order(self) -> tuple[t.Any, ...]:
        return (1, self.access_method)

    def edges(self) -> t.Iterable[Key]:
        return self.needs

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        using = f"USING {identifier(self.access_method)}"
        target = f"{qualified(self.schema, self.name)} {using}"
        statement = f"CREATE OPERATOR FAMILY {target};\n"
        if self.members:
            statement += f"ALTER OPERATOR FAMILY {target} ADD\n    {member_list(self.members)};\n"
        yield Entry("OPERATOR FAMILY", self.name, statement, f"DROP OPERATOR FAMILY {target};\n", self.owner)
        yield from definitions.catalog.comment_entry(
            self.key, "OPERATOR FAMILY", f"{identifier(self.name)} {using}", owner=self.owner, schema=self.schema
        )


def read_operator_families(catalog: Catalog) -> t.Iterator[OperatorFamily]:
    """All operator families that users made, also those that came with an operator class."""
    members, needs = read_members(catalog), read_family_needs(catalog)
    for oid, name, schema, owner, method in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_OPFAMILY, int(oid))
        if catalog.includes(key, int(schema)):
            own, needed = tuple(members.get(key, ())), tuple(needs.get(key, ()))
            yield OperatorFamily(key, catalog.schemas[int(schema)], name, owner, method, own, needed)
