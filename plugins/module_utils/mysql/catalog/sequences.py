# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""MariaDB's sequences with where each stands."""

from __future__ import annotations

import re

from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session

# As the server shows a DEFAULT that uses one: nextval(`database`.`name`).
_USE = re.compile(rb"(?:nextval|lastval|setval)\(`((?:[^`]|``)*)`\.`((?:[^`]|``)*)`")


@dataclass(frozen=True)
class Sequence:
    """A sequence.

    :param definition: CREATE SEQUENCE as the server shows it, in utf8mb4.
    :param next_value: the first value neither handed out nor cached yet; what the server has cached is skipped.
    :param cycle_count: how often it began anew.
    """

    name: str
    definition: bytes
    next_value: int
    cycle_count: int


def read_sequences(session: Session, database: str) -> tuple[Sequence, ...]:
    """Every sequence of a database by name."""
    names = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = {quoting.literal(database)} AND TABLE_TYPE = 'SEQUENCE'"
    )
    return tuple(_sequence(session, name or "") for (name,) in sorted(names))


def _sequence(session: Session, name: str) -> Sequence:
    quoted = quoting.identifier(name)
    with session.stored_character_sets():
        definition = session.query_bytes(f"SHOW CREATE SEQUENCE {quoted}")[0][1]
    state = session.query(f"SELECT next_not_cached_value, cycle_count FROM {quoted}")[0]
    return Sequence(name, definition or b"", int(state[0] or 0), int(state[1] or 0))


def sequences_used(definition: bytes, database: str) -> tuple[str, ...]:
    """The sequences that a table's defaults use, quoted; those of the same database without its name."""
    own = quoting.identifier(database)
    found = set()
    for owner, name in _USE.findall(definition):
        quoted_owner, quoted_name = f"`{owner.decode()}`", f"`{name.decode()}`"
        found.add(quoted_name if quoted_owner == own else f"{quoted_owner}.{quoted_name}")
    return tuple(sorted(found))
