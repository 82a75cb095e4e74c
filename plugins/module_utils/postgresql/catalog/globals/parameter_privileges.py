# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Privileges on configuration parameters (15 and later)."""

from __future__ import annotations

import typing as t

from ....lazy_dataclass import dataclass
from ...quoting import identifier
from ..acl import Privileges, privilege_statements
from .base import BOOTSTRAP_SUPERUSER_OID, GlobalCatalog, GlobalObject

_QUERY = f"""
    SELECT parname, pg_catalog.pg_get_userbyid({BOOTSTRAP_SUPERUSER_OID}), paracl,
           pg_catalog.acldefault('p', {BOOTSTRAP_SUPERUSER_OID})
    FROM pg_catalog.pg_parameter_acl
    ORDER BY parname
"""


@dataclass(frozen=True)
class ParameterPrivileges(GlobalObject):
    """Who may set one parameter.

    :param owner: in whose name they were granted by default.
    """

    owner: str
    privileges: Privileges

    kind = "parameter privileges"

    def statements(self) -> t.Iterator[str]:
        text = privilege_statements(self.privileges, word="PARAMETER", name=identifier(self.name), owner=self.owner)
        if text:
            yield text


def read_parameter_privileges(catalog: GlobalCatalog) -> t.Iterator[ParameterPrivileges]:
    """By the parameters' names."""
    if catalog.version >= 150000:
        for name, owner, acl, default in catalog.session.rows(_QUERY):
            yield ParameterPrivileges(name, owner, Privileges.parse(acl or None, default))
