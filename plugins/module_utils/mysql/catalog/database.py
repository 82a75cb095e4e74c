# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The database itself: its character set and collation."""

from __future__ import annotations

from ...errors import NotFoundError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session


@dataclass(frozen=True)
class Database:
    """A database's own properties.

    :param character_set: of objects that name none.
    :param collation: the same.
    """

    name: str
    character_set: str
    collation: str


def read_database(session: Session, name: str) -> Database:
    """The database's properties.

    :raises NotFoundError: there is no such database, or the user may not know of it.
    """
    rows = session.query(
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME "
        f"FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {quoting.literal(name)}"
    )
    if not rows:
        raise NotFoundError(f"there is no database {name!r} on {session.address}", hint="check the name", database=name)
    actual_name, character_set, collation = rows[0]
    return Database(actual_name or name, character_set or "", collation or "")


def character_set_of(session: Session, collation: str) -> str:
    """The character set that a collation belongs to."""
    found = session.scalar(
        "SELECT CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY "
        f"WHERE COLLATION_NAME = {quoting.literal(collation)} AND CHARACTER_SET_NAME IS NOT NULL"
    )
    # MariaDB's uca1400 collations belong to several character sets; their full names begin with one.
    return found or collation.partition("_")[0]
