# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the connected user must be allowed to read, checked before anything is locked or written."""

from __future__ import annotations

from ..errors import PrivilegeError
from .data_relations import HOLDS_DATA
from .session import Session

_UNREADABLE = f"""
    SELECT n.nspname || '.' || c.relname, CASE WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S') AND {HOLDS_DATA}
      AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND
               CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                              ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)
    ORDER BY c.relkind = 'S', n.nspname, c.relname
"""
_FILTERED = f"""
    SELECT n.nspname || '.' || c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND {HOLDS_DATA}
      AND pg_catalog.row_security_active(c.oid)
    ORDER BY n.nspname, c.relname
"""
_SHOWN = 10


def check_readable(session: Session) -> None:
    """Refuse a user who cannot read everything.

    :raises PrivilegeError: tables or sequences without SELECT, or tables whose policies hide rows from this user.
    """
    user = session.value("SELECT current_user") or ""
    unreadable = [f"{kind} {name}" for name, kind in session.rows(_UNREADABLE)]
    if unreadable:
        raise PrivilegeError(
            f"user {user!r} may not read {_listed(unreadable)}",
            hint="grant SELECT on them and USAGE on their schemas (or pg_read_all_data), or connect as their owner",
            objects=unreadable,
            user=user,
        )
    filtered = [name for (name,) in session.rows(_FILTERED)]
    if filtered:
        raise PrivilegeError(
            f"row security would hide rows of {_listed(filtered)} from user {user!r}",
            hint="connect as the tables' owner, a superuser or a role with BYPASSRLS",
            objects=filtered,
            user=user,
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
