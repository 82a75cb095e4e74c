# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The part of :mod:`.wire` that sends a script's statements: sending apart from reading the answer, no decoding.

Together with :mod:`.wire` the only code that touches PyMySQL's private names; written against 1.1 and 1.2.
"""

from __future__ import annotations

import typing as t

from .wire import COM_QUERY

_NO_BACKSLASH_ESCAPES = 0x200


class Outcome(t.NamedTuple):
    """The server's answer to a statement.

    :param affected: rows, summed over the answers of a statement with several.
    :param warnings: how many the server counted.
    :param backslash_escapes: whether the session's sql_mode leaves them on now.
    """

    affected: int
    warnings: int
    backslash_escapes: bool


def send(connection: t.Any, statement: bytes) -> None:
    """Send a statement as it is; :func:`receive` must follow before anything else.

    A view spares a copy of each piece of a statement that needs several packets.
    """
    connection._execute_command(COM_QUERY, memoryview(statement))


def receive(connection: t.Any) -> Outcome:
    """Wait for the answer and read it completely; rows are dropped.

    :raises pymysql.err.Error: the server refused the statement, or the connection was lost.
    """
    affected = connection._read_query_result()
    warnings = connection._result.warning_count
    while connection._result.has_next:
        connection.next_result()
        affected += connection.affected_rows()
        warnings = connection._result.warning_count
    return Outcome(int(affected or 0), int(warnings or 0), not connection.server_status & _NO_BACKSLASH_ESCAPES)
