# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Tables: what kind each is, whether the snapshot covers its rows, and its definition as the server shows it."""

from __future__ import annotations

import re
import sys

from ...errors import QueryError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session
from .columns import Column, read_columns

# Their rows are kept elsewhere (in other tables, on other servers) or nowhere: only the definition is theirs.
_ENGINES_WITHOUT_ROWS = frozenset(
    {"MRG_MYISAM", "MRG_ISAM", "BLACKHOLE", "FEDERATED", "CONNECT", "OQGRAPH", "SPIDER", "VP"}
)

_ARCHIVE_COUNTER = re.compile(rb"(\n\) ENGINE=ARCHIVE) AUTO_INCREMENT=\d+")


@dataclass(frozen=True)
class Table:
    """A table with rows of its own, or the definition of one without.

    :param engine: as information_schema names it.
    :param columns: all of them, in order.
    :param is_transactional: a consistent snapshot covers its rows.
    :param is_partitioned: its rows are in partitions.
    :param is_versioned: system-versioned (MariaDB): it keeps old rows.
    :param data_length: bytes, an estimate of the server.
    :param rows_wanted: false where the user wants the definition alone.
    :param history: the rows that are not current any more are wanted too.
    :param where: the condition that the user sets for rows, as SQL; empty for all of them.
    """

    name: str
    engine: str
    columns: tuple[Column, ...]
    is_transactional: bool
    is_partitioned: bool
    is_versioned: bool
    data_length: int
    rows_wanted: bool = True
    where: str = ""
    history: bool = False

    @property
    def has_rows(self) -> bool:
        """Whether rows are read from it."""
        return self.rows_wanted and self.engine.upper() not in _ENGINES_WITHOUT_ROWS

    def conditions(self, *others: str) -> str:
        """What follows the table's name in every query that reads its rows: which of them, and the WHERE clause.

        :param others: conditions beside the user's, such as the bounds of a range.
        """
        # On a line of its own: the user's may end in a comment.
        given = [f"({self.where}\n)"] if self.where else []
        when = " FOR SYSTEM_TIME ALL" if self.history else ""
        return when + (f" WHERE {' AND '.join([*given, *others])}" if given or others else "")

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns whose values are written."""
        return tuple(column for column in self.columns if not column.is_generated or (self.history and column.row_time))

    @property
    def needs_column_list(self) -> bool:
        """Whether an INSERT must name its columns."""
        return any(column.is_generated or column.is_invisible for column in self.columns)


def read_tables(session: Session, database: str) -> tuple[Table, ...]:
    """Every table of a database by name; views and sequences are not tables."""
    transactional = {
        (name or "").upper()
        for name, supported in session.query("SELECT ENGINE, TRANSACTIONS FROM information_schema.ENGINES")
        if supported == "YES"
    }
    columns = read_columns(session, database)
    rows = session.each(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, DATA_LENGTH, CREATE_OPTIONS FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA = {quoting.literal(database)} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    tables = [
        Table(
            # Very many tables are of few engines, and other lists of them hold the same names.
            name=sys.intern(name or ""),
            engine=sys.intern(engine or ""),
            columns=columns.get(name or "", ()),
            is_transactional=(engine or "").upper() in transactional,
            is_partitioned="partitioned" in (create_options or "").lower(),
            is_versioned=table_type == "SYSTEM VERSIONED",
            data_length=int(data_length or 0),
        )
        for name, table_type, engine, data_length, create_options in rows
    ]
    return tuple(sorted(tables, key=lambda table: table.name))


def read_definition(session: Session, table: Table) -> bytes:
    """The table's CREATE TABLE as the server shows it, in utf8mb4.

    :raises QueryError: the table is damaged or its engine is missing.
    """
    with session.stored_character_sets():
        records = session.records_bytes(f"SHOW CREATE TABLE {quoting.identifier(table.name)}")
    definition = records[0].get("create table") if records else None
    if definition is None:
        raise QueryError(f"the server shows no definition of table {table.name!r}", hint="CHECK TABLE it")
    # An ARCHIVE table takes no row whose number is below its counter, which follows the rows by itself.
    return _ARCHIVE_COUNTER.sub(rb"\1", definition) if table.has_rows else definition


def has_row(session: Session, table: Table) -> bool:
    """Whether the table holds a row at this moment."""
    return bool(session.query_bytes(f"SELECT 1 FROM {quoting.identifier(table.name)} LIMIT 1"))
