# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A server's globals read at one moment, and as the script that pg_dumpall --globals-only writes."""

from __future__ import annotations

import collections
import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from ..catalog.globals.base import GlobalCatalog, GlobalObject
from ..catalog.globals.parameter_privileges import read_parameter_privileges
from ..catalog.globals.role import read_roles
from ..catalog.globals.role_membership import read_role_memberships
from ..catalog.globals.role_setting import read_role_settings
from ..catalog.globals.tablespace import read_tablespaces
from ..dump_settings import apply_dump_settings
from ..session import Session
from ..snapshot import Snapshot, describe_snapshot

#: The kinds in the order in which they need each other, each with its heading in the script.
_KINDS: tuple[tuple[str, t.Callable[[GlobalCatalog], t.Iterable[GlobalObject]]], ...] = (
    ("Roles", read_roles),
    ("User Configurations", read_role_settings),
    ("Role memberships", read_role_memberships),
    ("Role privileges on configuration parameters", read_parameter_privileges),
    ("Tablespaces", read_tablespaces),
)


@dataclass(frozen=True)
class Globals:
    """A server's globals at one moment.

    :param sections: heading and objects, in the script's order.
    :param encoding: of all names and texts in them, which are decoded as ``text.py`` does it.
    """

    sections: tuple[tuple[str, tuple[GlobalObject, ...]], ...]
    encoding: str
    snapshot: Snapshot
    warnings: tuple[str, ...]

    def names(self, kind: str) -> frozenset[str]:
        """The names of all objects of a kind."""
        return frozenset(one.name for _title, objects in self.sections for one in objects if one.kind == kind)

    def counts(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        kinds = collections.Counter(one.kind for _title, objects in self.sections for one in objects)
        return dict(sorted(kinds.items()))

    def script(self) -> str:
        """The statements, under the headings that pg_dumpall gives them."""
        parts = [
            "--\n-- PostgreSQL database cluster dump\n--\n\n",
            "SET default_transaction_read_only = off;\n\n",
            f"SET client_encoding = '{self.encoding}';\nSET standard_conforming_strings = on;\n",
        ]
        for title, objects in self.sections:
            if objects:
                parts.append(f"\n--\n-- {title}\n--\n\n")
                parts.extend(statement for one in objects for statement in one.statements())
        parts.append("\n--\n-- PostgreSQL database cluster dump complete\n--\n")
        return "".join(parts)


def read_globals(session: Session, *, passwords: bool = True) -> Globals:
    """Read everything in one transaction of its own.

    :param session: in no transaction; its settings are changed.
    :param passwords: read the roles' stored passwords, which need SELECT on ``pg_authid``.
    :raises PrivilegeError: the user may not read them.
    :raises ConsistencyError: the memberships contradict themselves.
    """
    if passwords:
        _check_passwords(session)
    apply_dump_settings(session)
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        catalog = GlobalCatalog(session, roles="pg_authid" if passwords else "pg_roles")
        return Globals(
            sections=tuple((title, tuple(read(catalog))) for title, read in _KINDS),
            encoding=session.parameter("client_encoding"),
            snapshot=describe_snapshot(session),
            warnings=tuple(catalog.warnings),
        )
    finally:
        if session.in_transaction:
            session.execute("ROLLBACK")


def _check_passwords(session: Session) -> None:
    if session.value("SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')") == "t":
        return
    user = session.value("SELECT current_user")
    raise PrivilegeError(
        f"user {user!r} may not read pg_authid, where the roles' passwords are",
        hint="connect as a superuser, grant SELECT on pg_authid, or leave the passwords out with no_role_passwords",
        objects=["table pg_catalog.pg_authid"],
        user=user,
    )
