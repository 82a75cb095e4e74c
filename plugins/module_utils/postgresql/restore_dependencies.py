# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What selected entries of an archive depend on, found by the archive's own dependencies."""

from __future__ import annotations

import collections
import typing as t

from .toc import TocEntry

# Parts of a table, and of a sequence, that archives hold as entries of their own.
_PARTS = {"TABLE": frozenset(("DEFAULT",)), "SEQUENCE": frozenset(("SEQUENCE OWNED BY", "SEQUENCE SET"))}
_FOLLOWERS = frozenset(("ACL", "COMMENT", "SECURITY LABEL"))
_IDENTITY = "ALTER TABLE "
# They look at the rows of the tables that they depend on.
_READERS = frozenset(("FK CONSTRAINT", "MATERIALIZED VIEW DATA"))
_ROWS = frozenset(("TABLE DATA", "MATERIALIZED VIEW DATA"))
_WITH_ROWS = frozenset(("TABLE", "MATERIALIZED VIEW"))


def with_dependencies(
    entries: t.Sequence[TocEntry], chosen: t.Iterable[TocEntry], allowed: t.Callable[[TocEntry], bool]
) -> set[int]:
    """The dump ids of the chosen entries and of all that they need.

    That is what they depend on, directly or not; the defaults of tables' columns; sequences with their positions; the
    privileges, comments and labels of all of these; and the rows of tables that a foreign key or a materialized view
    is made from. Other tables come without rows.

    :param allowed: whether an entry may be added.
    """
    return _Closure(entries, allowed).of(chosen)


class _Closure:
    def __init__(self, entries: t.Sequence[TocEntry], allowed: t.Callable[[TocEntry], bool]) -> None:
        self._by_id = {entry.dump_id: entry for entry in entries}
        self._allowed = allowed
        self._behind: dict[int, list[TocEntry]] = collections.defaultdict(list)
        for entry in entries:
            for number in entry.dependencies:
                self._behind[number].append(entry)

    def of(self, chosen: t.Iterable[TocEntry]) -> set[int]:
        found: dict[int, TocEntry] = {}
        queue = list(chosen)
        while queue:
            entry = queue.pop()
            if entry.dump_id in found:
                continue
            found[entry.dump_id] = entry
            needed = [*self._before(entry), *self._parts(entry)]
            if entry.desc in _READERS:
                needed.extend(self._rows_behind(entry))
            queue.extend(one for one in needed if self._allowed(one))
        return set(found)

    def _before(self, entry: TocEntry) -> t.Iterator[TocEntry]:
        if entry.desc in _FOLLOWERS:
            return
        for number in entry.dependencies:
            if number in self._by_id:
                yield self._by_id[number]

    def _parts(self, entry: TocEntry) -> t.Iterator[TocEntry]:
        for one in self._behind[entry.dump_id]:
            if one.desc in _FOLLOWERS or _is_part(one, entry):
                yield one

    def _rows_behind(self, reader: TocEntry) -> t.Iterator[TocEntry]:
        """The rows of every table that an entry depends on, directly or not."""
        seen: set[int] = set()
        queue = list(self._before(reader))
        while queue:
            entry = queue.pop()
            if entry.dump_id in seen:
                continue
            seen.add(entry.dump_id)
            queue.extend(self._before(entry))
            if entry.desc in _WITH_ROWS:
                yield from (one for one in self._behind[entry.dump_id] if one.desc in _ROWS)


def _is_part(entry: TocEntry, whole: TocEntry) -> bool:
    """Whether an entry that depends on another makes a part of it, and not something of its own."""
    if entry.namespace != whole.namespace:
        return False
    if whole.desc == "TABLE" and entry.desc == "SEQUENCE":
        return (entry.defn or "").startswith(_IDENTITY)
    # A default's name is that of its table and its column.
    return entry.desc in _PARTS.get(whole.desc, ()) and f"{entry.tag} ".startswith(f"{whole.tag} ")
