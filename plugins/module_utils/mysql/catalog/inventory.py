# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Everything that a database holds, and the refusal by name of what cannot be dumped."""

from __future__ import annotations

import sys
import typing as t

from ...errors import UnsupportedObjectError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session
from .columns import KNOWN_TYPES
from .libraries import knows_libraries
from .routines import KINDS
from .tables import Table

_TABLE_TYPES = frozenset({"BASE TABLE", "VIEW", "SYSTEM VERSIONED", "SEQUENCE"})


class Item(t.NamedTuple):
    """One object.

    :param when: when it was created or changed as the server says, else empty; of a ``view text`` the text.
    :param table: of triggers the table they are on, else empty.
    """

    kind: str
    name: str
    when: str
    table: str = ""


@dataclass(frozen=True)
class Inventory:
    """Names and change times of all objects: equal inventories mean that no definition changed in between.

    :param objects: sorted.
    """

    objects: tuple[Item, ...]

    def names(self, kind: str) -> tuple[str, ...]:
        """The names of the objects of one kind."""
        return tuple(one.name for one in self.objects if one.kind == kind)

    def changes(self, other: Inventory) -> tuple[str, ...]:
        """What differs, as ``kind name``."""
        # Both may have very many.
        if self == other:
            return ()
        return tuple(sorted({f"{one.kind} {one.name}" for one in set(self.objects) ^ set(other.objects)}))


def read_inventory(session: Session, database: str) -> Inventory:
    """All objects of a database that the user can see.

    Tables have no time here: a change of their definition makes the snapshot's read of them fail by itself.
    """
    schema = quoting.literal(database)
    found: list[Item] = []
    found += _items(
        session,
        f"SELECT LOWER(TABLE_TYPE), TABLE_NAME, '' FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}",
    )
    found += _items(
        session,
        "SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME, LAST_ALTERED FROM information_schema.ROUTINES "
        f"WHERE ROUTINE_SCHEMA = {schema}",
    )
    found += _items(
        session,
        "SELECT 'trigger', TRIGGER_NAME, COALESCE(CREATED, ''), EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS "
        f"WHERE TRIGGER_SCHEMA = {schema}",
    )
    found += _items(
        session,
        f"SELECT 'event', EVENT_NAME, LAST_ALTERED FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema}",
    )
    found += _items(
        session,
        f"SELECT 'view text', TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {schema}",
    )
    if knows_libraries(session):
        found += _items(
            session,
            "SELECT 'library', LIBRARY_NAME, LAST_ALTERED FROM information_schema.LIBRARIES "
            f"WHERE LIBRARY_SCHEMA = {schema}",
        )
    found.sort()
    return Inventory(tuple(found))


def _items(session: Session, statement: str) -> t.Iterator[Item]:
    for kind, name, *more in session.each(statement):
        # Of very many objects the kinds are few, and other lists of them hold the same names.
        yield Item(sys.intern(kind or ""), sys.intern(name or ""), *(value or "" for value in more))


def refuse_unsupported(session: Session, database: str, tables: t.Sequence[Table]) -> None:
    """Fail if the database holds anything that a dump would leave out.

    :raises UnsupportedObjectError: names all of it.
    """
    schema = quoting.literal(database)
    found = [
        f"{(kind or '').lower()} {name}"
        for kind, name in session.query(
            f"SELECT TABLE_TYPE, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}"
        )
        if kind not in _TABLE_TYPES
    ]
    found += [
        f"{(kind or '').lower()} {name}"
        for kind, name in session.query(
            f"SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema}"
        )
        if (kind or "").lower() not in KINDS
    ]
    found += [
        f"column {table.name}.{column.name} of type {column.column_type}"
        for table in tables
        for column in table.stored_columns
        if column.data_type not in KNOWN_TYPES
    ]
    if found:
        raise UnsupportedObjectError(
            f"the database {database!r} holds objects that cannot be backed up yet: {', '.join(sorted(found))}",
            hint="nothing was written; drop them or back them up by other means",
            objects=sorted(found),
        )
