# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether rows of the tables as they are now can be undone: engines, triggers, foreign keys."""

from __future__ import annotations

import typing as t

from ...errors import PrivilegeError, UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ..privileges import may_see_triggers
from ..quoting import identifier, literal
from ..session import Session
from .live_table import LiveTable, read_live_table
from .transactions import RowCounts

_LEAVES_ALONE = frozenset(("RESTRICT", "NO ACTION"))


TableName = tuple[str, str]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key that a table to be undone has, or that points at it.

    :param columns: of the child, each with the one of the parent that it points at.
    """

    child: TableName
    parent: TableName
    columns: tuple[tuple[str, str], ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True)
class Target:
    """A table whose rows are to be undone.

    :param overwrites: rows whose unique values stay can be given the others back in one statement for many.
    """

    table: LiveTable
    foreign_keys: tuple[ForeignKey, ...]
    overwrites: bool


def read_targets(
    session: Session,
    tables: t.Mapping[TableName, RowCounts],
    *,
    fire_triggers: bool,
    ignore_cascades: bool,
) -> dict[TableName, Target]:
    """Read the tables' definitions and make sure that undoing changes these rows and nothing else.

    :param tables: what was done to the rows of each.
    :raises NotFoundError: a table is gone.
    :raises PrivilegeError: the user cannot see whether there are triggers.
    :raises UnsupportedObjectError: a table cannot be undone; says why and what helps.
    """
    transactional = {
        name
        for name, found in session.query("SELECT ENGINE, TRANSACTIONS FROM information_schema.ENGINES")
        if found == "YES"
    }
    found: dict[TableName, Target] = {}
    for (database, name), counts in tables.items():
        table = read_live_table(session, database, name)
        if table.kind == "SEQUENCE":
            # It goes on counting: what it has given out is given out.
            continue
        _check_kind(table, transactional)
        triggers = _triggers(session, table)
        firing = [label for label, event in triggers if _fires(event, counts)]
        if firing and not fire_triggers:
            raise UnsupportedObjectError(
                f"{table.name} has triggers that undoing would fire: {', '.join(firing)}",
                hint="what they did to other tables is in the log as rows of their own, and would be done once more; "
                "drop them for as long as it takes, or ask for them to be fired",
                objects=firing,
            )
        keys = _foreign_keys(session, table)
        logged = session.variables.get("innodb_native_foreign_keys") == "OFF"
        for key in keys if not ignore_cascades else ():
            _check_cascade(key, table, counts, is_logged=logged, is_chosen=key.child in tables)
        has_more = 0 < len(table.key) < len(table.written)
        found[database, name] = Target(table, keys, overwrites=table.unique is not None and has_more and not triggers)
    return found


def _check_kind(table: LiveTable, transactional: t.Collection[str | None]) -> None:
    if table.kind != "BASE TABLE":
        raise UnsupportedObjectError(
            f"{table.name} is a {table.kind.lower()} table, whose rows' history the server itself keeps",
            hint="query it FOR SYSTEM_TIME AS OF the moment before, or restore to that moment",
            objects=[table.name],
        )
    if table.engine not in transactional:
        raise UnsupportedObjectError(
            f"{table.name} is stored by {table.engine}, which has no transactions: half of an undo would stay",
            hint="restore to a moment before the mistake, or convert the table to InnoDB",
            objects=[table.name],
        )


def _triggers(session: Session, table: LiveTable) -> list[tuple[str, str]]:
    """Names and events of the table's triggers."""
    if not may_see_triggers(session, table.database):
        raise PrivilegeError(
            f"the user cannot see whether {table.name} has triggers",
            hint=f"GRANT TRIGGER ON {identifier(table.database)}.* TO the user",
        )
    rows = session.query(
        "SELECT TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS "
        f"WHERE EVENT_OBJECT_SCHEMA = {literal(table.database)} AND EVENT_OBJECT_TABLE = {literal(table.table)}"
    )
    return [(name or "", event or "") for name, event in rows]


def _fires(event: str, done: RowCounts) -> bool:
    """Whether undoing what was done runs statements of that kind."""
    return bool(
        ("INSERT" in event and done.deleted)
        or ("UPDATE" in event and done.updated)
        or ("DELETE" in event and done.inserted)
    )


def _foreign_keys(session: Session, table: LiveTable) -> tuple[ForeignKey, ...]:
    place = f"({literal(table.database)}, {literal(table.table)})"
    rows = session.query(
        "SELECT k.CONSTRAINT_SCHEMA, k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.REFERENCED_TABLE_SCHEMA, "
        "k.REFERENCED_TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE "
        "FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r "
        "ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
        "AND r.TABLE_NAME = k.TABLE_NAME "
        f"WHERE (k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME) = {place} "
        f"OR ((k.TABLE_SCHEMA, k.TABLE_NAME) = {place} AND k.REFERENCED_TABLE_NAME IS NOT NULL) "
        "ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"
    )
    keys: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for row in rows:
        text = tuple(value or "" for value in row)
        keys.setdefault((*text[:6], *text[8:]), []).append((text[6], text[7]))
    return tuple(
        ForeignKey((key[2], key[3]), (key[4], key[5]), tuple(columns), on_delete=key[6], on_update=key[7])
        for key, columns in keys.items()
    )


def _check_cascade(key: ForeignKey, table: LiveTable, done: RowCounts, *, is_logged: bool, is_chosen: bool) -> None:
    """Refuse where the storage engine may have changed rows of another table with this one's, which it does not log.

    :param is_logged: this server does that in a layer above the engine, as MySQL can since 9.6, and logs it.
    """
    if key.parent != (table.database, table.table) or (is_logged and is_chosen):
        return
    if done.deleted and key.on_delete not in _LEAVES_ALONE:
        rule = f"ON DELETE {key.on_delete}"
    elif done.updated and key.on_update not in _LEAVES_ALONE:
        rule = f"ON UPDATE {key.on_update}"
    else:
        return
    child = ".".join(key.child)
    raise UnsupportedObjectError(
        f"rows of {child} may have been changed with those of {table.name} by a foreign key ({rule})",
        hint=f"choose {child} too, whose rows the server has logged"
        if is_logged
        else f"the server does not log that: bring what is missing in {child} back from a backup, and ask for cascades "
        "to be ignored",
        objects=[child],
    )
