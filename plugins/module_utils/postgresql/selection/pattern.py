# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Patterns for the names of databases, schemas, tables and so on, by the rules that psql and pg_dump have for them."""

from __future__ import annotations

import typing as t

from ...errors import UsageError
from ...lazy_dataclass import dataclass

_SPECIAL = frozenset("|*+?()[]{}.^$\\")


@dataclass(frozen=True)
class Part:
    """One of the names in a pattern, between its dots.

    :param regexp: what it stands for, anchored, of the server's kind.
    :param literal: the name that it is if none of its signs has a special meaning.
    """

    regexp: str
    literal: str


def parse_pattern(pattern: str) -> tuple[Part, ...]:
    """The names that a pattern is made of, one for each dot outside double quotes and one more.

    Letters outside double quotes are folded to lower case, ``*`` and ``?`` stand for any text and any letter, other
    signs of regular expressions have their meaning; inside double quotes everything stands for itself.

    :raises UsageError: a quote is not closed.
    """
    regexps: list[list[str]] = [[]]
    literals: list[list[str]] = [[]]
    for letter, quoted, is_array in _letters(pattern):
        if not quoted and letter == ".":
            regexps.append([])
            literals.append([])
        elif quoted:
            regexps[-1].append(f"\\{letter}" if letter in _SPECIAL else letter)
            literals[-1].append(letter)
        else:
            folded = letter.lower() if letter.isascii() else letter
            # An array type's name is likelier than an empty set of letters.
            special = "\\[" if is_array else {"*": ".*", "?": ".", "$": "\\$"}.get(letter)
            regexps[-1].append(special or folded)
            literals[-1].append(folded)
    return tuple(Part(f"^({''.join(one)})$", "".join(other)) for one, other in zip(regexps, literals))


def name_regexp(pattern: str, *, kind: str = "a database") -> str:
    """The regular expression for a name that is in nothing else.

    :raises UsageError: a dot outside quotes, or a quote that is not closed.
    """
    parts = parse_pattern(pattern)
    if len(parts) > 1:
        raise UsageError(
            f"the pattern {pattern!r} has a dot, and {kind} is in nothing",
            hint='put the name in double quotes: "a.b"',
        )
    return parts[0].regexp


def _letters(pattern: str) -> t.Iterator[tuple[str, bool, bool]]:
    """Every letter that means something: whether it is quoted, and whether it begins an array type's brackets."""
    quoted = False
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        position += 1
        if letter != '"':
            yield letter, quoted, letter == "[" and pattern.startswith("]", position)
        elif quoted and pattern.startswith('"', position):
            yield letter, quoted, False
            position += 1
        else:
            quoted = not quoted
    if quoted:
        raise UsageError(f"the pattern {pattern!r} has a double quote that is not closed")
