# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of objects: stable, respecting every dependency, with loops repaired or named."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import UnsupportedObjectError
from dbfleet.lazy_dataclass import dataclass
from dbfleet.postgresql.catalog.base import DatabaseObject, Entry, Key, Priority
from dbfleet.postgresql.catalog.context import Definitions
from dbfleet.postgresql.dependencies import Graph


@dataclass(frozen=True)
class Thing(DatabaseObject):
    """A table to the order."""

    kind: ClassVar[str] = "thing"
    priority: ClassVar[Priority] = Priority.TABLE

    def entries(self, definitions: Definitions) -> Iterator[Entry]:
        yield from ()


@dataclass(frozen=True)
class Constraint(Thing):
    """Comes after the data."""

    priority: ClassVar[Priority] = Priority.CONSTRAINT


@dataclass(frozen=True)
class Part(Thing):
    """Stands in its owner's statement, unless a loop forces it apart."""

    owner: Key
    priority: ClassVar[Priority] = Priority.DEFAULT

    @property
    def embedded_in(self) -> Key | None:
        return self.owner


def thing(oid: int, name: str = "", schema: str = "s") -> Thing:
    return Thing(Key(1259, oid), schema, name or f"t{oid:03}")


def names(ordered: Sequence[DatabaseObject]) -> list[str]:
    return [one.name for one in ordered]


def test_without_dependencies_kinds_schemas_and_names_decide_never_oids() -> None:
    objects = [thing(1, "c"), thing(2, "a"), thing(3, "b", "r"), Constraint(Key(2606, 4), "s", "k")]
    for seed in range(5):
        shuffled = random.Random(seed).sample(objects, len(objects))
        assert names(Graph(shuffled, {}).order()) == ["b", "a", "c", "k"]


def test_what_is_needed_moves_to_the_front_of_what_needs_it() -> None:
    graph = Graph([thing(number) for number in range(1, 6)], {})
    graph.add(Key(1259, 1), Key(1259, 4))
    assert names(graph.order()) == ["t004", "t001", "t002", "t003", "t005"]


def test_aliases_stand_for_objects_and_the_unknown_is_passed_over() -> None:
    graph = Graph([thing(1), thing(2)], {Key(1247, 7): Key(1247, 8), Key(1247, 8): Key(1259, 2)})
    graph.add(Key(1259, 1), Key(1247, 7))
    graph.add(Key(1259, 1), Key(1255, 99))
    graph.add(Key(1247, 7), Key(1259, 2))
    assert names(graph.order()) == ["t002", "t001"]


def test_a_redirected_dependency_is_met_by_less() -> None:
    shell, kind, function = thing(1, "shell"), thing(2, "a type"), thing(3, "function")
    graph = Graph([shell, kind, function], {}, {(function.key, kind.key): shell.key})
    graph.add(function.key, kind.key)
    graph.add(kind.key, function.key)
    assert names(graph.order()) == ["shell", "function", "a type"]


def test_a_part_comes_with_its_owner() -> None:
    owner = thing(1)
    part = Part(Key(2604, 2), "s", "part", owner.key)
    graph = Graph([owner, part], {})
    graph.add(part.key, owner.key)
    assert names(graph.order()) == ["part", "t001"]
    assert graph.separate == set()


@pytest.mark.parametrize("between", [1, 2, 5])
def test_a_loop_through_a_part_sets_it_apart(between: int) -> None:
    """A table's default that needs something that needs the table."""
    owner = thing(1)
    part = Part(Key(2604, 2), "s", "part", owner.key)
    chain = [thing(10 + number) for number in range(between)]
    graph = Graph([owner, part, *chain], {})
    keys = [part.key, *(one.key for one in chain), owner.key]
    for key, needed in zip(keys, keys[1:]):
        graph.add(key, needed)
    ordered = names(graph.order())
    assert graph.separate == {part.key}
    assert ordered[0] == "t001"
    assert ordered[-1] == "part"


def test_a_loop_that_nothing_can_break_is_named() -> None:
    graph = Graph([thing(1), thing(2), thing(3)], {})
    for key, needed in ((1, 2), (2, 3), (3, 1)):
        graph.add(Key(1259, key), Key(1259, needed))
    with pytest.raises(UnsupportedObjectError) as caught:
        graph.order()
    assert sorted(caught.value.context["objects"]) == ["thing s.t001", "thing s.t002", "thing s.t003"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=80), st.randoms(use_true_random=False))
def test_every_dependency_without_a_loop_is_respected(pairs: list[tuple[int, int]], shuffler: random.Random) -> None:
    # A random order of the numbers makes any set of pairs free of loops.
    rank = list(range(31))
    shuffler.shuffle(rank)
    objects = [thing(number + 1) for number in range(31)]
    shuffler.shuffle(objects)
    graph = Graph(objects, {})
    needs = [(a, b) if rank[a] > rank[b] else (b, a) for a, b in pairs if a != b]
    for key, needed in needs:
        graph.add(Key(1259, key + 1), Key(1259, needed + 1))
    place = {one.key.oid - 1: number for number, one in enumerate(graph.order())}
    assert len(place) == 31
    assert all(place[needed] < place[key] for key, needed in needs)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=60))
def test_any_loops_through_parts_are_resolved(pairs: list[tuple[int, int]]) -> None:
    """Every table has a part; all dependencies hang on the parts, so every loop has one."""
    owners = [thing(number + 1) for number in range(13)]
    parts = [Part(Key(2604, 100 + number), "s", f"p{number}", owners[number].key) for number in range(13)]
    graph = Graph([*owners, *parts], {})
    for a, b in pairs:
        graph.add(parts[a].key, owners[b].key)
    place = {one.key: number for number, one in enumerate(graph.order())}
    assert len(place) == 26
    for a, b in pairs:
        if a != b:
            assert place[owners[b].key] < place[parts[a].key]
    for owner, part in zip(owners, parts):
        assert (place[owner.key] < place[part.key]) == (part.key in graph.separate)
