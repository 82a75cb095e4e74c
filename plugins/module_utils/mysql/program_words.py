# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Names in the bodies of stored programs that another version or family takes for words of its language.

Servers quote the names in tables and views themselves; the text of a program is as somebody wrote it. Which words a
target reserves, the target is asked; here is only which words may have been names before, and where they are not names.
"""

from __future__ import annotations

import typing as t

from .statements import WORD, Placed, placed_tokens

#: Kinds of objects whose text is as it was written.
PROGRAMS = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE", "PACKAGE BODY"})
# Reserved by some version after MySQL 5.7 and MariaDB 10.2; of words that are no names behind or before others, which.
_BEHIND: dict[str, tuple[str, ...]] = {
    "function": ("create", "drop", "alter", "aggregate", "show", "definer", "replace", "exists"),
    "row": ("each", "of", "type"),
    "recursive": ("with",),
    "of": ("update", "share", "type", "row", "time"),
    "rows": ("sql_calc_found", "limit", "over", "by"),
    "grouping": ("by",),
    "system": ("versioning", "with", "without", "for"),
    "lateral": ("join", ",", "from"),
    "over": (")",),
    "library": ("create", "drop", "using"),
    "returning": (")",),
}
_BEFORE: dict[str, tuple[str, ...]] = {
    "rows": ("between", "unbounded", "current", "only", "examined"),
    "except": ("select", "all", "distinct", "(", "values", "table"),
    "intersect": ("select", "all", "distinct", "(", "values", "table"),
    "system": ("versioning", "_user", "time"),
    "portion": ("of",),
    "window": ("as",),
    "empty": ("on",),
    "returning": ("*",),
}
WORDS = frozenset(_BEHIND) | frozenset(_BEFORE) | frozenset(
    {
        "cube", "cume_dist", "dense_rank", "external", "first_value", "groups", "json_table", "lag", "last_value",
        "lead", "manual", "nth_value", "ntile", "offset", "page_checksum", "parallel", "percent_rank", "qualify",
        "rank", "row_number", "rownum", "stats_auto_recalc", "tablesample", "vector",
    }
)  # fmt: skip

# What is still a name in MySQL 8.0 and MariaDB 10.3: nothing else is looked for in programs from there or later, in the
# same family.
_LATE = frozenset(
    {"external", "library", "manual", "offset", "parallel", "qualify", "row_number", "rownum", "tablesample", "vector"}
)
_FIRST_OF_NOW = {"mysql": 80000, "mariadb": 100300}


def suspects(source: tuple[str, int] | None, target: str) -> frozenset[str]:
    """The words that may be names where a program was written and reserved on the target.

    :param source: family and version number of its server, where they are known.
    :param target: the target's family.
    """
    if source is not None and source[0] == target and source[1] >= _FIRST_OF_NOW.get(target, 0):
        return _LATE
    return WORDS


def named_by(text: bytes) -> t.Iterator[Placed]:
    """Every token of a program that seems to be a name and is one of :data:`WORDS`."""
    if not any(word in text.lower() for word in _RAW):
        return
    found = list(placed_tokens(text))
    for number, one in enumerate(found):
        word = one.token.text.lower()
        if one.token.kind != WORD or word not in WORDS or (word == "function" and number < _HEAD):
            continue
        before = found[number - 1].token.text.lower() if number else ""
        after = found[number + 1].token.text.lower() if number + 1 < len(found) else ""
        # Behind a dot any word can be a name; before a parenthesis it is the function, or one's own that had its name.
        if before in (".", "@") or after in ("(", "@"):
            continue
        if before not in _BEHIND.get(word, ()) and after not in _BEFORE.get(word, ()):
            yield one


# In so many tokens says CREATE FUNCTION what it is, behind the account that it runs as.
_HEAD = 16
_RAW = tuple(word.encode() for word in sorted(WORDS))
