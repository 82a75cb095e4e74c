# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Settings that hold for a role, or for all roles, in every database. Those of one database belong to that database."""

from __future__ import annotations

import typing as t

from ....lazy_dataclass import dataclass
from ...quoting import escape_literal, identifier, parse_array
from ..setting import setting_sql
from .base import GlobalCatalog, GlobalObject

_QUERY = """
    SELECT coalesce(r.rolname, ''), s.setrole, s.setconfig
    FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
    WHERE s.setdatabase = 0
    ORDER BY r.rolname NULLS FIRST
"""


@dataclass(frozen=True)
class RoleSettings(GlobalObject):
    """The settings of one role, or (with an empty name) of all roles, which pg_dumpall forgets.

    :param settings: ``name=value``, in the order in which they were made.
    """

    settings: tuple[str, ...]

    kind = "role settings"

    def statements(self) -> t.Iterator[str]:
        role = identifier(self.name) if self.name else "ALL"
        for item in self.settings:
            yield f"ALTER ROLE {role} SET {setting_sql(item, quote=escape_literal)};\n"


def read_role_settings(catalog: GlobalCatalog) -> t.Iterator[RoleSettings]:
    """By the names of the roles; what holds for all comes first."""
    for role, oid, settings in catalog.session.rows(_QUERY):
        # The server removes a role's settings together with the role.
        if role or oid == "0":
            yield RoleSettings(role, parse_array(settings))
