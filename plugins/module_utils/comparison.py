# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What two databases, or a backup and a database, have in common, whatever the order in which their rows lie.

A table's content is the sum of its rows' digests. Where two sums differ and the table has a key, the rows are read
again and counted in many small sums by the digests of their keys, and a third time to collect the keys in those of the
sums that differ: memory is bounded by what differs, not by what is there.
"""

from __future__ import annotations

import typing as t

from .lazy_dataclass import dataclass

#: A kind of object as the database system names it, the schema (or empty), the name.
ObjectName = tuple[str, str, str]
#: Schema (or database) and name.
TableName = tuple[str, str]
#: Takes the texts of a row's key, and that of the whole row.
Take = t.Callable[[tuple[bytes, ...], bytes], None]

_SUMS = 1 << 16
_MOST_KEYS = 200_000
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Table:
    """A table whose rows are compared.

    :param columns: those whose values are stored, in order.
    :param key: the columns of a key that tells rows apart; empty for none, or where nobody knows.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...] = ()


class Side(t.Protocol):
    """One of the two that are compared: a live database in one snapshot, or a backup."""

    @property
    def description(self) -> str: ...

    def objects(self) -> t.Mapping[ObjectName, str]:
        """Every object with its definition."""

    def tables(self) -> t.Mapping[TableName, Table]: ...

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        """Number of rows, and what stands for their content."""

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        """Hand every row to ``take``, in any order."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class KeyDifferences:
    """Which rows differ, by their keys.

    :param only_first, only_second: how many keys only one side has.
    :param changed: how many both have, with other values in other columns.
    :param ranges: first and last key of what differs, values as text; whole numbers that follow each other together.
    :param complete: whether all of them were looked at.
    """

    only_first: int
    only_second: int
    changed: int
    ranges: tuple[tuple[str, str], ...]
    complete: bool = True

    def to_dict(self) -> dict[str, t.Any]:
        fields = {name: getattr(self, name) for name in ("only_first", "only_second", "changed", "complete")}
        return {**fields, "ranges": [list(one) for one in self.ranges]}


def key_differences(first: t.Callable[[Take], None], second: t.Callable[[Take], None]) -> KeyDifferences:
    """Find the rows that differ.

    :param first, second: hand out all rows anew each time they are called.
    """
    mask = _SUMS - 1
    sums = [0] * _SUMS

    # Digests of this process alone, of sixty-four bits: that something differs was found by a better one. (That of no
    # bytes at all is zero, and would not count; that of the same in a tuple is not.)
    def add(key: tuple[bytes, ...], row: bytes) -> None:
        sums[hash(key) & mask] += hash((row,))

    def subtract(key: tuple[bytes, ...], row: bytes) -> None:
        sums[hash(key) & mask] -= hash((row,))

    first(add)
    second(subtract)
    differing = frozenset(number for number, value in enumerate(sums) if value)
    found: dict[tuple[bytes, ...], list[int]] = {}
    left_out: list[bool] = []

    def collector(side: int) -> Take:
        def collect(key: tuple[bytes, ...], row: bytes) -> None:
            if hash(key) & mask not in differing:
                return
            if key not in found and len(found) >= _MOST_KEYS:
                left_out[:] = [True]
                return
            # Number of rows and sum of their digests, of each side.
            entry = found.setdefault(key, [0, 0, 0, 0])
            entry[2 * side] += 1
            entry[2 * side + 1] += hash((row,))

        return collect

    first(collector(0))
    second(collector(1))
    keys = {key: entry for key, entry in found.items() if entry[:2] != entry[2:]}
    return KeyDifferences(
        only_first=sum(1 for entry in keys.values() if not entry[2]),
        only_second=sum(1 for entry in keys.values() if not entry[0]),
        changed=sum(1 for entry in keys.values() if entry[0] and entry[2]),
        ranges=_ranges(list(keys)),
        complete=not left_out,
    )


def _ranges(keys: t.Sequence[tuple[bytes, ...]]) -> tuple[tuple[str, str], ...]:
    if keys and all(len(key) == 1 and _is_number(key[0]) for key in keys):
        numbers = sorted(int(key[0]) for key in keys)
        ranges: list[list[int]] = []
        for number in numbers:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        return tuple((str(begin), str(end)) for begin, end in ranges[:_MOST_SHOWN])
    texts = sorted(", ".join(part.decode("utf-8", "replace") for part in key) for key in keys)
    return tuple((text, text) for text in texts[:_MOST_SHOWN])


def _is_number(text: bytes) -> bool:
    return text.lstrip(b"-").isdigit() and len(text) < 30
