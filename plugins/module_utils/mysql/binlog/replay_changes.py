# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The events of a replay with some tables left out and databases renamed, whatever applies them.

Row events go by their table maps, statements by what their text surely names. Planning passes every event through here
first, so that what is not sure is refused before the target is touched.
"""

from __future__ import annotations

import typing as t

from ...errors import UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ..statements import classify
from . import codes
from .body import BodyReader
from .compressed import inner_events, uncompressed
from .events import HEADER, Event
from .gtid_event import parse_gtid
from .query_context import session_assignments, updated_databases, without_updated_databases
from .query_event import Query, parse_query
from .replay_filter import APPLY, EVERYTHING, LEAVE_OUT, UNSURE, Choice, Chooser
from .replay_rename import Renamed

#: What becomes of transactions of which nothing is left: an empty one of the same identifier, or none.
EMPTY, SKIP = "empty", "skip"
EMPTIED = (EMPTY, SKIP)

_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))
_VALUES = frozenset((codes.INTVAR, codes.RAND, codes.USER_VAR))
_ROWS = codes.ROWS | frozenset(codes.UNCOMPRESSED) - {codes.QUERY_COMPRESSED}
_QUERIES = frozenset((codes.QUERY, codes.QUERY_COMPRESSED))
#: Texts of statements for people, which would name what is left out or renamed.
_TEXTS = frozenset((codes.ROWS_QUERY, codes.ANNOTATE_ROWS))
_ENDS = frozenset((b"COMMIT", b"ROLLBACK"))
_WITHIN = (b"XA END ", b"SAVEPOINT ", b"ROLLBACK TO ")
_END_OF_STATEMENT = 1
_FLAGS_OF_ROWS = 6
#: The number of the file, where its name begins and ends in the text, what becomes of duplicates.
_LOAD_FIXED = 13
_LOAD_AT = 13


@dataclass(frozen=True)
class ReplayChanges:
    """What a replay changes of the transactions that it applies.

    :param choice: by the names in the binlog.
    :param rename: the old and the new name of databases.
    :param emptied: :data:`EMPTY` or :data:`SKIP`.
    """

    choice: Choice = EVERYTHING
    rename: tuple[tuple[str, str], ...] = ()
    emptied: str = EMPTY

    @property
    def is_nothing(self) -> bool:
        return self.choice.is_all and not self.rename


UNCHANGED = ReplayChanges()


class EventChanger:
    """Passes the events of one file on, changed; state is kept from a transaction's first event to its last.

    :param name: of the file, for messages.
    :ivar emptied: how many transactions have nothing left in them.
    """

    def __init__(self, changes: ReplayChanges, name: str, *, mariadb: bool) -> None:
        self._changes = changes
        self._chooser = Chooser(changes.choice)
        self._renamed = Renamed(changes.rename)
        self._name = name
        self._mariadb = mariadb
        self.emptied = 0
        self._reset()

    def _reset(self) -> None:
        # What precedes the first thing that is applied, and whether that was seen.
        self._head: list[Event] = []
        self._begun = False
        self._grouped = False
        self._values: list[Event] = []
        self._maps: list[Event] = []
        self._kept: set[bytes] = set()
        self._row: Event | None = None

    def take(self, event: Event) -> t.Iterator[Event]:
        """What becomes of an event. Memory is that of one row event more.

        :raises UnsupportedObjectError: it is not sure what a statement is about.
        :raises CorruptArtifactError: it cannot be read.
        """
        if event.header.type == codes.TRANSACTION_PAYLOAD:
            for inner in inner_events(event, self._what(event)):
                yield from self._take(inner)
        else:
            yield from self._take(event)

    def forget(self) -> None:
        """The transaction under way is not wanted after all."""
        self._reset()

    def _take(self, event: Event) -> t.Iterator[Event]:
        kind = event.header.type
        if kind in _ROWS:
            yield from self._rows(event)
            return
        if self._row is not None:
            row, self._row = self._row, None
            yield row
        if kind in _GTIDS:
            self._reset()
            gtid = parse_gtid(kind, event.header.server_id, event.body, self._what(event))
            self._grouped = kind == codes.MARIADB_GTID and not gtid.standalone
            self._head.append(event)
        elif kind == codes.TABLE_MAP:
            self._table_map(event)
        elif kind in _QUERIES:
            yield from self._query(event)
        elif kind == codes.EXECUTE_LOAD_QUERY:
            yield from self._load(event)
        elif kind in _VALUES:
            self._values.append(event)
        elif kind in (codes.XID, codes.XA_PREPARE):
            yield from self._end(event, needed=kind == codes.XA_PREPARE)
        elif kind in (codes.BEGIN_LOAD_QUERY, codes.APPEND_BLOCK, codes.DELETE_FILE):
            yield from self._begin()
            yield event
        elif kind not in _TEXTS and self._begun:
            yield event

    def _table_map(self, event: Event) -> None:
        database, table = _table_of(event.body, self._what(event))
        if not self._chooser.has_table(database, table):
            self._kept.discard(event.body[:6])
            return
        self._kept.add(event.body[:6])
        body = self._renamed.table_map(event.body, self._what(event)) if self._renamed else event.body
        self._maps.append(_with_body(event, body))

    def _rows(self, event: Event) -> t.Iterator[Event]:
        if len(event.body) < _FLAGS_OF_ROWS + 2:
            raise BodyReader(event.body, self._what(event)).damaged("a row event without its front")
        ends = event.body[_FLAGS_OF_ROWS] & _END_OF_STATEMENT
        if event.body[:6] in self._kept:
            if self._row is not None:
                yield self._row
                self._row = None
            yield from self._begin()
            yield from self._maps
            self._maps = []
            # Kept back until it is known whether it is the statement's last.
            self._row = event
        elif ends and self._row is not None:
            body = bytearray(self._row.body)
            body[_FLAGS_OF_ROWS] |= _END_OF_STATEMENT
            self._row = self._row._replace(body=bytes(body))
        if ends:
            self._maps = []
            self._kept.clear()
            if self._row is not None:
                row, self._row = self._row, None
                yield row

    def _query(self, event: Event) -> t.Iterator[Event]:
        what = self._what(event)
        plain = uncompressed(event, what)
        query = parse_query(plain.body, what)
        text = query.text.strip()
        if text in _ENDS:
            yield from self._end(event)
        elif text == b"BEGIN" or text.startswith((b"XA START ", b"START TRANSACTION")):
            self._grouped = True
            yield from self._pass_or_keep(event)
        elif text.startswith(_WITHIN):
            yield from self._pass_or_keep(event)
        elif text.startswith((b"XA COMMIT ", b"XA ROLLBACK ")):
            yield from self._end(event, needed=True)
        else:
            yield from self._statement(plain, query, what)

    def _pass_or_keep(self, event: Event) -> t.Iterator[Event]:
        if self._begun:
            yield event
        else:
            self._head.append(event)

    def _statement(self, event: Event, query: Query, what: str) -> t.Iterator[Event]:
        values, self._values = self._values, []
        if self._judged(query, what) == LEAVE_OUT:
            if not self._grouped:
                yield from self._emptied_alone(event, query)
            return
        yield from self._begin()
        yield from values
        yield self._changed_query(event, query, what, front=b"")
        if not self._grouped:
            self._reset()

    def _judged(self, query: Query, what: str) -> str:
        """What is to be done with a statement.

        :raises UnsupportedObjectError: that is not sure.
        """
        if self._changes.choice.is_all:
            return APPLY
        variables = session_assignments(query, what, mariadb=self._mariadb)
        answer = self._chooser.of_statement(query.text, query.database, variables, updated_databases(query, what))
        if answer == UNSURE:
            raise UnsupportedObjectError(
                f"{what} ({_kind_of(query.text)}) is about chosen and other tables, or is not understood",
                hint="choose all that it is about, or leave its transaction out by its GTID or position",
            )
        return answer

    def _changed_query(self, event: Event, query: Query, what: str, *, front: bytes) -> Event:
        """The statement with the databases' new names, and in none where its own is left out.

        :param front: the fields of a LOAD DATA between the fixed part and the status variables.
        :raises UnsupportedObjectError: it is not sure which names are those of databases.
        """
        text: bytes | None = query.text
        if self._renamed:
            text = self._renamed.statement(query.text, session_assignments(query, what, mariadb=self._mariadb))
        if text is None:
            raise UnsupportedObjectError(
                f"{what} ({_kind_of(query.text)}) names a database that gets another name, and something else by the "
                "same name, or cannot be taken apart",
                hint="leave its transaction out by its GTID or position, and make the change by hand",
            )
        # What it names without a database would be left out with it.
        is_there = self._chooser.has_database(query.database) is not False
        database = self._renamed.database(query.database) if is_there else ""
        if text == query.text and database == query.database:
            return event
        status, name = without_updated_databases(query, what), database.encode("utf-8")
        fixed = event.body[:8] + bytes([len(name)]) + event.body[9:11] + len(status).to_bytes(2, "little")
        return _with_body(event, fixed + front + status + name + b"\0" + text)

    def _load(self, event: Event) -> t.Iterator[Event]:
        """LOAD DATA: its file has been sent already."""
        what = self._what(event)
        front = event.body[_LOAD_AT : _LOAD_AT + _LOAD_FIXED]
        query = parse_query(event.body[:_LOAD_AT] + event.body[_LOAD_AT + _LOAD_FIXED :], what)
        values, self._values = self._values, []
        if self._judged(query, what) == LEAVE_OUT:
            header = event.header._replace(type=codes.DELETE_FILE)
            yield _with_body(event._replace(header=header), front[:4])
            return
        yield from self._begin()
        yield from values
        # The table's name stands behind the file's, whose place therefore stays the same.
        yield self._changed_query(event, query, what, front=front)

    def _begin(self) -> t.Iterator[Event]:
        """What has been kept back of the transaction's beginning, before the first thing that is applied."""
        self._begun = True
        head, self._head = self._head, []
        yield from head

    def _end(self, event: Event, *, needed: bool = False) -> t.Iterator[Event]:
        """The end of a transaction.

        :param needed: a later one depends on it, even where nothing is left of it.
        """
        if not self._begun and not needed:
            self.emptied += 1
        if self._begun or needed or self._changes.emptied == EMPTY:
            yield from self._begin()
            yield event
        self._reset()

    def _emptied_alone(self, event: Event, query: Query) -> t.Iterator[Event]:
        """A statement that was a transaction by itself is left out."""
        self.emptied += 1
        # MariaDB counts only up to the last one and misses none between.
        if self._changes.emptied == EMPTY and not self._mariadb:
            yield from self._begin()
            for text in (b"BEGIN", b"COMMIT"):
                fixed = event.body[:8] + bytes(5)
                yield _with_body(event, fixed + b"\0" + text)
        self._reset()

    def _what(self, event: Event) -> str:
        return f"the {event.header.name} event at {event.position} of {self._name}"


def _table_of(body: bytes, what: str) -> tuple[str, str]:
    """The database and the table of a table map event."""
    reader = BodyReader(body, what)
    reader.take(8)
    database = reader.short_text().decode("utf-8", "backslashreplace")
    reader.ended()
    return database, reader.short_text().decode("utf-8", "backslashreplace")


def _with_body(event: Event, body: bytes) -> Event:
    """An event with another body; its size in the file is given up."""
    if body is event.body:
        return event
    return event._replace(header=event.header._replace(size=HEADER.size + len(body)), body=body)


def _kind_of(text: bytes) -> str:
    """The verb and kind of object of a statement, without any name or value."""
    action = classify(text[:4096])
    return " ".join(filter(None, (action.verb[:20], action.kind[:20]))) or "a statement"
