# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The row changes in chosen stretches of a binlog, decoded, in one pass over its events."""

from __future__ import annotations

import typing as t

from . import codes
from .body import BodyReader
from .compressed import inner_events, uncompressed
from .events import Event
from .row_image import RowChange, RowDecoder
from .rows import RowsHead, parse_rows_head
from .table_details import TableDetails, parse_table_details
from .table_map import TableMap, parse_table_map

DetailsOf = t.Callable[[TableMap, str], TableDetails]
_END_OF_STATEMENT = 1
#: Tables whose decoders are kept: more than a statement touches.
_KEPT = 1000


class RowsOfTable(t.NamedTuple):
    """A row event with the table that it is about.

    :param type: of the event, decompressed.
    :param what: the event, for messages.
    """

    table: TableMap
    details: TableDetails
    decoder: RowDecoder
    type: int
    head: RowsHead
    what: str

    def changes(self) -> t.Iterator[RowChange]:
        """Its rows in their order.

        :raises CorruptArtifactError: they cannot be read.
        """
        return self.decoder.changes(self.type, self.head, self.what)


class RowReader:
    """Reads the row events of a file.

    :param events: of the file, from its beginning.
    :param name: what to call the file in messages.
    :param details_of: what is known of a table's columns; by default what its map says.
    """

    def __init__(self, events: t.Iterable[Event], name: str, details_of: DetailsOf = parse_table_details) -> None:
        self._events = iter(events)
        self._ahead: Event | None = None
        self._name = name
        self._details_of = details_of
        self._tables: dict[int, TableMap] = {}
        self._known: dict[TableMap, tuple[TableDetails, RowDecoder]] = {}

    def between(self, start: int, end: int) -> t.Iterator[RowsOfTable]:
        """The row events of the transactions from one offset to another, which is behind those asked for before.

        :raises CorruptArtifactError, UnsupportedObjectError: the file cannot be read.
        """
        self._tables.clear()
        while True:
            outer = self._ahead if self._ahead is not None else next(self._events, None)
            self._ahead = None
            if outer is None:
                return
            if outer.position >= end:
                self._ahead = outer
                return
            if outer.position >= start:
                yield from self._rows_of(outer)

    def _rows_of(self, outer: Event) -> t.Iterator[RowsOfTable]:
        what = self._what(outer)
        inner = inner_events(outer, what) if outer.header.type == codes.TRANSACTION_PAYLOAD else (outer,)
        for event in inner:
            if event.header.type == codes.TABLE_MAP:
                table = parse_table_map(event.body, self._what(event))
                self._tables[table.id] = table
            elif codes.UNCOMPRESSED.get(event.header.type, event.header.type) in codes.ROWS:
                rows = self._rows(uncompressed(event, self._what(event)))
                if rows is not None:
                    yield rows

    def _rows(self, event: Event) -> RowsOfTable | None:
        what = self._what(event)
        kind = event.header.type
        head = parse_rows_head(kind, event.body, what)
        table = self._tables.get(head.table_id)
        if table is None:
            # MySQL ends a statement whose events have all been filtered out with an event of no table.
            if head.flags & _END_OF_STATEMENT and not head.rows:
                return None
            raise BodyReader(b"", what).damaged("the map of its table is missing")
        details, decoder = self._decoder(table, what)
        return RowsOfTable(table, details, decoder, kind, head, what)

    def _decoder(self, table: TableMap, what: str) -> tuple[TableDetails, RowDecoder]:
        known = self._known.get(table)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            details = self._details_of(table, what)
            known = self._known[table] = (details, RowDecoder(table, details, what))
        return known

    def _what(self, event: Event) -> str:
        return f"the {event.header.name} event at {event.position} of {self._name}"
