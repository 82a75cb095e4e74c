# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which databases of a server are backed up."""

from __future__ import annotations

from ..errors import NotFoundError
from .name_pattern import NamePattern
from .options import ClusterBackupOptions
from .session import Session

#: The servers' own; each makes them itself.
SYSTEM_DATABASES = frozenset({"information_schema", "performance_schema", "mysql", "sys", "ndbinfo"})


def chosen_databases(session: Session, options: ClusterBackupOptions) -> tuple[str, ...]:
    """Those that are named, in that order, or all but the server's own and those left out, by name.

    :raises NotFoundError: one that is named is not there.
    """
    patterns = [NamePattern(text) for text in options.exclude_databases]
    rows = session.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    there = sorted(name or "" for (name,) in rows)
    missing = [name for name in options.databases if name not in there]
    if missing:
        raise NotFoundError(
            f"there is no database {', '.join(map(repr, missing))} on {session.address}",
            hint="check the names; a user sees only databases that it has a privilege on",
            databases=missing,
        )
    if options.databases:
        return tuple(dict.fromkeys(options.databases))
    return tuple(
        name
        for name in there
        if name.lower() not in SYSTEM_DATABASES and not any(pattern.matches("", name) for pattern in patterns)
    )
