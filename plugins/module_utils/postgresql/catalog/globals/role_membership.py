# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Memberships: which role is granted to which, with which options, by whom."""

from __future__ import annotations

import itertools
import typing as t

from ....errors import ConsistencyError
from ....lazy_dataclass import dataclass
from ...quoting import identifier
from .base import BOOTSTRAP_SUPERUSER_OID, GlobalCatalog, GlobalObject

_QUERY = """
    SELECT r.rolname, a.roleid, m.rolname, a.member, g.rolname, a.grantor, a.admin_option, {options}
    FROM pg_catalog.pg_auth_members a
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.roleid
    LEFT JOIN pg_catalog.pg_roles m ON m.oid = a.member
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
    WHERE (r.rolname ~ '^pg_' AND m.rolname ~ '^pg_') IS NOT TRUE
    ORDER BY r.rolname NULLS FIRST, m.rolname, g.rolname
"""


@dataclass(frozen=True)
class RoleMembership(GlobalObject):
    """One grant of a role.

    :param name: the role that is granted.
    :param grantor: empty where nobody knows: before 16 the servers did not keep it right.
    :param inherit: ``None`` before 16, where it is an attribute of the member.
    :param set_role: whether the member may become the role; always before 16.
    """

    member: str
    grantor: str
    by_bootstrap_superuser: bool
    admin: bool
    inherit: bool | None
    set_role: bool

    kind = "role membership"

    def statements(self) -> t.Iterator[str]:
        options = ["ADMIN OPTION"] if self.admin else []
        if self.inherit is not None:
            options.append(f"INHERIT {'TRUE' if self.inherit else 'FALSE'}")
        if not self.set_role:
            options.append("SET FALSE")
        listed = f" WITH {', '.join(options)}" if options else ""
        grantor = f" GRANTED BY {identifier(self.grantor)}" if self.grantor else ""
        yield f"GRANT {identifier(self.name)} TO {identifier(self.member)}{listed}{grantor};\n"


def read_role_memberships(catalog: GlobalCatalog) -> t.Iterator[RoleMembership]:
    """By the names of the granted roles; a grantor's own grant comes before those that it makes.

    :raises ConsistencyError: the grants of a role rest on each other in a circle.
    """
    grants = list(_read(catalog))
    for role, of_role in itertools.groupby(grants, key=lambda grant: grant.name):
        yield from _in_order(role, list(of_role))


def _read(catalog: GlobalCatalog) -> t.Iterator[RoleMembership]:
    modern = catalog.version >= 160000
    options = "a.inherit_option, a.set_option" if modern else "NULL, 't'"
    for row in catalog.session.query(_QUERY.format(options=options)):
        role, role_oid, member, member_oid, grantor, grantor_oid, admin, inherit, set_role = row
        if role is None or member is None:
            # Old servers let a role go that another one was still granted to.
            gone = role_oid if role is None else member_oid
            what = f"to {member!r}" if member else f"of {role!r}" if role else "of another such role"
            catalog.warnings.append(f"a grant {what} is left out: its other role, with the OID {gone}, does not exist")
            continue
        if modern and grantor is None:
            catalog.warnings.append(
                f"the grant of {role!r} to {member!r} is written without its grantor: the role with the OID "
                f"{grantor_oid} does not exist"
            )
        yield RoleMembership(
            name=role,
            member=member,
            grantor=(grantor or "") if modern else "",
            by_bootstrap_superuser=grantor_oid == BOOTSTRAP_SUPERUSER_OID,
            admin=admin == "t",
            inherit=inherit == "t" if modern else None,
            set_role=set_role == "t",
        )


def _in_order(role: str, grants: list[RoleMembership]) -> t.Iterator[RoleMembership]:
    """In passes, each of which writes what rests on nothing, or on a grant that an earlier one has written."""
    may_grant: set[str] = set()
    while grants:
        waiting: list[RoleMembership] = []
        for grant in grants:
            if grant.grantor and not grant.by_bootstrap_superuser and grant.grantor not in may_grant:
                waiting.append(grant)
                continue
            if grant.admin:
                may_grant.add(grant.member)
            yield grant
        if len(waiting) == len(grants):
            raise ConsistencyError(
                f"the grants of role {role!r} rest on each other in a circle: no order of them can be restored",
                hint="look into pg_auth_members; revoke one of them",
                members=[grant.member for grant in waiting],
            )
        grants = waiting
