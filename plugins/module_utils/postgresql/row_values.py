# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the server says of an error, without what can be a row's value.

DETAIL and CONTEXT never get this far. What remains are messages of data errors, which quote the value that they
complain about, and what code of the database itself says: a trigger can put anything into an error of any SQLSTATE.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..errors import DbfleetError, QueryError, RestoreError

#: In an error's context: it arose while a row was taken, or in code that the row went through.
IN_ROW = "in_row"
LEFT_OUT = "(value left out)"

# From the first quote to the last: a value may hold quotes itself.
_QUOTED = re.compile(
    r"[\"'\u00bb\u00ab\u201e\u201c].*[\"'\u00bb\u00ab\u201c\u201d]|0x[0-9a-fA-F]{2}.*(?= \[)", re.DOTALL
)
_DATA_EXCEPTION = "22"
# Bad COPY text: its messages name columns, never values.
_BAD_COPY_FORMAT = "22P04"
_SYNTAX_ERROR = "42601"
# Raised by code of the database's own, which can say anything.
_USER_RAISED = ("P0", "38", "39")
# Of a row that was refused: what these classes say names objects, and no values.
_NAMING = ("08", "23", "25", "40", "53", "55", "57", "58")
# PostgreSQL's file of RAISE, and those of other languages' ways to say something; files of the planner begin so too.
_OF_LANGUAGES = re.compile(r"(?:.*[/\\])?pl(?:_exec|py|perl|tcl|v8|r|java|lua|sh|rust|php)\w*\.\w+")
TEXT_LEFT_OUT = "a message of the database's own code, whose text is left out, as it can hold row values"


def is_of_database_code(source_file: str) -> bool:
    """Whether a message was made by a function of the database, and not by the server.

    :param source_file: of the server's (or an extension's), where it was raised.
    """
    return _OF_LANGUAGES.fullmatch(source_file) is not None


def without_values(error: DbfleetError) -> str:
    """The message of a statement's error, without values."""
    sqlstate = str(error.context.get("sqlstate", ""))
    if sqlstate.startswith(_USER_RAISED):
        return f"an error with SQLSTATE {sqlstate} whose text is left out, as it can hold row values"
    if sqlstate and _quotes_values(error, sqlstate):
        return _QUOTED.sub(LEFT_OUT, error.message)
    return error.message


def hint_without_values(error: DbfleetError) -> str:
    """The hint of a statement's error; that of a refused value may quote it."""
    sqlstate = str(error.context.get("sqlstate", ""))
    quoting = sqlstate.startswith(_USER_RAISED) or (bool(sqlstate) and _quotes_values(error, sqlstate))
    return _QUOTED.sub(LEFT_OUT, error.hint) if quoting else error.hint


@contextlib.contextmanager
def values_left_out(*, show_data: bool) -> t.Iterator[None]:
    """Says of an error in what comes after everything was restored what may be said of it.

    :raises RestoreError: instead of the error.
    """
    try:
        yield
    except QueryError as error:
        raise RestoreError(
            f"everything was restored, but what comes after it failed: "
            f"{error.message if show_data else without_values(error)}",
            hint=error.hint if show_data else hint_without_values(error),
            sqlstate=error.context.get("sqlstate"),
        ) from error


def script_text_left_out(message: str) -> str:
    """A message about a statement of a script, whose text can hold a row."""
    return _QUOTED.sub("(text left out)", message)


def is_about_text(error: DbfleetError) -> bool:
    """Whether the message quotes the statement itself, and so the values in it."""
    return error.context.get("sqlstate") == _SYNTAX_ERROR


def _quotes_values(error: DbfleetError, sqlstate: str) -> bool:
    if sqlstate == _BAD_COPY_FORMAT:
        return False
    # A function that a row went through can fail in any way, with a text that it made of the row.
    return sqlstate.startswith(_DATA_EXCEPTION) or (
        bool(error.context.get(IN_ROW)) and not sqlstate.startswith(_NAMING)
    )
