# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Triggers, in the order in which those of one table, event and time fire."""

from __future__ import annotations

from .. import quoting
from ..session import Session
from .stored_programs import StoredProgram, read_program


def read_triggers(session: Session, database: str) -> dict[str, tuple[StoredProgram, ...]]:
    """The triggers of a database by the table they are on.

    :raises PrivilegeError: the text of one is hidden from the user.
    """
    rows = session.query(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS "
        f"WHERE TRIGGER_SCHEMA = {quoting.literal(database)} "
        "ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER"
    )
    found: dict[str, list[StoredProgram]] = {}
    with session.stored_character_sets():
        for name, table in rows:
            program = read_program(session, "trigger", name or "", missing="TRIGGER on the database", table=table or "")
            found.setdefault(table or "", []).append(program)
    return {table: tuple(programs) for table, programs in found.items()}
