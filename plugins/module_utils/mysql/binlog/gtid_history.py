# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which transactions a server had made when a file began, and since: what proves that files follow each other."""

from __future__ import annotations

import uuid

from . import codes
from .body import BodyReader
from .gtid_event import serialized_number
from .gtid_set import MariadbGtidState, MysqlGtidSet

_TAGGED = 1
_GTID_LIST_COUNT = 0x0FFFFFFF


def parse_previous_gtids(event_type: int, body: bytes, what: str) -> str:
    """The set in a file's second event, as text; empty for none.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body, what)
    if event_type == codes.GTID_LIST:
        last: dict[tuple[int, int], int] = {}
        for _index in range(reader.number(4) & _GTID_LIST_COUNT):
            domain, server = reader.number(4), reader.number(4)
            last[domain, server] = reader.number(8)
        return str(MariadbGtidState(last))
    head = reader.number(8)
    tagged = head >> 56 == _TAGGED
    count = (head >> 8) & 0xFFFFFFFFFFFF if tagged else head
    intervals: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for _source in range(count):
        source = str(uuid.UUID(bytes=reader.take(16)))
        tag = reader.take(serialized_number(reader)).decode("ascii", "replace") if tagged else ""
        runs = intervals.setdefault((source, tag), [])
        for _run in range(reader.number(8)):
            first, behind = reader.number(8), reader.number(8)
            runs.append((first, behind - 1))
    return str(MysqlGtidSet(intervals))


class GtidTracker:
    """The transactions seen so far, at the cost of a number for each run of them.

    :param text: what to begin with, in either family's form.
    """

    def __init__(self, text: str = "") -> None:
        self._runs: dict[tuple[str, str], list[list[int]]] = {}
        self._last: dict[tuple[int, int], int] = {}
        # The source that the last transaction was of, and its last run.
        self._source, self._run = b"", [0, 0]
        if ":" in text:
            for source, runs in MysqlGtidSet.parse(text).intervals.items():
                self._runs[source] = [list(run) for run in runs]
        elif text:
            self._last = dict(MariadbGtidState.parse(text).last)

    def add(self, gtid: str) -> None:
        """One more transaction; an anonymous one is in no set."""
        self._source = b""
        if ":" in gtid:
            source, *tag, number = gtid.split(":")
            runs = self._runs.setdefault((source, tag[0] if tag else ""), [])
            if runs and runs[-1][1] + 1 == int(number):
                runs[-1][1] += 1
            else:
                runs.append([int(number), int(number)])
        elif gtid:
            domain, server, sequence = map(int, gtid.split("-"))
            self._last[domain, server] = sequence

    def add_number(self, source: bytes, number: int) -> None:
        """One more transaction of MySQL, without a tag; its source's UUID is given as 16 bytes."""
        if source == self._source and number == self._run[1] + 1:
            self._run[1] = number
            return
        text = str(uuid.UUID(bytes=source))
        self.add(f"{text}:{number}")
        self._source, self._run = source, self._runs[text, ""][-1]

    def add_sequence(self, domain: int, server: int, number: int) -> None:
        """One more transaction of MariaDB."""
        self._last[domain, server] = number

    def __str__(self) -> str:
        if self._last:
            return str(MariadbGtidState(self._last))
        return str(MysqlGtidSet({source: [(run[0], run[1]) for run in runs] for source, runs in self._runs.items()}))
