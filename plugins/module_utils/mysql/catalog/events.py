# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Events of the event scheduler."""

from __future__ import annotations

from .. import quoting
from ..session import Session
from .stored_programs import StoredProgram, read_program


def read_events(session: Session, database: str) -> tuple[StoredProgram, ...]:
    """Every event of a database by name.

    :raises PrivilegeError: the user may not see the database's events.
    """
    names = session.query(
        f"SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {quoting.literal(database)}"
    )
    with session.stored_character_sets():
        return tuple(
            read_program(session, "event", name or "", missing="EVENT on the database") for (name,) in sorted(names)
        )
