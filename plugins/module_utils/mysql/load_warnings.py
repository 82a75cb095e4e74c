# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which warnings of a load mean that the target holds other data than the script.

Dumps are loaded in a lenient sql_mode (they set it themselves), so that zero dates and other values that a server once
accepted come back. The server then only warns where it stores another value than the one given. Every such warning is
an error here, with one exception: ``''`` or ``0`` for an ENUM column is the way in which a dump writes the empty value
of an invalid enumeration, the server stores exactly that, and warns all the same.
"""

from __future__ import annotations

import re
import typing as t

from .statements import SYMBOL, Token, tokens

TRUNCATED = 1265
DUPLICATE = 1062
# Names from mysqld_error.h, the same on both families.
CHANGES_DATA = {
    1048: "NULL was replaced",
    1216: "a row was left out",
    1261: "a row has too few values",
    1262: "a row has too many values",
    1263: "NULL was replaced",
    1264: "a value out of range was cut",
    TRUNCATED: "a value was truncated",
    1292: "an incorrect value was replaced",
    1299: "a TIMESTAMP that does not exist was replaced",
    1300: "an invalid character string was replaced",
    1364: "a missing value was replaced",
    1366: "an incorrect value was replaced",
    1406: "a value was cut",
    1411: "an incorrect value was replaced",
    1441: "a date was replaced",
    1452: "a row was left out",
    1526: "a row was left out",
    1690: "a value out of range was cut",
    1748: "a row was left out",
    1758: "a value was replaced",
    3819: "a row was left out",
    4025: "a row was left out",
}
# CREATE TABLE with another storage engine than the one named.
CHANGES_DEFINITION = {1266: "another storage engine was taken", 1286: "another storage engine was taken"}

_PLACE = re.compile(r"for column '(?P<column>(?:[^']|'')*)' at row (?P<row>\d+)")


class Warned(t.NamedTuple):
    """One warning of a statement."""

    code: int
    message: str


def enum_places(warnings: t.Iterable[Warned]) -> dict[int, set[str]]:
    """Rows and columns (in lower case) of warnings about truncation, as far as the messages tell."""
    places: dict[int, set[str]] = {}
    for warning in warnings:
        match = _PLACE.search(warning.message)
        if warning.code == TRUNCATED and match:
            places.setdefault(int(match.group("row")), set()).add(match.group("column").lower())
    return places


def only_empty_enums(
    statement: bytes, warnings: t.Sequence[Warned], columns: t.Sequence[str], enums: t.Container[str]
) -> bool:
    """Whether every one of these warnings is about ``''`` or ``0`` given for an ENUM column.

    :param columns: the table's columns in order, in lower case; the statement's own list wins.
    :param enums: the names of those that are enumerations.
    """
    places = enum_places(warnings)
    if any(warning.code != TRUNCATED or not _PLACE.search(warning.message) for warning in warnings):
        return False
    if any(column not in enums for named in places.values() for column in named):
        return False
    for number, (names, row) in enumerate(_rows(statement, columns), start=1):
        for column in places.pop(number, ()):
            position = names.index(column) if column in names else len(row)
            if position >= len(row) or row[position] not in ("", "0"):
                return False
        if not places:
            return True
    return False


def _rows(statement: bytes, columns: t.Sequence[str]) -> t.Iterator[tuple[t.Sequence[str], list[str]]]:
    """The rows of an INSERT: the column names, and each value's text (only the last token of an expression)."""
    source = tokens(statement)
    names: t.Sequence[str] = columns
    listed: list[str] | None = None
    for token in source:
        if token.is_word("VALUES", "VALUE"):
            break
        if token.is_symbol("("):
            listed = []
        elif listed is not None and token.kind != SYMBOL:
            listed.append(token.text.lower())
    if listed:
        names = listed
    row: list[str] = []
    depth = 0
    last: Token | None = None
    for token in source:
        depth += token.is_symbol("(") - token.is_symbol(")")
        if token.is_symbol("(") and depth == 1:
            row = []
        elif depth == 0 and token.is_symbol(")"):
            row.append(last.text if last else "")
            yield names, row
        elif depth == 1 and token.is_symbol(","):
            row.append(last.text if last else "")
        last = token
