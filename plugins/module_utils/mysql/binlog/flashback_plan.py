# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which transactions and rows are to be undone, and whether the log tells enough of them."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...errors import CorruptArtifactError, UnsupportedObjectError, UsageError
from ...lazy_dataclass import dataclass
from ..statements import classify
from . import codes
from .binlog_file import BinlogFile, log_name, open_binlog
from .compressed import inner_events, uncompressed
from .events import BinlogReader, Event
from .gtid_set import MariadbGtidState
from .listing import TransactionFilter, TransactionMatcher
from .query_context import session_assignments
from .query_event import parse_query
from .replay_filter import is_readable
from .row_choice import VERBS, RowChoice
from .statement_objects import DATABASE, SERVER, SESSION, StatementObjects, statement_objects
from .table_map import parse_table_map
from .transactions import RowCounts, Transaction, transactions

_LOADS = frozenset((codes.BEGIN_LOAD_QUERY, codes.EXECUTE_LOAD_QUERY))
#: Statements that change neither a table's rows nor its columns.
_HARMLESS = frozenset(("ANALYZE", "OPTIMIZE", "CHECK", "CHECKSUM", "REPAIR", "SET", "FLUSH"))
_HARMLESS_KINDS = frozenset(("INDEX", "TRIGGER", "VIEW"))
#: How much of a statement is read to know what it does.
_HEAD = 4096
_DEFINING = frozenset(("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"))


@dataclass(frozen=True)
class ChosenFile:
    """What is to be undone of a file.

    :param ranges: first byte and byte behind the last, of transactions that follow each other.
    """

    file: BinlogFile
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class FlashbackPlan:
    """What is to be undone.

    :param rows: which of the chosen transactions' rows.
    :param tables: what was done to the rows of each table that are to be undone.
    :param incomplete: transactions that their files do not end; they are left alone.
    """

    files: tuple[ChosenFile, ...]
    rows: RowChoice
    tables: t.Mapping[tuple[str, str], RowCounts]
    transactions: int
    bytes: int
    first: tuple[str, Transaction] | None
    last: tuple[str, Transaction] | None
    incomplete: int


def plan_flashback(files: t.Sequence[BinlogFile], wanted: TransactionFilter) -> FlashbackPlan:
    """Read all files to their end and choose.

    :raises UsageError: there is no file, or nothing says what is to be undone.
    :raises CorruptArtifactError: a file is damaged.
    :raises UnsupportedObjectError: something that is to be undone was not logged as rows, or its table was redefined
        since.
    """
    if not files:
        raise UsageError("there is no binlog to read")
    strange = [verb for verb in wanted.verbs if verb not in VERBS]
    if strange:
        raise UsageError(
            f"{strange[0]} cannot be undone out of the binlog",
            hint="INSERT, UPDATE and DELETE can; what was dropped or truncated comes back from a backup",
        )
    chosen = dataclasses.replace(wanted, start_position=0, stop_position=None)
    if chosen == TransactionFilter() and not wanted.start_position and wanted.stop_position is None:
        raise UsageError(
            "nothing says which transactions are to be undone",
            hint="choose them by time, position, GTID, database or table; dbfleet binlog list finds them",
        )
    builder = _Builder(wanted)
    for index, file in enumerate(files):
        last = index == len(files) - 1
        with contextlib.closing(open_binlog(file)) as source:
            name = log_name(file)
            builder.read(file, name, BinlogReader(source, name, partial=last), first=index == 0, last=last)
    return builder.plan()


def _matcher(wanted: TransactionFilter) -> t.Callable[[Transaction], bool]:
    """What :class:`.listing.TransactionMatcher` matches, but a GTID of MariaDB's is that transaction alone.

    As a place in the log, which it is elsewhere, it would mean all that was done before it, too.
    """
    included, excluded = _alone(wanted.include_gtids), _alone(wanted.exclude_gtids)
    matches = TransactionMatcher(
        dataclasses.replace(
            wanted,
            include_gtids="" if included is not None else wanted.include_gtids,
            exclude_gtids="" if excluded is not None else wanted.exclude_gtids,
        )
    )

    def match(transaction: Transaction) -> bool:
        if included is not None and transaction.gtid not in included:
            return False
        return not (excluded is not None and transaction.gtid in excluded) and matches(transaction)

    return match


def _alone(gtids: str) -> frozenset[str] | None:
    """GTIDs of MariaDB's one by one; ``None`` for a set of MySQL's, or none."""
    if not gtids or ":" in gtids:
        return None
    MariadbGtidState.parse(gtids)
    return frozenset(part.strip() for part in gtids.split(","))


class _Logged(t.NamedTuple):
    """A statement that was logged as text.

    :param objects: all that it is about; ``None`` where that is not sure.
    :param names: databases and names of what it acts on.
    """

    objects: StatementObjects | None
    verb: str
    kind: str
    names: tuple[tuple[str, str], ...]


