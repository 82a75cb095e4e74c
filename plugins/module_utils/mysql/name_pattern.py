# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Patterns of names: ``orders``, ``log_*``, ``shop.order?``, and in back quotes what stands for itself."""

from __future__ import annotations

import re
import typing as t

from ..errors import UsageError

_PART = re.compile(r"`((?:[^`]|``)*)`|([^`]+)")
_WILD = {"*": ".*", "?": "."}


class NamePattern:
    """A pattern of an object's name, with or without its database's.

    ``*`` is any text and ``?`` any character. What is in back quotes stands for itself, and only a point outside of
    them parts database and name.

    :param text: as the user wrote it.
    :param folds_case: whether the server takes names of another case for the same.
    :raises UsageError: a back quote is not closed, or a part is empty.
    """

    def __init__(self, text: str, *, folds_case: bool = False) -> None:
        self.text = text
        flags = re.DOTALL | (re.IGNORECASE if folds_case else 0)
        parts = [re.compile(part, flags) for part in _expressions(text)]
        self._name = parts.pop()
        self._database = parts.pop() if parts else None

    def matches(self, database: str, name: str) -> bool:
        """Whether it takes this object."""
        if self._database is not None and not self._database.fullmatch(database):
            return False
        return self._name.fullmatch(name) is not None


def _expressions(text: str) -> list[str]:
    parts = [""]
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise UsageError(f"a back quote is not closed in {text!r}", hint="write two of them for one in a name")
        position = match.end()
        quoted, plain = match.groups()
        if quoted is not None:
            parts[-1] += re.escape(quoted.replace("``", "`"))
            continue
        for character in plain:
            if character == ".":
                parts.append("")
            else:
                parts[-1] += _WILD.get(character) or re.escape(character)
    if not all(parts) or len(parts) > 2:
        raise UsageError(
            f"{text!r} is not the name of a table", hint="write table or database.table, a name with points in quotes"
        )
    return parts


def patterns(texts: t.Iterable[str], *, folds_case: bool) -> tuple[NamePattern, ...]:
    """Each text as a pattern."""
    return tuple(NamePattern(text, folds_case=folds_case) for text in texts)
