# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Procedures and functions, and MariaDB's packages."""

from __future__ import annotations

from .. import quoting
from ..session import Session
from .stored_programs import StoredProgram, read_program

# In the order they are created: a package before its body; none is checked against another at that time.
KINDS = ("package", "package body", "procedure", "function")


def read_routines(session: Session, database: str) -> tuple[StoredProgram, ...]:
    """Every routine of a database, by kind and name.

    :raises PrivilegeError: the text of one is hidden from the user.
    """
    names = session.query(
        "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES "
        f"WHERE ROUTINE_SCHEMA = {quoting.literal(database)}"
    )
    kinds = [((kind or "").lower(), name or "") for kind, name in names]
    found = sorted((KINDS.index(kind), name) for kind, name in kinds if kind in KINDS)
    missing = missing_privilege(session)
    with session.stored_character_sets():
        return tuple(read_program(session, KINDS[kind], name, missing=missing) for kind, name in found)


def missing_privilege(session: Session) -> str:
    """What to grant so that routines and their texts are visible."""
    known = {(row[0] or "").lower() for row in session.query("SHOW PRIVILEGES")}
    if "show_routine" in known:
        return "SHOW_ROUTINE ON *.*"
    if "show create routine" in known:
        return "SHOW CREATE ROUTINE on the database"
    return "SELECT ON mysql.proc"
