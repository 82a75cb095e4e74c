# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which databases and tables a replay applies, and what that says about a logged statement."""

from __future__ import annotations

import typing as t

from ...errors import UsageError
from ...lazy_dataclass import dataclass
from .statement_objects import DATABASE, PROGRAM, SERVER, SESSION, StatementObjects, statement_objects

APPLY, LEAVE_OUT, UNSURE = "apply", "leave out", "unsure"

#: A longer statement is not taken apart.
LONGEST_STATEMENT = 4 << 20
_ANSI_QUOTES, _NO_BACKSLASH_ESCAPES = 1 << 2, 1 << 20
#: Collations of big5, sjis, gbk, cp932 and gb18030, in which a backslash can be half of a character.
_WITH_BACKSLASH_INSIDE = frozenset((1, 84, 13, 88, 28, 87, 95, 96, 248, 249, 250))


@dataclass(frozen=True)
class Choice:
    """The databases and tables that are applied, by their names in the binlog; empty for all of them.

    :param tables: as ``database.table``.
    """

    databases: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    exclude_databases: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        return not (self.databases or self.tables or self.exclude_databases or self.exclude_tables)


EVERYTHING = Choice()


class Chooser:
    """Decides by a :class:`Choice`.

    :raises UsageError: a table's name cannot be understood.
    """

    def __init__(self, choice: Choice) -> None:
        self._databases = frozenset(choice.databases)
        self._tables = frozenset(map(_table, choice.tables))
        self._not_databases = frozenset(choice.exclude_databases)
        self._not_tables = frozenset(map(_table, choice.exclude_tables))
        self._includes = bool(self._databases or self._tables)

    def has_table(self, database: str, table: str) -> bool:
        """Whether a table's rows are applied."""
        if database in self._not_databases or (database, table) in self._not_tables:
            return False
        return not self._includes or database in self._databases or (database, table) in self._tables

    def has_database(self, database: str) -> bool | None:
        """Whether everything in a database is applied; ``None`` for a part of it."""
        if database in self._not_databases:
            return False
        if any(of == database for of, _table in self._not_tables):
            return None
        if not self._includes or database in self._databases:
            return True
        return None if any(of == database for of, _table in self._tables) else False

    def of_statement(self, text: bytes, database: str, variables: t.Mapping[str, str], updated: t.Sequence[str]) -> str:
        """:data:`APPLY`, :data:`LEAVE_OUT`, or :data:`UNSURE` where neither is right or its text is not understood.

        :param database: the session's.
        :param variables: the session's, as :func:`.query_context.session_assignments` has them.
        :param updated: the databases that the server says it changes; empty where it does not say.
        """
        if not is_readable(text, variables):
            return UNSURE
        objects = statement_objects(text, database)
        if objects is None:
            return UNSURE
        answer = self._of_objects(objects)
        opposite = answer != APPLY
        if answer != UNSURE and objects.kind != SERVER and any(self.has_database(one) is opposite for one in updated):
            # A trigger or a function changes another database.
            return UNSURE
        return answer

    def _of_objects(self, objects: StatementObjects) -> str:
        if objects.kind == SESSION:
            return APPLY
        if objects.kind == SERVER:
            # Accounts and the like are of no database.
            return LEAVE_OUT if self._includes else APPLY
        if objects.kind == DATABASE:
            chosen = self.has_database(objects.database)
            if chosen is None:
                return UNSURE if objects.verb == "DROP" else APPLY
            return APPLY if chosen else LEAVE_OUT
        if objects.kind == PROGRAM:
            chosen = self.has_database(objects.database)
            if chosen is None:
                # Where some tables are named it is none of them, where some are excluded it is not one of those.
                chosen = not self._includes or objects.database in self._databases
            return APPLY if chosen else LEAVE_OUT
        answers = {self.has_table(name.database, name.name) for name in objects.tables}
        if len(answers) > 1:
            return UNSURE
        return APPLY if answers == {True} else LEAVE_OUT


def is_readable(text: bytes, variables: t.Mapping[str, str]) -> bool:
    """Whether a statement's text can be taken apart: strings and names end where its session had them end."""
    if len(text) > LONGEST_STATEMENT:
        return False
    mode = int(variables.get("sql_mode") or 0)
    if mode & _ANSI_QUOTES and b'"' in text:
        return False
    if mode & _NO_BACKSLASH_ESCAPES and b"\\" in text:
        return False
    collation = int(variables.get("character_set_client") or 0)
    return collation not in _WITH_BACKSLASH_INSIDE or b"\\" not in text


def _table(name: str) -> tuple[str, str]:
    database, dot, table = name.partition(".")
    if not (database and dot and table):
        raise UsageError(f"{name!r} does not say whose table it is", hint="write database.table")
    return database, table