class _Builder:
    def __init__(self, wanted: TransactionFilter) -> None:
        self._wanted = wanted
        self._matches = _matcher(wanted)
        self._rows = RowChoice(wanted)
        self._files: list[ChosenFile] = []
        self._tables: dict[tuple[str, str], RowCounts] = {}
        self._count = self._bytes = self._incomplete = 0
        self._first: tuple[str, Transaction] | None = None
        self._last: tuple[str, Transaction] | None = None
        # Of the transaction under way: its tables, and its statements with the offset of the first of each kind.
        self._touched: dict[str, tuple[str, str]] = {}
        self._statements: dict[_Logged, int] = {}

    def read(self, file: BinlogFile, name: str, reader: BinlogReader, *, first: bool, last: bool) -> None:
        start = self._wanted.start_position if first else 0
        stop = self._wanted.stop_position if last else None
        ranges: list[tuple[int, int]] = []
        for transaction in transactions(self._seen(reader, name), name):
            touched, self._touched = self._touched, {}
            statements, self._statements = self._statements, {}
            self._check_since(name, statements)
            in_place = transaction.start >= start and (stop is None or transaction.start < stop)
            if not (in_place and self._matches(transaction)):
                continue
            if not transaction.complete:
                self._incomplete += 1
                continue
            if self._choose(name, transaction, touched, statements):
                if ranges and ranges[-1][1] == transaction.start:
                    ranges[-1] = (ranges[-1][0], transaction.end)
                else:
                    ranges.append((transaction.start, transaction.end))
        self._files.append(ChosenFile(file, tuple(ranges)))

    def _choose(
        self,
        name: str,
        transaction: Transaction,
        touched: t.Mapping[str, tuple[str, str]],
        statements: t.Mapping[_Logged, int],
    ) -> bool:
        where = f"the transaction at {transaction.start} of {name}"
        if transaction.incident:
            raise CorruptArtifactError(
                f"{where} is missing events: {transaction.incident}",
                hint="its server could not log them; leave the transaction out",
            )
        for logged, position in statements.items():
            self._check_statement(logged, f"the statement at {position} of {name}")
        found = False
        for label, counts in transaction.rows.items():
            table = touched.get(label)
            wanted = self._rows.counts(counts)
            if table is None or not self._rows.has_table(*table):
                continue
            if not (wanted.inserted or wanted.updated or wanted.deleted):
                continue
            found = True
            total = self._tables.setdefault(table, RowCounts())
            total.inserted += wanted.inserted
            total.updated += wanted.updated
            total.deleted += wanted.deleted
        if found:
            self._count += 1
            self._bytes += transaction.size
            self._first = self._first or (name, transaction)
            self._last = (name, transaction)
        return found

    def _check_statement(self, logged: _Logged, where: str) -> None:
        """Refuse a statement of a chosen transaction that may have changed rows that are to be undone."""
        objects, verb, kind, _names = logged
        if objects is not None and (objects.kind in (SESSION, SERVER) or verb in _HARMLESS or kind in _HARMLESS_KINDS):
            return
        if objects is not None and verb == "CREATE":
            # What is made has no rows yet, and those that are put into it are logged.
            return
        if objects is None or objects.kind == DATABASE:
            concerned = objects is None or self._has_database(objects.database)
        else:
            concerned = any(self._rows.has_table(table.database, table.name) for table in objects.tables)
        if concerned:
            raise UnsupportedObjectError(
                f"{where} ({verb} {kind}".rstrip() + ") is in the log as text, without the rows that it changed",
                hint="only what was logged as rows (binlog_format = ROW) can be undone; choose other transactions, or "
                "other tables, or restore to a moment before it",
            )

    def _has_database(self, database: str) -> bool:
        return any(of == database for of, _table in self._tables) or self._rows.has_table(database, "")

    def _check_since(self, name: str, statements: t.Mapping[_Logged, int]) -> None:
        """Refuse what redefined a table after rows of it that are to be undone were changed."""
        for logged, position in statements.items():
            if logged.verb not in _DEFINING or logged.kind in _HARMLESS_KINDS:
                continue
            if logged.kind == "DATABASE":
                dropped = {database for _database, database in logged.names} if logged.verb == "DROP" else set()
                hit = [table for table in self._tables if table[0] in dropped]
            else:
                hit = [table for table in self._tables if table in logged.names]
            if hit:
                raise UnsupportedObjectError(
                    f"{'.'.join(hit[0])} was redefined after its rows were changed, at {position} of {name} "
                    f"({logged.verb} {logged.kind})",
                    hint="its rows before cannot be put into the table that it is now; restore to a moment before it",
                    objects=[".".join(table) for table in hit],
                )

    def _seen(self, reader: BinlogReader, name: str) -> t.Iterator[Event]:
        """The events, looked at for tables and statements."""
        for event in reader:
            if event.header.type == codes.TRANSACTION_PAYLOAD:
                for inner in inner_events(event, name):
                    self._see(inner, reader, name)
            else:
                self._see(event, reader, name)
            yield event

    def _see(self, event: Event, reader: BinlogReader, name: str) -> None:
        kind = event.header.type
        if kind == codes.TABLE_MAP:
            # Names may hold dots: what counts rows by name does not tell where the database's ends.
            table = parse_table_map(event.body, f"the table map at {event.position} of {name}")
            self._touched[table.name] = (table.database, table.table)
        elif kind in _LOADS:
            self._statements.setdefault(_Logged(None, "LOAD DATA", "", ()), event.position)
        elif kind in (codes.QUERY, codes.QUERY_COMPRESSED):
            what = f"the statement at {event.position} of {name}"
            query = parse_query(uncompressed(event, what).body, what)
            action = classify(query.text[:_HEAD])
            variables = session_assignments(query, what, mariadb=reader.format.is_mariadb)
            readable = is_readable(query.text, variables)
            objects = statement_objects(query.text, query.database) if readable else None
            if objects is None or objects.kind != SESSION:
                names = tuple((each.database or query.database, each.name) for each in action.names)
                self._statements.setdefault(_Logged(objects, action.verb, action.kind, names), event.position)

    def plan(self) -> FlashbackPlan:
        return FlashbackPlan(
            files=tuple(self._files),
            rows=self._rows,
            tables=self._tables,
            transactions=self._count,
            bytes=self._bytes,
            first=self._first,
            last=self._last,
            incomplete=self._incomplete,
        )
