# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Listing what binlog files hold, transaction by transaction, with filters."""

from __future__ import annotations

import contextlib
import typing as t

from ...errors import UsageError
from ...lazy_dataclass import dataclass
from .binlog_file import BinlogFile, log_name, open_binlog
from .events import BinlogReader
from .gtid_set import MariadbGtidState, MysqlGtidSet
from .transactions import Transaction, transactions


@dataclass(frozen=True)
class TransactionFilter:
    """Which transactions are wanted. What is empty or ``None`` does not restrict.

    :param start: microseconds since 1970, included.
    :param stop: microseconds since 1970, not included.
    :param start_position: in the first file.
    :param stop_position: in the last file.
    :param include_gtids: a GTID set in either family's form.
    :param databases: names; ``tables`` are ``database.table``.
    :param verbs: ``INSERT``, ``UPDATE``, ``DELETE``, ``DROP``, … in upper case, of rows and of statements.
    :param server_id: of the server that the transaction was made on.
    """

    start: int | None = None
    stop: int | None = None
    start_position: int = 0
    stop_position: int | None = None
    include_gtids: str = ""
    exclude_gtids: str = ""
    databases: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    server_id: int | None = None


class Listed(t.NamedTuple):
    """A transaction with the file that holds it."""

    file: str
    transaction: Transaction


def list_transactions(paths: t.Sequence[BinlogFile], wanted: TransactionFilter) -> t.Iterator[Listed]:
    """The wanted transactions of the files, in the order in which the files are given.

    Every file is read to its end and verified, whatever is wanted of it. Files may be compressed.

    :raises UsageError: a GTID or a table's name cannot be understood.
    :raises NotFoundError, StorageError: a file cannot be read.
    :raises CorruptArtifactError, UnsupportedObjectError: as :class:`.events.BinlogReader`.
    """
    matches = TransactionMatcher(wanted)
    for index, path in enumerate(paths):
        name = log_name(path)
        first = wanted.start_position if index == 0 else 0
        last = wanted.stop_position if index == len(paths) - 1 else None
        with contextlib.closing(open_binlog(path)) as source:
            for transaction in transactions(BinlogReader(source, name), name):
                if transaction.start < first or (last is not None and transaction.start >= last):
                    continue
                if matches(transaction):
                    yield Listed(name, transaction)


class TransactionMatcher:
    """Whether a transaction is wanted, wherever it stands.

    :raises UsageError: a GTID or a table's name cannot be understood.
    """

    def __init__(self, wanted: TransactionFilter) -> None:
        self._wanted = wanted
        self._included = _gtids(wanted.include_gtids)
        self._excluded = _gtids(wanted.exclude_gtids)
        self._tables = [_table(name) for name in wanted.tables]

    def __call__(self, transaction: Transaction) -> bool:
        wanted = self._wanted
        if wanted.start is not None and transaction.time < wanted.start:
            return False
        if wanted.stop is not None and transaction.time >= wanted.stop:
            return False
        if wanted.server_id is not None and transaction.server_id != wanted.server_id:
            return False
        if self._included is not None and not _holds(self._included, transaction.gtid):
            return False
        if self._excluded is not None and _holds(self._excluded, transaction.gtid):
            return False
        if wanted.verbs and not set(wanted.verbs) & transaction.verbs:
            return False
        places = [(database, "") for database in wanted.databases] + self._tables
        return not places or any(transaction.touches(database, table) for database, table in places)


def _gtids(text: str) -> MysqlGtidSet | MariadbGtidState | None:
    if not text:
        return None
    return MysqlGtidSet.parse(text) if ":" in text else MariadbGtidState.parse(text)


def _holds(gtids: MysqlGtidSet | MariadbGtidState, gtid: str) -> bool:
    """Whether a transaction is in a set; one of the other family, or an anonymous one, is in none."""
    of_mysql = ":" in gtid
    return bool(gtid) and of_mysql == isinstance(gtids, MysqlGtidSet) and gtid in gtids


def _table(name: str) -> tuple[str, str]:
    database, dot, table = name.partition(".")
    if not (database and dot and table):
        raise UsageError(f"{name!r} does not say whose table it is", hint="write database.table")
    return database, table
