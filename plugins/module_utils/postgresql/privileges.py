# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the connected user must be allowed to read, checked before anything is locked or written."""

from __future__ import annotations

import typing as t

from ..errors import PrivilegeError
from .selection.relations import SEQUENCE, DataRelation
from .session import Session

_UNREADABLE = """
    SELECT n.nspname || '.' || c.relname, CASE WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = ANY ($1::oid[])
      AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND
               CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                              ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)
    ORDER BY c.relkind = 'S', n.nspname, c.relname
"""
_FILTERED = """
    SELECT n.nspname || '.' || c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = ANY ($1::oid[]) AND c.relrowsecurity AND pg_catalog.row_security_active(c.oid)
    ORDER BY n.nspname, c.relname
"""
_SHOWN = 10


def check_readable(session: Session, relations: t.Iterable[DataRelation], *, row_security: bool = False) -> None:
    """Refuse a user who cannot read all of what is to be dumped.

    A table that only its definition is dumped of must be readable too, since it is locked.

    :param row_security: rows that policies hide are left out on purpose.
    :raises PrivilegeError: tables or sequences without SELECT, or tables whose policies hide rows from this user.
    """
    needed = [one for one in relations if one.has_data or one.kind != SEQUENCE]
    user = session.value("SELECT current_user") or ""
    unreadable = [f"{kind} {name}" for name, kind in session.rows(_UNREADABLE, (_array(needed),))]
    if unreadable:
        raise PrivilegeError(
            f"user {user!r} may not read {_listed(unreadable)}",
            hint="grant SELECT on them and USAGE on their schemas (or pg_read_all_data), or connect as their owner",
            objects=unreadable,
            user=user,
        )
    if row_security:
        return
    read = [one for one in needed if one.has_data and one.kind != SEQUENCE]
    filtered = [name for (name,) in session.rows(_FILTERED, (_array(read),))]
    if filtered:
        raise PrivilegeError(
            f"row security would hide rows of {_listed(filtered)} from user {user!r}",
            hint="connect as the tables' owner, a superuser or a role with BYPASSRLS",
            objects=filtered,
            user=user,
        )


def _array(relations: t.Iterable[DataRelation]) -> str:
    return "{" + ",".join(str(one.oid) for one in relations) + "}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
