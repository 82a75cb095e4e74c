# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that a user gave for one job, checked one by one against the table of options."""

from __future__ import annotations

import re
import typing as t

from ..errors import UsageError
from .option import DBMS, Option
from .options import options_of
from .options_connection import CONNECTION

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|min|h|d|w)")


def seconds_of(text: str, name: str) -> float:
    """Seconds, from ``90s``, ``15m``, ``6h``, ``2d`` or ``1w``.

    :param name: what the user calls the option.
    :raises UsageError: it is not such a text.
    """
    match = _DURATION.fullmatch(text.strip())
    if match:
        return float(match.group(1)) * _UNITS[match.group(2)]
    if text.strip() == "0":
        return 0.0
    raise UsageError(f"{name} {text!r} is not a time", hint="write a number and its unit: 90s, 15m, 6h, 2d or 1w")


class Given:
    """A job's options by name; those that were not given have their defaults.

    :param job: ``backup``, ``restore`` or ``info``.
    :param dbms: ``postgresql``, ``mysql`` or ``mariadb``; empty for a job that talks to no server.
    :param values: by the modules' names; ``None`` is the same as not given, and so is an empty connection option.
    :param spell: what the user calls an option, for error messages.
    :raises UsageError: an option is unknown to the job, belongs to the other database system, is empty, is not one of
        its choices, or is missing; a secret's value is never shown.
    """

    def __init__(
        self,
        job: str,
        dbms: str,
        values: t.Mapping[str, t.Any],
        spell: t.Callable[[Option], str] = lambda option: option.name,
    ) -> None:
        if dbms and dbms not in DBMS:
            raise UsageError(f"unknown database system {dbms!r}", hint=f"use one of {', '.join(DBMS)}")
        self.job = job
        self.world = DBMS.get(dbms, "")
        self._options = options_of(job)
        self._spell = spell
        self._values = {name: value for name, value in values.items() if value is not None}
        for option in CONNECTION:
            if self._values.get(option.name) == "":
                del self._values[option.name]
        for name, value in self._values.items():
            self._check(name, value)
        for option in options_of(job, self.world).values():
            if self.world in option.required and option.name not in self._values:
                raise UsageError(f"{self.spelled(option.name)} is required")

    def spelled(self, name: str) -> str:
        """What the user calls the option ``name``."""
        return self._spell(self._options[name])

    def takes(self, name: str) -> bool:
        """Whether the job has the option ``name`` at all."""
        return name in self._options

    def has(self, name: str) -> bool:
        """Whether the option was given; for a switch, whether it is on."""
        return name in self._values and self._values[name] is not False

    def changed(self) -> list[str]:
        """The options that have another value than they have by default."""
        return [
            name
            for name, value in self._values.items()
            if value is not False and value != [] and value != self._options[name].default
        ]

    def text(self, name: str) -> str:
        value = self._value(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int | None:
        value = self._value(name)
        return None if value is None else int(value)

    def count(self, name: str, *, least: int) -> int:
        """A number that has a default and a lower limit.

        :raises UsageError: it is below ``least``.
        """
        value = int(self._value(name))
        if value < least:
            raise UsageError(f"{self.spelled(name)} is {value}", hint=f"use {least} or more")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """An option that can be given several times."""
        return tuple(str(text) for text in self._value(name) or ())

    def switch(self, name: str) -> bool:
        return bool(self._value(name))

    def duration(self, name: str) -> float | None:
        """Seconds, from ``90s``, ``15m``, ``6h``, ``2d`` or ``1w``.

        A bare number is refused: pg_dump takes it as milliseconds, Ansible's own modules as seconds.

        :raises UsageError: it is not such a text.
        """
        text = self.text(name)
        if not text:
            return None
        return seconds_of(text, self.spelled(name))

    def exactly_one(self, *names: str) -> str:
        """The one of ``names`` that was given.

        :raises UsageError: none was, or more than one.
        """
        given = [name for name in names if self.has(name)]
        spelled = " and ".join(self.spelled(name) for name in names)
        if len(given) != 1:
            problem = "exclude each other" if given else "are both missing" if len(names) == 2 else "are all missing"
            raise UsageError(f"{spelled} {problem}", hint="give exactly one of them")
        return given[0]

    def at_most_one(self, *names: str) -> None:
        """:raises UsageError: more than one of ``names`` was given."""
        given = [self.spelled(name) for name in names if self.has(name)]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} exclude each other", hint="give at most one of them")

    def only_with(self, name: str, needed: str) -> None:
        """:raises UsageError: ``name`` was given without ``needed``, where it means nothing."""
        if self.has(name) and not self.has(needed):
            raise UsageError(f"{self.spelled(name)} means something only together with {self.spelled(needed)}")

    def _value(self, name: str) -> t.Any:
        return self._values.get(name, self._options[name].default)

    def _check(self, name: str, value: t.Any) -> None:
        option = self._options.get(name)
        if option is None:
            raise UsageError(f"{self.job} has no option {name}")
        spelled = self.spelled(name)
        if self.world and option.worlds and self.world not in option.worlds:
            raise UsageError(f"{spelled} is an option for {option.worlds[0]} and means nothing to {self.world}")
        if value == "" or (isinstance(value, list) and "" in value):
            # A variable that is not set must not turn "this backup" into "the latest one".
            raise UsageError(f"{spelled} is empty", hint="give it a value, or leave it out")
        choices = option.choices_in(self.world)
        if choices and value not in choices:
            raise UsageError(
                f"{value!r} is not a {spelled} of {self.world or self.job}", hint=f"use one of {', '.join(choices)}"
            )


def given_to_module(job: str, params: t.Mapping[str, t.Any]) -> Given:
    """The options in ``AnsibleModule.params``, which holds aliases and ``dbms`` too."""
    return Given(job, params.get("dbms") or "", {name: params[name] for name in options_of(job) if name in params})


def given_to_command(job: str, dbms: str, values: t.Mapping[str, t.Any]) -> Given:
    """The options that the command was called with, named in errors as they are there."""
    return Given(job, dbms, values, spell=lambda option: option.flags[0] if option.flags else option.name)
