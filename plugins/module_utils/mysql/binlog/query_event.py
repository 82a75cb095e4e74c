# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Query events: a statement's text with the database it ran in."""

from __future__ import annotations

from ...lazy_dataclass import dataclass
from .body import BodyReader

#: Thread, duration, length of the database's name, error, length of the status variables.
_FIXED = 13


@dataclass(frozen=True)
class Query:
    """A statement as it ran.

    :param thread: of the session that ran it.
    :param error: the number of the error that it ended with on its server; 0 for none.
    :param status: the session's context, undecoded.
    :param database: the session's database.
    """

    thread: int
    seconds: int
    error: int
    status: bytes
    database: str
    text: bytes


def parse_query(body: bytes, what: str) -> Query:
    """The statement in a query event.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body, what)
    thread, seconds = reader.number(4), reader.number(4)
    database_length, error, status_length = reader.number(1), reader.number(2), reader.number(2)
    status = reader.take(status_length)
    database = reader.take(database_length).decode("utf-8", "backslashreplace")
    reader.ended()
    return Query(thread, seconds, error, status, database, reader.rest())


def split_compressed_query(body: bytes, what: str) -> tuple[bytes, bytes]:
    """The plain front of MariaDB's compressed query event, and the compressed text behind it."""
    reader = BodyReader(body, what)
    front = reader.take(_FIXED)
    size = int.from_bytes(front[11:13], "little") + front[8] + 1
    return front + reader.take(size), reader.rest()
