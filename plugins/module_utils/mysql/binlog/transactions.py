# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A binlog's transactions: which events belong together, when, by whom, and which tables they touch.

A transaction of any size costs a counter for each table, not its events.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...lazy_dataclass import dataclass
from ..statements import Action, classify
from . import codes
from .compressed import inner_events, uncompressed
from .events import Event
from .gtid_event import Gtid, parse_gtid
from .query_event import Query, parse_query
from .rows import count_rows, parse_rows_head
from .table_map import TableMap, parse_table_map

#: How many tables are remembered at most.
_MOST_KNOWN = 1000
_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))
#: What stands between transactions.
_BETWEEN = frozenset(
    (
        codes.FORMAT_DESCRIPTION,
        codes.STOP,
        codes.ROTATE,
        codes.PREVIOUS_GTIDS,
        codes.GTID_LIST,
        codes.BINLOG_CHECKPOINT,
        codes.HEARTBEAT,
        codes.HEARTBEAT_V2,
        codes.START_ENCRYPTION,
        codes.IGNORABLE,
    )
)
_BEGINS = (b"BEGIN", b"START TRANSACTION", b"XA START ")
_ENDS = frozenset((b"COMMIT", b"ROLLBACK"))
_DEFINING = frozenset(("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE"))
#: How many statements of a transaction are kept; all are counted.
_KEPT = 20
#: How much of a statement is read to know what it does.
_HEAD = 4096
_END_OF_STATEMENT = 1


