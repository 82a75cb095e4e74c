# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Operator classes."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .operator_members import member_list, read_members

_QUERY = """
    SELECT c.oid, c.opcname, c.opcnamespace, pg_catalog.pg_get_userbyid(c.opcowner), a.amname,
           pg_catalog.format_type(c.opcintype, NULL),
           CASE WHEN c.opckeytype <> 0 THEN pg_catalog.format_type(c.opckeytype, NULL) END, c.opcdefault,
           n.nspname, f.opfname
    FROM pg_catalog.pg_opclass c
    JOIN pg_catalog.pg_am a ON a.oid = c.opcmethod
    JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
    JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
    WHERE c.oid >= 16384
"""


@dataclass(frozen=True)
class OperatorClass(DatabaseObject):
    """An operator class.

    :param access_method: its name.
    :param input: the type that it is for, as SQL.
    :param storage: the type that the index keeps, as SQL; empty where it is the same.
    :param family: its family, as SQL.
    :param members: as SQL.
    """

    owner: str
    access_method: str
    input: str
    storage: str
    is_default: bool
    family: str
    members: tuple[str, ...]

    kind = "operator class"
    priority = Priority.OPERATOR_FAMILY

    def natural_order(self) -> tuple[t.Any, ...]:
        # Classes come before families of the same name.
        return (0, self.access_method)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        using = f"USING {identifier(self.access_method)}"
        default = "DEFAULT " if self.is_default else ""
        members = [f"STORAGE {self.storage}"] if self.storage else []
        # The statement needs one item at least; that the index keeps the input type goes without saying.
        body = [*members, *self.members] or [f"STORAGE {self.input}"]
        statement = (
            f"CREATE OPERATOR CLASS {name}\n"
            f"    {default}FOR TYPE {self.input} {using} FAMILY {self.family} AS\n"
            f"    {member_list(body)};\n"
        )
        yield Entry("OPERATOR CLASS", self.name, statement, f"DROP OPERATOR CLASS {name} {using};\n", self.owner)
        yield from definitions.catalog.comment_entry(
            self.key, "OPERATOR CLASS", f"{identifier(self.name)} {using}", owner=self.owner, schema=self.schema
        )


def read_operator_classes(catalog: Catalog) -> t.Iterator[OperatorClass]:
    """All operator classes that users made."""
    members = read_members(catalog)
    for oid, name, schema, owner, method, kind, storage, default, family_schema, family in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_OPCLASS, int(oid))
        if catalog.includes(key, int(schema)):
            yield OperatorClass(
                key, catalog.schemas[int(schema)], name, owner, method, kind, storage, default == "t",
                qualified(family_schema, family), tuple(members.get(key, ())),
            )  # fmt: skip
