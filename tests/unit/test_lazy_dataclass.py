# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records are what the standard library's frozen dataclasses are, beside the time that their classes cost."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import threading
from typing import Any

import pytest

from dbfleet.lazy_dataclass import dataclass


@dataclass(frozen=True)
class Point:
    """A place."""

    x: int
    y: int = 2
    names: dict[str, int] = dataclasses.field(default_factory=dict)
    secret: str = dataclasses.field(default="", repr=False)
    note: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class Usual:
    """The same by the standard library."""

    x: int
    y: int = 2
    names: dict[str, int] = dataclasses.field(default_factory=dict)
    secret: str = dataclasses.field(default="", repr=False)
    note: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True)
class Named(Point):
    """A place with a name, and y another default."""

    name: str = "a"
    y: int = 3


@dataclass(frozen=True)
class Checked:
    """Something that must be positive."""

    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")


@dataclass(frozen=True)
class Nothing:
    """No field at all."""


@dataclass(frozen=True)
class OnesOwn:  # noqa: PLW1641 - the decorator makes the hash
    """Methods of its own stay."""

    value: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OnesOwn)

    def __repr__(self) -> str:
        return "mine"


@dataclass(frozen=True)
class Hashed:
    """A hash of its own stays."""

    value: int

    def __hash__(self) -> int:
        return 42


class Derived(Point):
    """No record itself."""

    def __init__(self, x: int) -> None:
        super().__init__(x, y=7)
        self.more = "more"


@pytest.mark.parametrize(
    ("arguments", "named"), [((1,), {}), ((1, 5), {"note": "n"}), ((), {"x": 3, "names": {"a": 1}, "secret": "s"})]
)
def test_it_is_like_the_standard_library_s(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Point(*arguments, **named), Usual(*arguments, **named)
    assert vars(ours) == vars(theirs)
    assert repr(ours) == repr(theirs).replace("Usual", "Point")
    assert "secret" not in repr(ours)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert vars(dataclasses.replace(ours, y=9)) == vars(dataclasses.replace(theirs, y=9))
    assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(Usual)]
    assert Point.y == Usual.y == 2
    assert not hasattr(Point, "names")
    assert not hasattr(Usual, "names")
    assert copy.deepcopy(ours) == ours
    assert pickle.loads(pickle.dumps(ours)) == ours


def test_equal_are_those_of_one_class_whose_values_are_equal() -> None:
    assert Point(1) == Point(1, note="not compared")
    assert Point(1) != Point(2)
    assert Point(1, 3) != Named(1)
    assert Nothing() == Nothing()
    assert Point(1) != (1, 2, {}, "")
    assert Point(1).__eq__((1, 2)) is NotImplemented


def test_hashes_are_those_of_the_values() -> None:
    assert hash(Checked(1)) == hash(Checked(1))
    assert len({Checked(1), Checked(1), Checked(2), Nothing(), Nothing()}) == 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_nothing_changes() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.other = 2  # type: ignore[attr-defined]
    assert vars(point) == vars(Usual(1))


def test_derived_records_and_classes() -> None:
    assert vars(Named(1)) == {"x": 1, "y": 3, "names": {}, "secret": "", "note": "", "name": "a"}
    assert [field.name for field in dataclasses.fields(Named)] == ["x", "y", "names", "secret", "note", "name"]
    derived = Derived(4)
    assert (derived.x, derived.y, derived.more) == (4, 7, "more")
    derived.more = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        derived.x = 5  # type: ignore[misc]


def test_what_is_made_by_a_factory_is_nobody_else_s() -> None:
    assert Point(1).names is not Point(1).names


def test_methods_of_its_own() -> None:
    assert Checked(1).value == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)
    assert OnesOwn(1) == OnesOwn(2)
    assert repr(OnesOwn(1)) == "mine"
    assert hash(OnesOwn(1)) == hash(OnesOwn(1))
    assert hash(Hashed(1)) == 42


@pytest.mark.parametrize(("arguments", "named"), [((), {}), ((1, 2, {}, "", "", 6), {}), ((1,), {"z": 1})])
def test_wrong_arguments(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        Point(*arguments, **named)


def test_a_record_is_frozen() -> None:
    with pytest.raises(TypeError, match="frozen"):
        dataclass(frozen=False)(type("Loose", (), {}))


def test_methods_are_compiled_once_when_they_are_used_first() -> None:
    @dataclass(frozen=True)
    class Late:
        value: int

    before = {name: vars(Late)[name] for name in ("__init__", "__eq__", "__hash__")}
    assert Late(1) == Late(1)
    after = {name: vars(Late)[name] for name in before}
    assert [name for name in before if before[name] is after[name]] == ["__hash__"]
    Late(2)
    assert vars(Late)["__init__"] is after["__init__"]
    assert list(inspect.signature(Late).parameters) == ["value"]


def test_two_threads_may_make_the_first_instances() -> None:
    @dataclass(frozen=True)
    class Late:
        value: int

    made: list[Late] = []
    barrier = threading.Barrier(8)

    def make(number: int) -> None:
        barrier.wait(60)
        made.append(Late(number))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {late.value for late in made} == set(range(8))
