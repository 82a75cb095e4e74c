# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Libraries of JavaScript code (MySQL 9.2 and later), which routines can use."""

from __future__ import annotations

from .. import quoting
from ..session import Session
from .stored_programs import StoredProgram, read_program


def knows_libraries(session: Session) -> bool:
    """Whether the server has libraries at all."""
    return bool(
        session.query(
            "SELECT 1 FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'LIBRARIES'"
        )
    )


def read_libraries(session: Session, database: str) -> tuple[StoredProgram, ...]:
    """Every library of a database by name; none where the server knows no libraries.

    :raises PrivilegeError: the text of one is hidden from the user.
    """
    if not knows_libraries(session):
        return ()
    names = session.query(
        f"SELECT LIBRARY_NAME FROM information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = {quoting.literal(database)}"
    )
    with session.stored_character_sets():
        return tuple(
            read_program(session, "library", name or "", missing="SHOW_ROUTINE ON *.*") for (name,) in sorted(names)
        )
