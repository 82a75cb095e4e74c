# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The order of everything: dependencies, a stable topological sort, and the repair of loops.

Objects are first put into the order of their kinds and names. The sort then moves an object only where a dependency
demands it, and takes the last one that is ready whenever it fills the order from its end: so two databases with equal
objects give equal orders, whatever their OIDs are.
"""

from __future__ import annotations

import heapq
import typing as t

from ..errors import UnsupportedObjectError
from .catalog.base import CatalogOid, DatabaseObject, Key, Priority
from .catalog.function import Function
from .catalog.materialized_view import MaterializedView
from .catalog.relation_statistics import RelationStatistics, statistics_key

PRE_DATA_BOUNDARY = Key(-Priority.PRE_DATA_BOUNDARY, 0)
POST_DATA_BOUNDARY = Key(-Priority.POST_DATA_BOUNDARY, 0)


class Graph:
    """Objects and what each of them must come after.

    :param objects: every object, also those that only take part in the order.
    :param aliases: keys that stand for others.
    :param redirects: dependencies that are met by less: object and needed object, and what is enough.
    """

    def __init__(
        self,
        objects: t.Iterable[DatabaseObject],
        aliases: t.Mapping[Key, Key],
        redirects: t.Mapping[tuple[Key, Key], Key] | None = None,
    ) -> None:
        self.objects = {one.key: one for one in objects}
        self._aliases = aliases
        self._redirects = redirects or {}
        self.needs: dict[Key, set[Key]] = {key: set() for key in self.objects}
        self.needs[PRE_DATA_BOUNDARY] = set()
        self.needs[POST_DATA_BOUNDARY] = {PRE_DATA_BOUNDARY}
        #: Parts that got a statement of their own because of a loop.
        self.separate: set[Key] = set()
        #: Objects that moved behind the data because of a loop.
        self.postponed: set[Key] = set()
        #: Tables whose rows refer to each other in a circle, so that no order of their data is right.
        self.circular: list[list[Key]] = []
        for one in self.objects.values():
            self._place(one)
            for key in one.edges():
                self.add(one.key, key)

    def resolve(self, key: Key) -> Key:
        """The object that a key of the catalogs stands for.

        A member of an extension that is an object here (for its privileges) stands for itself.
        """
        while key in self._aliases and key not in self.objects:
            key = self._aliases[key]
        return key

    def add(self, key: Key, needed: Key) -> None:
        """``key`` must come after ``needed``; objects that are not dumped are passed over."""
        key, needed = self.resolve(key), self.resolve(needed)
        if self._redirects:
            needed = self._redirects.get((key, needed), needed)
        if key not in self.objects or needed not in self.objects:
            return
        if key == needed:
            if self.objects[key].priority == Priority.TABLE_DATA:
                self.circular.append([key])
            return
        # An extension comes with its members, even with one that is an object here.
        if self._aliases.get(needed) == key:
            return
        part = self.objects[key]
        owner = part.embedded_in
        if owner is not None and key not in self.separate:
            # A part comes with its owner, so it does not wait for it.
            if owner == needed:
                return
            # A default that takes numbers from a sequence of its own table: the commonest loop needs no search.
            if owner in self.needs[needed]:
                self._set_apart(part)
        self.needs[key].add(needed)

    def _place(self, one: DatabaseObject) -> None:
        """The object's side of the two boundaries, and its owner's need of it."""
        if one.embedded_in is not None and one.embedded_in in self.objects:
            self.needs[one.embedded_in].add(one.key)
        elif isinstance(one, RelationStatistics) and one.is_after_data(()):
            self.needs[one.key].add(POST_DATA_BOUNDARY)
        elif one.priority < Priority.PRE_DATA_BOUNDARY:
            self.needs[PRE_DATA_BOUNDARY].add(one.key)
        elif one.priority < Priority.POST_DATA_BOUNDARY:
            self.needs[one.key].add(PRE_DATA_BOUNDARY)
            self.needs[POST_DATA_BOUNDARY].add(one.key)
        else:
            self.needs[one.key].add(POST_DATA_BOUNDARY)

    def order(self) -> list[DatabaseObject]:
        """All objects in an order that respects every dependency.

        :raises UnsupportedObjectError: a loop cannot be resolved; the error names its objects.
        """
        start = self._natural_order()
        while True:
            ordered, left = _sort(start, self.needs)
            if not left:
                return [self.objects[key] for key in ordered if key in self.objects]
            for loop in _loops(left, self.needs):
                self._repair(loop)

    def _natural_order(self) -> list[Key]:
        def place(key: Key) -> tuple[t.Any, ...]:
            one = self.objects.get(key)
            if one is None:
                return (-key.catalog,)
            # Objects in a schema come before those of the same kind in none.
            return (int(one.priority), one.schema == "", one.schema, one.name, one.natural_order(), key)

        return sorted(self.needs, key=place)

    def _repair(self, loop: list[Key]) -> None:
        """Break one loop by the first means that fits."""
        members = set(loop)
        for key in loop:
            one = self.objects.get(key)
            if one is not None and one.embedded_in in members:
                self._set_apart(one)
                return
        if PRE_DATA_BOUNDARY in members or POST_DATA_BOUNDARY in members:
            for key in loop:
                if isinstance(self.objects.get(key), (MaterializedView, Function)):
                    self.needs[PRE_DATA_BOUNDARY].discard(key)
                    self.postponed.add(key)
                    self._postpone_statistics(key)
                    return
        if all(key in self.objects and self.objects[key].priority == Priority.TABLE_DATA for key in loop):
            self.circular.append(loop)
            self.needs[loop[0]].discard(loop[1])
            return
        names = [self.objects[key].label for key in loop if key in self.objects]
        raise UnsupportedObjectError(
            f"these objects depend on each other in a loop that cannot be resolved: {', '.join(names)}",
            hint="drop or change one of them; the genuine pg_dump would write them in an order that cannot be restored",
            objects=names,
        )

    def _postpone_statistics(self, relation: Key) -> None:
        """The statistics of what is made after the data come there too."""
        key = statistics_key(relation.oid)
        if relation.catalog == CatalogOid.PG_CLASS and key in self.objects:
            self.needs[POST_DATA_BOUNDARY].discard(key)
            self.needs[key].add(POST_DATA_BOUNDARY)

    def _set_apart(self, part: DatabaseObject) -> None:
        """Give a part its own statement, after its owner."""
        owner = t.cast(Key, part.embedded_in)
        self.needs[owner].discard(part.key)
        self.needs[part.key].add(owner)
        self.separate.add(part.key)
        if part.priority > Priority.POST_DATA_BOUNDARY:
            self.needs[part.key].add(POST_DATA_BOUNDARY)
        else:
            self.needs[PRE_DATA_BOUNDARY].add(part.key)


def _sort(start: t.Sequence[Key], needs: t.Mapping[Key, t.Collection[Key]]) -> tuple[list[Key], set[Key]]:
    """The order, filled from its end with the last of those that nothing unplaced waits for; and what is in loops."""
    position = {key: number for number, key in enumerate(start)}
    waiting = dict.fromkeys(start, 0)
    for needed in needs.values():
        for key in needed:
            waiting[key] += 1
    ready = [-position[key] for key in start if not waiting[key]]
    heapq.heapify(ready)
    backwards: list[Key] = []
    while ready:
        key = start[-heapq.heappop(ready)]
        backwards.append(key)
        for needed_key in needs[key]:
            waiting[needed_key] -= 1
            if not waiting[needed_key]:
                heapq.heappush(ready, -position[needed_key])
    return backwards[::-1], set(start).difference(backwards)


def _loops(left: set[Key], needs: t.Mapping[Key, t.Collection[Key]]) -> t.Iterator[list[Key]]:
    """Loops among the objects that could not be placed, no object in two of them."""
    done: set[Key] = set()
    for start in sorted(left):
        if start in done:
            continue
        path: list[Key] = []
        on_path: dict[Key, int] = {}
        stack: list[t.Iterator[Key]] = [iter((start,))]
        found = False
        while stack and not found:
            for key in stack[-1]:
                if key in on_path:
                    loop = path[on_path[key] :]
                    done.update(loop)
                    yield loop
                    found = True
                    break
                if key in done or key not in left:
                    continue
                on_path[key] = len(path)
                path.append(key)
                stack.append(iter(sorted(needs[key])))
                break
            else:
                stack.pop()
                if path:
                    gone = path.pop()
                    del on_path[gone]
                    done.add(gone)
