# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finds changes of tables during the backup where the server cannot forbid them (before MySQL 8.0, MariaDB).

A consistent snapshot covers rows, not definitions. The server itself refuses to read a table that was rebuilt since
(error 1412), but not one whose partition was dropped, that got a column at once, or whose rows were replaced by
TRUNCATE (MySQL 5.7) or EXCHANGE PARTITION: it gives other rows, silently. Three observations find these:

- the time at which a table's definition was made, read again when the table is locked against changes by being read;
- the server's counters of ALTER TABLE and TRUNCATE: where they stand still, nothing was exchanged or truncated;
- where they do not, InnoDB's own numbers of the tables, which change when rows are replaced as a whole.
"""

from __future__ import annotations

import re
import sys
import time
import typing as t

from ..errors import ConsistencyError, PrivilegeError
from . import quoting
from .catalog.tables import Table
from .session import Session

_HINT = "run the backup again when no ALTER, DROP, TRUNCATE or EXCHANGE PARTITION is under way"
# The resolution of a definition's time.
_TICK_SECONDS = 1.1


class DefinitionWatch:
    """What the tables are like before the snapshot is opened, to be compared with later.

    :param database: its name.
    """

    def __init__(self, session: Session, database: str) -> None:
        self._session = session
        self._database = database
        self._made = self._definition_times()
        if self._any_is_young():
            # A change within the same second would go unseen.
            time.sleep(_TICK_SECONDS)
            self._made = self._definition_times()
        self._counters = self._read_counters()
        self._numbers = self._read_numbers()

    def check(self, table: Table) -> None:
        """See :func:`check_definition`."""
        check_definition(self._session, self._database, table, self.made(table))

    def made(self, table: Table) -> str | None:
        """When the table's definition was made, as the server said before the snapshot."""
        return self._made.get(table.name)

    def finish(self, tables: t.Sequence[Table], read_empty: t.Collection[str]) -> None:
        """Fail if rows of a table may have been replaced as a whole after the snapshot and before they were read.

        :param read_empty: the tables in which no row was found.
        :raises ConsistencyError: they were, or it cannot be told.
        """
        counters = self._read_counters()
        altered = counters["com_alter_table"] != self._counters["com_alter_table"]
        truncated = counters["com_truncate"] != self._counters["com_truncate"]
        has_partitions = any(table.is_partitioned for table in tables)
        if not (altered and has_partitions) and not (truncated and read_empty):
            return
        if self._numbers is None:
            raise ConsistencyError(
                "ALTER TABLE or TRUNCATE ran on the server during the backup, and without the PROCESS privilege it "
                f"cannot be told whether it was on a table of {self._database!r}",
                hint="GRANT PROCESS ON *.* TO the user, or run the backup when no such statement is under way",
            )
        changed = set((self._read_numbers() or {}).items()) ^ set(self._numbers.items())
        names = sorted({_table_of(name) for name, _number in changed if "#p#" in name.casefold()})
        names += sorted({_table_of(name) for name, _number in changed} & set(read_empty))
        if names:
            raise ConsistencyError(
                f"rows were truncated or exchanged during the backup: {', '.join(names)}", hint=_HINT, objects=names
            )

    def _definition_times(self) -> dict[str, str | None]:
        rows = self._session.each(
            "SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES "
            f"WHERE TABLE_SCHEMA = {quoting.literal(self._database)}"
        )
        # Very many tables are often made within few seconds.
        return {sys.intern(name or ""): made and sys.intern(made) for name, made in rows}

    def _any_is_young(self) -> bool:
        just_now = self._session.scalar("SELECT NOW() - INTERVAL 1 SECOND") or ""
        return any(made is not None and made >= just_now for made in self._made.values())

    def _read_counters(self) -> dict[str, str | None]:
        rows = self._session.query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_alter_table', 'Com_truncate')")
        return {(name or "").lower(): value for name, value in rows}

    def _read_numbers(self) -> dict[str, str | None] | None:
        """InnoDB's number of every table and partition by its internal name, ``None`` without PROCESS."""
        known = {
            (name or "").upper()
            for (name,) in self._session.query(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' "
                "AND TABLE_NAME IN ('INNODB_SYS_TABLES', 'INNODB_TABLES')"
            )
        }
        if not known:
            return None
        # Other names are encoded there; then every table's number is read.
        plain = re.fullmatch(r"[A-Za-z0-9_]+", self._database) is not None
        condition = f" WHERE NAME LIKE {quoting.literal(self._database + '/%')}" if plain else ""
        try:
            rows = self._session.each(f"SELECT NAME, TABLE_ID FROM information_schema.{min(known)}{condition}")
            return {name or "": number for name, number in rows}
        except PrivilegeError:
            return None


def check_definition(session: Session, database: str, table: Table, made: str | None) -> None:
    """Fail if the table's definition is not that from before the snapshot. To be called while it is being read.

    :param made: see :meth:`DefinitionWatch.made`.
    :raises ConsistencyError: it is another one.
    """
    now = session.scalar(
        f"SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {quoting.literal(database)} "
        f"AND TABLE_NAME = {quoting.literal(table.name)}"
    )
    if now != made:
        raise ConsistencyError(
            f"the definition of table {table.name!r} changed during the backup", hint=_HINT, table=table.name
        )


def _table_of(internal_name: str) -> str:
    """The table's name in ``database/table#P#partition``."""
    name = re.split("#[Pp]#", internal_name.partition("/")[2])[0]
    return re.sub("@([0-9a-f]{4})", lambda match: chr(int(match.group(1), 16)), name)