@dataclasses.dataclass
class RowCounts:
    """How many rows of a table a transaction changes, as row events tell it."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Statement:
    """A statement that was logged as text.

    :param action: what it does, to what.
    :param database: the session's.
    :param text: up to its first 4,096 bytes; it may hold row values.
    """

    action: Action
    database: str
    text: bytes

    @property
    def summary(self) -> str:
        """The verb and the objects, without any value: ``DROP TABLE shop.orders``."""
        verb, kind = self.action.verb, self.action.kind
        if kind in ("DATABASE", "SCHEMA"):
            names = ", ".join(name.name for name in self.action.names)
        else:
            names = ", ".join(f"{name.database or self.database}.{name.name}" for name in self.action.names)
        if verb in ("INSERT", "REPLACE", "UPDATE", "DELETE"):
            kind = ""
        return " ".join(filter(None, (verb, kind, names)))

    @property
    def defines(self) -> bool:
        """Whether it changes definitions or throws rows away without logging them."""
        return self.action.verb in _DEFINING


@dataclass(frozen=True)
class Transaction:
    """Events that a server applies together.

    :param start: offset of the first byte.
    :param end: offset behind the last.
    :param gtid: its global identifier, empty for an anonymous one.
    :param server_id: of the server that it was made on.
    :param time: microseconds since 1970 of the commit; whole seconds before MySQL 8.0 and on MariaDB.
    :param rows: by ``database.table``.
    :param statements: the first of them.
    :param statement_count: all of them.
    :param prepared: it is the first half of an XA transaction.
    :param complete: its end was seen.
    :param incident: the server says that events are missing here, and why.
    """

    start: int
    end: int
    gtid: str
    server_id: int
    time: int
    rows: t.Mapping[str, RowCounts]
    statements: tuple[Statement, ...]
    statement_count: int
    prepared: bool
    complete: bool
    incident: str = ""

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def defines(self) -> bool:
        """Whether one of its statements changes definitions."""
        return any(statement.defines for statement in self.statements)

    @property
    def verbs(self) -> frozenset[str]:
        """What is done, in the words of SQL, to rows and by statements."""
        found = {statement.action.verb for statement in self.statements}
        for counts in self.rows.values():
            for verb, count in (("INSERT", counts.inserted), ("UPDATE", counts.updated), ("DELETE", counts.deleted)):
                if count:
                    found.add(verb)
        return frozenset(found)

    def touches(self, database: str, table: str = "") -> bool:
        """Whether rows or named objects of a database, or of one table of it, are concerned."""
        for name in self.rows:
            of_database, _dot, of_table = name.partition(".")
            if of_database == database and table in ("", of_table):
                return True
        for statement in self.statements:
            names = statement.action.names
            if statement.action.kind in ("DATABASE", "SCHEMA"):
                if any(name.name == database for name in names) and not table:
                    return True
            elif any(
                (name.database or statement.database) == database and table in ("", name.name) for name in names
            ) or (not names and not table and statement.database == database):
                return True
        return False


class _Open:
    """A transaction whose end has not been seen."""

    def __init__(self, event: Event, gtid: Gtid, *, grouped: bool) -> None:
        self.event = event
        self.gtid = gtid
        self.grouped = grouped
        self.rows: dict[str, RowCounts] = {}
        self.statements: list[Statement] = []
        self.count = 0
        self.prepared = False

    def add(self, query: Query) -> None:
        self.count += 1
        if len(self.statements) < _KEPT:
            head = query.text[:_HEAD]
            self.statements.append(Statement(classify(head), query.database, head))

    def closed(self, last: Event, *, complete: bool = True, incident: str = "") -> Transaction:
        return Transaction(
            start=self.event.position,
            end=last.next_position,
            gtid=self.gtid.text,
            server_id=self.event.header.server_id,
            time=self.gtid.committed or last.header.timestamp * 1_000_000,
            rows=self.rows,
            statements=tuple(self.statements),
            statement_count=self.count,
            prepared=self.prepared,
            complete=complete,
            incident=incident,
        )


def transactions(events: t.Iterable[Event], name: str, *, counting: bool = True) -> t.Iterator[Transaction]:
    """The transactions of a file in their order. One that the file does not end is the last, and not complete.

    :param events: usually a :class:`.events.BinlogReader`.
    :param name: what to call the file in messages.
    :param counting: tell how many rows are changed; without it, only that some are, in less time.
    :raises CorruptArtifactError, UnsupportedObjectError: as :class:`.events.BinlogReader`.
    """
    return _Grouping(name, counting=counting).run(events)


class _Grouping:
    def __init__(self, name: str, *, counting: bool) -> None:
        self._name = name
        self._counting = counting
        self._open: _Open | None = None
        self._tables: dict[int, TableMap] = {}
        # Every transaction that changes a table brings the same bytes.
        self._known: dict[bytes, TableMap] = {}

    def run(self, events: t.Iterable[Event]) -> t.Iterator[Transaction]:
        last = None
        for outer in events:
            for event in self._flat(outer):
                done = self._take(event)
                if done is not None:
                    yield done
            if self._open is not None:
                last = outer
        if self._open is not None and last is not None:
            yield self._open.closed(last, complete=False)

    def _flat(self, event: Event) -> t.Iterable[Event]:
        if event.header.type == codes.TRANSACTION_PAYLOAD:
            return inner_events(event, self._what(event))
        return (event,)

    def _what(self, event: Event) -> str:
        return f"the {event.header.name} event at {event.position} of {self._name}"

    def _take(self, event: Event) -> Transaction | None:
        kind = event.header.type
        if kind in _BETWEEN:
            return None
        if kind in _GTIDS:
            return self._begin(event)
        if self._open is None:
            self._open = _Open(event, Gtid(""), grouped=kind != codes.QUERY)
        if kind == codes.INCIDENT:
            return self._end(event, incident=event.body[3:].decode("utf-8", "replace") or "events are missing")
        if kind == codes.XID:
            return self._end(event)
        if kind == codes.XA_PREPARE:
            self._open.prepared = True
            return self._end(event)
        if kind in codes.UNCOMPRESSED:
            event = uncompressed(event, self._what(event))
            kind = event.header.type
        if kind in (codes.QUERY, codes.EXECUTE_LOAD_QUERY):
            return self._query(self._open, event)
        if kind == codes.TABLE_MAP:
            table = self._known.get(event.body) or self._parsed(event)
            self._tables[table.id] = table
        elif kind in codes.ROWS:
            self._count(self._open, event)
        return None

    def _parsed(self, event: Event) -> TableMap:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        table = self._known[event.body] = parse_table_map(event.body, self._what(event))
        return table

    def _begin(self, event: Event) -> Transaction | None:
        """A new identifier. A transaction that is still open then was cut off by a crash of its server."""
        header = event.header
        gtid = parse_gtid(header.type, header.server_id, event.body, self._what(event))
        cut_off = self._open.closed(event, complete=False) if self._open is not None else None
        if cut_off is not None:
            cut_off = dataclasses.replace(cut_off, end=event.position)
        self._tables.clear()
        self._open = _Open(event, gtid, grouped=header.type == codes.MARIADB_GTID and not gtid.standalone)
        return cut_off

    def _query(self, transaction: _Open, event: Event) -> Transaction | None:
        body = event.body
        if event.header.type == codes.EXECUTE_LOAD_QUERY:
            # Between the fixed part of a query and its variables: the file's number and where its name stands.
            body = body[:13] + body[13 + 13 :]
        query = parse_query(body, self._what(event))
        text = query.text.strip()
        if text in _ENDS:
            return self._end(event)
        if text.startswith(_BEGINS) and (text == b"BEGIN" or not text.startswith(b"BEGIN")):
            transaction.grouped = True
            return None
        if not text.startswith((b"XA END ", b"SAVEPOINT ", b"ROLLBACK TO ")):
            transaction.add(query)
        return None if transaction.grouped else self._end(event)

    def _count(self, transaction: _Open, event: Event) -> None:
        what = self._what(event)
        head = parse_rows_head(event.header.type, event.body, what)
        table = self._tables.get(head.table_id)
        if table is None:
            # MySQL ends a statement whose events have all been filtered out with an event of no table.
            if head.flags & _END_OF_STATEMENT and not head.rows:
                return
            table = TableMap(head.table_id, "?", f"#{head.table_id}", ())
        counts = transaction.rows.setdefault(table.name, RowCounts())
        found = count_rows(event.header.type, head, table, what) if self._counting else 1
        if event.header.type in codes.INSERTS:
            counts.inserted += found
        elif event.header.type in codes.UPDATES:
            counts.updated += found
        else:
            counts.deleted += found

    def _end(self, event: Event, *, incident: str = "") -> Transaction | None:
        ended, self._open = self._open, None
        self._tables.clear()
        return None if ended is None else ended.closed(event, incident=incident)
