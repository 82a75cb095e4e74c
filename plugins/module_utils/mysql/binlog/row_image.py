# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of a row event as values, before and after the change."""

from __future__ import annotations

import struct
import typing as t
import zlib

from . import codes, table_map
from .body import BodyReader
from .row_values import Decoder, Value, decoder_of
from .rows import RowsHead
from .table_details import TableDetails
from .table_map import TableMap

_PARTIAL_JSON = 1


class Absent(t.NamedTuple):
    """Stands for a value that the log does not hold (``binlog_row_image``, or a JSON column of which only what
    differs was logged)."""

    why: str


NOT_LOGGED = Absent("not logged")
ONLY_DIFFERENCES = Absent("only what differs was logged")

Image = tuple[t.Union[Value, Absent], ...]


class RowChange(t.NamedTuple):
    """A row before and after a change; ``None`` where it did not exist. An image has a value for every column."""

    before: Image | None
    after: Image | None

    @property
    def is_full(self) -> bool:
        """Whether every value of every image is there."""
        return not any(isinstance(value, Absent) for image in self if image is not None for value in image)


class RowDecoder:
    """Decodes the rows of one table.

    :param details: one for each of the map's columns; what is known of them.
    :param what: the event, for messages.
    :raises CorruptArtifactError: the table has a column of an unknown type.
    """

    def __init__(self, table: TableMap, details: TableDetails, what: str) -> None:
        self._table = table
        self._decoders = [
            decoder_of(column, of_column, what) for column, of_column in zip(table.columns, details.columns)
        ]
        self._json = [index for index, column in enumerate(table.columns) if column.type == table_map.JSON]

    def changes(self, event_type: int, head: RowsHead, what: str) -> t.Iterator[RowChange]:
        """The changes of an event in their order.

        :raises CorruptArtifactError: its rows cannot be read.
        """
        for change, _start, _end in self.located(event_type, head, what):
            yield change

    def located(self, event_type: int, head: RowsHead, what: str) -> t.Iterator[tuple[RowChange, int, int]]:
        """The same with where in ``head.rows`` each begins and ends."""
        rows, at = head.rows, 0
        reader = BodyReader(rows, what)
        if any(len(present) != len(self._decoders) for present in head.present):
            raise reader.damaged(f"it has not as many columns as the map of {self._table.name}")
        plans = [self._plan(present) for present in head.present]
        partial = event_type == codes.PARTIAL_UPDATE_ROWS
        while at < len(rows):
            start = at
            try:
                images = []
                for place, plan in enumerate(plans):
                    if partial and place == 1:
                        image, at = self._partial_image(rows, at, plan)
                    else:
                        image, at = self._image(rows, at, plan, ())
                    images.append(image)
            except (ValueError, IndexError, OverflowError, struct.error, zlib.error) as error:
                raise reader.damaged(f"a row of {self._table.name}: {error}") from error
            if at > len(rows) or at == start:
                raise reader.damaged(f"its rows of {self._table.name} do not end where it does")
            yield _change(event_type, images), start, at

    def _plan(self, present: tuple[bool, ...]) -> list[tuple[int, Decoder]]:
        return [(index, self._decoders[index]) for index, there in enumerate(present) if there]

    def _image(
        self, rows: bytes, at: int, plan: list[tuple[int, Decoder]], differing: t.Collection[int]
    ) -> tuple[Image, int]:
        size = (len(plan) + 7) // 8
        if at + size > len(rows):
            raise ValueError("it is cut off")
        nulls = int.from_bytes(rows[at : at + size], "little")
        at += size
        values: list[Value | Absent] = [NOT_LOGGED] * len(self._decoders)
        for place, (index, decode) in enumerate(plan):
            if nulls >> place & 1:
                values[index] = None
            elif index in differing:
                at += 4 + int.from_bytes(rows[at : at + 4], "little")
                values[index] = ONLY_DIFFERENCES
            else:
                values[index], at = decode(rows, at)
        return tuple(values), at

    def _partial_image(self, rows: bytes, at: int, plan: list[tuple[int, Decoder]]) -> tuple[Image, int]:
        """An image after an update that says first which of its JSON columns it has only the differences of."""
        options, differing = rows[at], set()
        at += 1
        if options & _PARTIAL_JSON:
            size = (len(self._json) + 7) // 8
            bits = int.from_bytes(rows[at : at + size], "little")
            at += size
            differing = {index for place, index in enumerate(self._json) if bits >> place & 1}
        return self._image(rows, at, plan, differing)


def _change(event_type: int, images: t.Sequence[Image]) -> RowChange:
    if event_type in codes.INSERTS:
        return RowChange(None, images[0])
    if event_type in codes.DELETES:
        return RowChange(images[0], None)
    return RowChange(images[0], images[1])
