# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The rows of our own INSERT statements as a file of ``LOAD DATA LOCAL``, which servers take in with much less work.

What stands behind VALUES needs no change for that: rows begin with ``(`` and end with ``),``, values stand between
commas, text in quotes with backslash escapes, and NULL without quotes is NULL to LOAD DATA too. Only what a number
without quotes or ``0x…`` means to a column has to be known: a line in front of the statements says how each value is
written, and hexadecimal digits pass through a variable and UNHEX. Where anything else is written there is no such line.

With LOCAL the server makes a warning of every error and goes on. So whatever it does not take without any warning is
taken back and run again as the INSERT that it is; see :mod:`.folder_runner`.
"""

from __future__ import annotations

import re
import typing as t

from . import quoting
from .catalog.columns import Column
from .catalog.tables import Table
from .rows import HEX, NUMBER, TEXT
from .script_insert import head_end

_LINE = re.compile(rb"^-- Values: ([NTX]+)$", re.MULTILINE)
_NAME = re.compile(rb"`([^`]+)`")
_INTO = b"INSERT INTO `"
_PIECE = 1 << 17
#: Larger statements are few, and a value of them may be larger than a variable can hold.
LARGEST = 4 << 20
_LETTERS = {NUMBER: "N", TEXT: "T", HEX: "X"}
# A number that stands for a member of one of these is no longer a number in a file.
_NAMED_BY_NUMBER = frozenset({"enum", "set"})


class RowsFile(t.NamedTuple):
    """An INSERT as LOAD DATA.

    :param statement: what is sent to the server.
    :param text: the INSERT.
    :param begin: where the rows begin in it.
    """

    statement: bytes
    text: bytes
    begin: int

    def pieces(self) -> t.Iterator[bytes]:
        """The file."""
        view = memoryview(self.text)
        for position in range(self.begin, len(view), _PIECE):
            yield bytes(view[position : position + _PIECE])
        # What every row ends with.
        yield b","


def values_line(table: Table) -> str:
    """The line that says how a table's values are written; empty where a file cannot have them."""
    letters = [_letter(column) for column in table.stored_columns]
    return f"-- Values: {''.join(letters)}\n" if all(letters) else ""


def _letter(column: Column) -> str:
    form = column.format.form
    return "" if form == NUMBER and column.data_type in _NAMED_BY_NUMBER else _LETTERS.get(form, "")


def values_in(comments: bytes) -> str:
    """What a line among comments says of the values that follow, a letter each; empty where none does."""
    found = _LINE.search(comments)
    return found.group(1).decode() if found else ""


def rows_file(text: bytes, values: str, columns: t.Callable[[], tuple[t.Sequence[str], str]]) -> RowsFile | None:
    """An INSERT of our own as a file; ``None`` where it has to be run as it is.

    :param values: a letter for each value.
    :param columns: gives the names of the table's columns, for an INSERT that does not name them, and that of the
        AUTO_INCREMENT column in lower case.
    """
    if not values or len(text) > LARGEST or not text.startswith(_INTO):
        return None
    begin = head_end(text, 0)
    if begin < 0:
        return None
    table, *names = (name.decode("utf-8", "replace") for name in _NAME.findall(text, 0, begin))
    counted = ""
    if "X" in values:
        visible, counted = columns()
        names = names or list(visible)
    if names and len(names) != len(values):
        return None
    return RowsFile(_load_data(table, names, values, counted), text, begin)


def _load_data(table: str, names: t.Sequence[str], values: str, counted: str) -> bytes:
    statement = (
        f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {quoting.identifier(table)} CHARACTER SET utf8mb4 "
        "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\\'' ESCAPED BY '\\\\' "
        "LINES STARTING BY '(' TERMINATED BY '),'"
    )
    if names:
        assigned = {}
        for place, (name, letter) in enumerate(zip(names, values)):
            if letter == "X":
                assigned[place] = f"UNHEX(SUBSTR(@dbfleet_{place}, 3))"
            elif name.lower() == counted:
                # With SET, MariaDB and MySQL 5.7 give a new number in place of 0 to what is not set itself.
                assigned[place] = f"@dbfleet_{place}"
        columns = [quoting.identifier(name) for name in names]
        fields = [f"@dbfleet_{place}" if place in assigned else name for place, name in enumerate(columns)]
        statement += f" ({', '.join(fields)})"
        if assigned:
            statement += f" SET {', '.join(f'{columns[place]} = {value}' for place, value in assigned.items())}"
    return statement.encode("utf-8")
