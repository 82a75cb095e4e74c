# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Turns the driver's exceptions into the engine's errors, without row values.

Error numbers are those of the servers' ``mysqld_error.h`` (the same on MySQL and MariaDB for all that are named here).
"""

from __future__ import annotations

import re
import typing as t

from ..errors import ConnectError, ConsistencyError, DbfleetError, NotFoundError, PrivilegeError, QueryError

LOST_CONNECTION = frozenset({0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055, 4031})
QUERY_INTERRUPTED = frozenset({1317, 1969, 3024})
MISSING_PRIVILEGE = frozenset({1044, 1095, 1131, 1142, 1143, 1211, 1227, 1345, 1370, 1410, 1449, 1698, 4132})
UNKNOWN_DATABASE = 1049
UNKNOWN_TABLE = 1146
TABLE_CHANGED = 1412
LOCK_WAIT_TIMEOUT = 1205

_STATEMENT_SHOWN = 300
# Parts of messages in which servers quote row values or statement text.
_VALUES = (
    re.compile(r"(Duplicate entry ).*( for key )", re.DOTALL),
    re.compile(
        r"((?:Incorrect|Truncated incorrect|Invalid)[^:']*? value:? )'.*?'( for (?:column|function)|$)", re.DOTALL
    ),
    re.compile(r"( near ).*( at line \d+)", re.DOTALL),
    re.compile(r"(Data too long|Out of range value)( for column .*)", re.DOTALL),
    re.compile(r"(character string: )'.*'()", re.DOTALL),
    re.compile(r"( value is out of range in )'.*'()", re.DOTALL),
    re.compile(r"(Illegal \w+ )'.*'( value found)", re.DOTALL),
    re.compile(r"(no partition for value ).*()", re.DOTALL),
)
_COMMENTS = re.compile(r"(?:\s+|/\*(?!M?!).*?\*/|--\s[^\n]*\n|#[^\n]*\n)*", re.DOTALL)
# What these hold are names, patterns of names and settings.
_WITHOUT_VALUES = re.compile(
    r"(?:SELECT|SHOW|SET\s+SESSION|SET\s+NAMES|LOCK|UNLOCK|START\s+TRANSACTION|SAVEPOINT|ROLLBACK|COMMIT|USE|FLUSH|KILL)\b",
    re.IGNORECASE,
)
# Words, names in backquotes and signs up to the first quoted string or number. Where a string ends depends on the
# session's sql_mode, so nothing behind the first one is shown.
_BEFORE_VALUES = re.compile(r"(?:/\*M?!\d*)?(?:[^\W\d][\w$]*|`(?:[^`]|``)*`|[^\w'\"`/#]|/(?!\*))*")


def shorten(statement: str) -> str:
    """A statement for messages and logs: at most a few hundred characters, and none of a value.

    A statement that may hold a value (row data, a password) ends before the first literal in it.
    """
    comments = _COMMENTS.match(statement)
    bare = statement[comments.end() :] if comments else statement
    if not _WITHOUT_VALUES.match(bare):
        match = _BEFORE_VALUES.match(bare)
        shown = match.group() if match else ""
        if len(shown) < len(bare):
            shown = f"{shown.rstrip(' (,=')} …".lstrip()
        bare = shown
    return bare if len(bare) <= _STATEMENT_SHOWN else bare[:_STATEMENT_SHOWN] + " …"


def without_values(message: str) -> str:
    """A server's message with every quoted row value replaced by ``…``."""
    for pattern in _VALUES:
        message = pattern.sub(r"\1…\2", message)
    return message


def number_and_message(error: BaseException) -> tuple[int, str]:
    """The error number (0 where there is none) and the server's message of a driver's exception."""
    arguments = error.args
    if arguments and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1]) if len(arguments) > 1 else ""
    return 0, str(error)


def translate(error: BaseException, statement: str, *, product: str, show_values: bool = False) -> DbfleetError:
    """The engine's error for a statement that the server refused.

    :param product: ``MySQL`` or ``MariaDB``.
    :param show_values: keep row values that the server quotes; only where the user asked for it.
    """
    number, raw_message = number_and_message(error)
    message = raw_message if show_values else without_values(raw_message)
    context: dict[str, t.Any] = {"errno": number, "statement": shorten(statement)}
    if number in LOST_CONNECTION:
        return ConnectError(
            f"the connection to {product} was lost: {message or 'it is closed'}",
            hint="see the server's error log; nothing that was read so far is used",
            **context,
        )
    if number == UNKNOWN_DATABASE:
        return NotFoundError(message, **context)
    if number in MISSING_PRIVILEGE:
        return PrivilegeError(
            f"{product} refused: {message}", hint="grant the privilege or connect as another user", **context
        )
    if number == TABLE_CHANGED:
        return ConsistencyError(
            f"{product} reports that a table's definition changed while it was being read: {message}",
            hint="run the backup again when no ALTER, DROP or TRUNCATE is under way",
            **context,
        )
    return QueryError(f"{product} error {number}: {message}", **context)
