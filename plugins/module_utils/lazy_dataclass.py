# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Frozen dataclasses that cost next to nothing until they are used.

``dataclasses.dataclass(frozen=True)`` compiles six methods for each class, half a millisecond's work. The engine has
hundreds of records, a job imports half of them and makes instances of a quarter of those: with the standard library's
own decorator that was a fifth of a short job's time. Here a method is compiled when it is called for the first time.

What comes out is a dataclass: ``fields``, ``replace``, ``asdict``, defaults, inheritance and ``__post_init__`` are the
standard library's. Not supported, because no record needs it: ``InitVar``, ``init=False``,
``kw_only``, ``order`` and ``slots``.
"""

from __future__ import annotations

import dataclasses
import reprlib
import typing as t

_Class = t.TypeVar("_Class", bound="type[t.Any]")
#: Stands for what a factory makes, as ``None`` may be a value.
_UNMADE = object()


def _frozen_dataclass(*, frozen: bool) -> t.Callable[[_Class], _Class]:
    """``dataclasses.dataclass(frozen=True)``.

    :param frozen: must be true; it is written down at each class so that readers and type checkers see it.
    """
    if not frozen:
        raise TypeError("a record is frozen")
    return _prepared


def _prepared(cls: t.Any) -> t.Any:
    # The standard library collects and checks the fields; it compiles nothing.
    dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    own = vars(cls)
    # Python itself puts a None there for a class that has an __eq__ of its own.
    if own.get("__hash__") is None and ("__eq__" in own or "__hash__" not in own):
        _compile_later(cls, "__hash__", _hash_source)
    if "__init__" not in own:
        _compile_later(cls, "__init__", _init_source)
    if "__eq__" not in own:
        _compile_later(cls, "__eq__", _eq_source)
    if "__repr__" not in own:
        cls.__repr__ = _repr
    _freeze(cls, frozenset(cls.__dataclass_fields__))
    return cls


def _compile_later(
    cls: type[t.Any], name: str, source_of: t.Callable[[type[t.Any]], tuple[str, dict[str, t.Any]]]
) -> None:
    """Give a class a method that puts the compiled one into its own place.

    :param source_of: makes the function's text and the names that it knows.
    """

    def first(self: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
        # Two threads may both come here: each makes the same function.
        source, known = source_of(cls)
        exec(source, known)
        method = known[name]
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        method.__module__ = cls.__module__
        setattr(cls, name, method)
        return method(self, *args, **kwargs)

    setattr(cls, name, first)


def _init_source(cls: type[t.Any]) -> tuple[str, dict[str, t.Any]]:
    """``def __init__(self, name, other=_default_1): ...``: all the text is made of the names of the fields."""
    known: dict[str, t.Any] = {"_set": object.__setattr__, "_unmade": _UNMADE}
    parameters, lines = ["self"], []
    for number, field in enumerate(dataclasses.fields(cls)):
        name, value, default = field.name, field.name, ""
        if field.default_factory is not dataclasses.MISSING:
            known[f"_make_{number}"] = field.default_factory
            default, value = "=_unmade", f"_make_{number}() if {name} is _unmade else {name}"
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{number}"] = field.default
            default = f"=_default_{number}"
        parameters.append(f"{name}{default}")
        lines.append(f" _set(self, {name!r}, {value})\n")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    return f"def __init__({', '.join(parameters)}):\n{''.join(lines) or ' pass'}", known


def _eq_source(cls: type[t.Any]) -> tuple[str, dict[str, t.Any]]:
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    equal = f"{_values(names)} == {_values(names, 'other')}"
    return f"def __eq__(self, other): return {equal} if other.__class__ is self.__class__ else NotImplemented", {}


def _hash_source(cls: type[t.Any]) -> tuple[str, dict[str, t.Any]]:
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields if (field.compare if field.hash is None else field.hash)]
    return f"def __hash__(self): return hash({_values(names)})", {}


def _values(names: t.Iterable[str], of: str = "self") -> str:
    return f"({''.join(f'{of}.{name},' for name in names)})"


@reprlib.recursive_repr()
def _repr(self: t.Any) -> str:
    shown = [field.name for field in dataclasses.fields(self) if field.repr]
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _freeze(cls: t.Any, names: frozenset[str]) -> None:
    """Refuse changes; a class that is derived from a record may still have attributes of its own."""

    def refuse_change(self: t.Any, name: str, value: t.Any) -> None:
        if self.__class__ is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def refuse_removal(self: t.Any, name: str) -> None:
        if self.__class__ is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__ = refuse_change
    cls.__delattr__ = refuse_removal


if t.TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _frozen_dataclass

__all__ = ["dataclass"]
