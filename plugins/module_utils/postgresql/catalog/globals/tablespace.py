# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Tablespaces."""

from __future__ import annotations

import typing as t

from ....lazy_dataclass import dataclass
from ...quoting import escape_literal, identifier
from ..acl import Privileges, privilege_statements
from .base import GlobalCatalog, GlobalObject, comment_statement, label_statements

_PG_TABLESPACE = 1213
_QUERY = """
    SELECT oid, spcname, pg_catalog.pg_get_userbyid(spcowner), pg_catalog.pg_tablespace_location(oid), spcacl,
           pg_catalog.acldefault('t', spcowner), pg_catalog.array_to_string(spcoptions, ', '),
           pg_catalog.shobj_description(oid, 'pg_tablespace')
    FROM pg_catalog.pg_tablespace
    WHERE spcname !~ '^pg_'
    ORDER BY oid
"""


@dataclass(frozen=True)
class Tablespace(GlobalObject):
    """A tablespace that was added to the server's own two.

    :param location: its folder on the server; empty where it lies inside the data folder.
    :param options: as they stand between the brackets of ``SET (…)``.
    """

    owner: str
    location: str
    options: str
    privileges: Privileges
    comment: str | None
    labels: tuple[tuple[str, str], ...]

    kind = "tablespace"

    def statements(self) -> t.Iterator[str]:
        name = identifier(self.name)
        yield f"CREATE TABLESPACE {name} OWNER {identifier(self.owner)} LOCATION {escape_literal(self.location)};\n"
        if self.options:
            yield f"ALTER TABLESPACE {name} SET ({self.options});\n"
        granted = privilege_statements(self.privileges, word="TABLESPACE", name=name, owner=self.owner)
        if granted:
            yield granted
        yield from comment_statement("TABLESPACE", self.name, self.comment)
        yield from label_statements("TABLESPACE", self.name, self.labels)


def is_in_place(location: str) -> bool:
    """Whether a tablespace lies inside the data folder, where its path is another one on every server."""
    return location == "" or location.startswith("pg_tblspc/")


def read_tablespaces(catalog: GlobalCatalog) -> t.Iterator[Tablespace]:
    """In the order in which they were made, which is pg_dumpall's."""
    for oid, name, owner, location, acl, default, options, comment in catalog.session.query(_QUERY):
        yield Tablespace(
            name=name or "",
            owner=owner or "",
            location="" if location is None or is_in_place(location) else location,
            options=options or "",
            privileges=Privileges.parse(acl, default),
            comment=comment,
            labels=catalog.labels(_PG_TABLESPACE, oid or ""),
        )
