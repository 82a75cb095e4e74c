# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Sets of global transaction identifiers, of both families.

MySQL counts transactions by the UUID (and since 8.3 a tag) of the server that made them and keeps sets of numbers.
MariaDB counts by domain and keeps, of each domain, the last number; the set is then everything up to there.
"""

from __future__ import annotations

import re
import typing as t

from ...errors import UsageError

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_INTERVAL = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_MARIADB = re.compile(r"([0-9]+)-([0-9]+)-([0-9]+)")

Interval = tuple[int, int]


class MysqlGtidSet:
    """An immutable set of MySQL's GTIDs.

    :param intervals: by ``(uuid, tag)``, first and last number of each run, in any order; runs may overlap.
    """

    def __init__(self, intervals: t.Mapping[tuple[str, str], t.Iterable[Interval]] | None = None) -> None:
        merged = {source: _merged(runs) for source, runs in (intervals or {}).items()}
        self._intervals = {source: runs for source, runs in sorted(merged.items()) if runs}

    @classmethod
    def parse(cls, text: str) -> MysqlGtidSet:
        """Read ``uuid[:tag]:1-5:7,uuid:…`` as the server writes it.

        :raises UsageError: it is not that.
        """
        found: dict[tuple[str, str], list[Interval]] = {}
        for part in filter(None, (part.strip() for part in text.replace("\n", "").split(","))):
            uuid, *rest = (piece.strip().lower() for piece in part.split(":"))
            if not _UUID.fullmatch(uuid) or not rest:
                raise UsageError(f"{part!r} is not a GTID set", hint="write uuid:1-5, as @@gtid_executed shows it")
            digits = uuid.replace("-", "")
            uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            tag = ""
            for piece in rest:
                interval = _INTERVAL.fullmatch(piece)
                if interval:
                    first = int(interval[1])
                    found.setdefault((uuid, tag), []).append((first, int(interval[2] or first)))
                elif _TAG.fullmatch(piece):
                    tag = piece
                else:
                    raise UsageError(f"{part!r} is not a GTID set", hint="write uuid:1-5, as @@gtid_executed shows it")
        return cls(found)

    @classmethod
    def of(cls, uuid: str, number: int, tag: str = "") -> MysqlGtidSet:
        """The set of one GTID."""
        return cls({(uuid, tag): [(number, number)]})

    @property
    def intervals(self) -> t.Mapping[tuple[str, str], tuple[Interval, ...]]:
        """The runs in order, first and last number, by ``(uuid, tag)``."""
        return self._intervals

    def __contains__(self, gtid: str) -> bool:
        uuid, *rest = gtid.lower().split(":")
        tag = rest[0] if len(rest) == 2 else ""
        number = int(rest[-1])
        return any(first <= number <= last for first, last in self._intervals.get((uuid, tag), ()))

    def __or__(self, other: MysqlGtidSet) -> MysqlGtidSet:
        sources = {*self._intervals, *other._intervals}
        return MysqlGtidSet(
            {source: (*self._intervals.get(source, ()), *other._intervals.get(source, ())) for source in sources}
        )

    def __sub__(self, other: MysqlGtidSet) -> MysqlGtidSet:
        return MysqlGtidSet(
            {source: _without(runs, other._intervals.get(source, ())) for source, runs in self._intervals.items()}
        )

    def __le__(self, other: MysqlGtidSet) -> bool:
        """Whether everything in it is in ``other`` too."""
        return not self - other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MysqlGtidSet) and self._intervals == other._intervals

    def __hash__(self) -> int:
        return hash(tuple(self._intervals.items()))

    def __bool__(self) -> bool:
        return bool(self._intervals)

    def __str__(self) -> str:
        by_uuid: dict[str, list[str]] = {}
        for (uuid, tag), runs in self._intervals.items():
            text = [f"{first}-{last}" if last > first else str(first) for first, last in runs]
            by_uuid.setdefault(uuid, []).extend([tag, *text] if tag else text)
        return ",".join(":".join((uuid, *pieces)) for uuid, pieces in by_uuid.items())

    def __repr__(self) -> str:
        return f"MysqlGtidSet.parse({str(self)!r})"


class MariadbGtidState:
    """An immutable state of MariaDB's GTIDs: of every domain and server the last number.

    :param last: by ``(domain, server_id)``.
    """

    def __init__(self, last: t.Mapping[tuple[int, int], int] | None = None) -> None:
        self._last = dict(sorted((last or {}).items()))

    @classmethod
    def parse(cls, text: str) -> MariadbGtidState:
        """Read ``0-1-100,1-2-7`` as the server writes it.

        :raises UsageError: it is not that.
        """
        last: dict[tuple[int, int], int] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _MARIADB.fullmatch(part)
            if not found:
                raise UsageError(
                    f"{part!r} is not a GTID", hint="write domain-server-number, as @@gtid_binlog_pos does"
                )
            domain, server, number = map(int, found.groups())
            last[domain, server] = max(number, last.get((domain, server), 0))
        return cls(last)

    @property
    def last(self) -> t.Mapping[tuple[int, int], int]:
        return self._last

    def __contains__(self, gtid: str) -> bool:
        """Whether a transaction of the same domain with this number or a later one was seen."""
        domain, _server, number = map(int, gtid.split("-"))
        return any(source[0] == domain and last >= number for source, last in self._last.items())

    def advanced(self, domain: int, server_id: int, number: int) -> MariadbGtidState:
        """The state after one more transaction."""
        return MariadbGtidState({**self._last, (domain, server_id): number})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MariadbGtidState) and self._last == other._last

    def __hash__(self) -> int:
        return hash(tuple(self._last.items()))

    def __bool__(self) -> bool:
        return bool(self._last)

    def __str__(self) -> str:
        return ",".join(f"{domain}-{server}-{number}" for (domain, server), number in self._last.items())

    def __repr__(self) -> str:
        return f"MariadbGtidState.parse({str(self)!r})"


def _merged(runs: t.Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for first, last in sorted(runs):
        if last < first or first < 1:
            raise UsageError(f"{first}-{last} is not a run of transactions", hint="numbers begin with 1 and go up")
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _without(runs: t.Iterable[Interval], taken: t.Iterable[Interval]) -> list[Interval]:
    left = list(runs)
    for first, last in taken:
        remaining: list[Interval] = []
        for begin, end in left:
            if begin < first:
                remaining.append((begin, min(end, first - 1)))
            if end > last:
                remaining.append((max(begin, last + 1), end))
        left = remaining
    return left
