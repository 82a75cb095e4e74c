# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Patterns for database names, by the rules that psql and pg_dumpall have for them."""

from __future__ import annotations

from ...errors import UsageError

_SPECIAL = frozenset("|*+?()[]{}.^$\\")


def name_regexp(pattern: str) -> str:
    """The regular expression (the server's kind) that a pattern stands for.

    Letters outside double quotes are folded to lower case, ``*`` and ``?`` stand for any text and any letter, other
    signs of regular expressions have their meaning; inside double quotes everything stands for itself.

    :raises UsageError: a dot outside quotes, or a quote that is not closed.
    """
    parts: list[str] = []
    quoted = False
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        position += 1
        if letter == '"':
            if quoted and pattern.startswith('"', position):
                parts.append('"')
                position += 1
            else:
                quoted = not quoted
        elif quoted:
            parts.append(f"\\{letter}" if letter in _SPECIAL else letter)
        else:
            parts.append(_unquoted(letter, pattern, position))
    if quoted:
        raise UsageError(f"the pattern {pattern!r} has a double quote that is not closed")
    return f"^({''.join(parts)})$"


def _unquoted(letter: str, pattern: str, position: int) -> str:
    if letter == ".":
        raise UsageError(
            f"the pattern {pattern!r} has a dot, and a database is in nothing",
            hint='put the name in double quotes: "a.b"',
        )
    if letter == "[" and pattern.startswith("]", position):
        return "\\["
    return {"*": ".*", "?": ".", "$": "\\$"}.get(letter, letter.lower() if letter.isascii() else letter)
