# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""LOAD DATA that was logged as a statement: the file's bytes in events of their own, then the statement."""

from __future__ import annotations

import tempfile
import typing as t

from ...lazy_dataclass import dataclass
from . import codes
from .body import BodyReader
from .events import Event
from .query_event import Query, parse_query

LOADED = frozenset((codes.BEGIN_LOAD_QUERY, codes.APPEND_BLOCK, codes.DELETE_FILE, codes.EXECUTE_LOAD_QUERY))
_QUERY_FIXED = 13
#: The file's number, where its name begins and ends in the text, what becomes of duplicates.
_FIXED = 13
_REPLACE = 2
_IN_MEMORY = 1 << 20
_PIECE = 1 << 20


@dataclass(frozen=True)
class LoadStatement:
    """The statement behind the bytes.

    :param file: the number of the file that it loads.
    :param local_text: the statement for a file that the client sends.
    """

    file: int
    query: Query
    local_text: bytes


def parse_load(body: bytes, what: str) -> LoadStatement:
    """The statement in the event that ends a LOAD DATA.

    It succeeded on its server, so it makes no difference that a file of the client's does not end at an error.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body[_QUERY_FIXED:], what)
    file, first, last, duplicates = reader.number(4), reader.number(4), reader.number(4), reader.number(1)
    query = parse_query(body[:_QUERY_FIXED] + body[_QUERY_FIXED + _FIXED :], what)
    if not first <= last <= len(query.text):
        raise reader.damaged("the name of its file stands outside of its text")
    # Between the two stand INFILE, the name, REPLACE or IGNORE, and INTO.
    replace = b" REPLACE" if duplicates == _REPLACE else b""
    text = query.text[:first] + b" LOCAL INFILE 'dbfleet'" + replace + b" INTO" + query.text[last:]
    return LoadStatement(file, query, text)


class LoadedFiles:
    """The files of a transaction until they are loaded: small ones in memory, others without a name on the disk."""

    def __init__(self) -> None:
        self._files: dict[int, t.IO[bytes]] = {}

    def take(self, event: Event, what: str) -> None:
        """A file's beginning, more of it, or that it is not needed.

        :raises CorruptArtifactError: it has not begun.
        """
        reader = BodyReader(event.body, what)
        number = reader.number(4)
        if event.header.type == codes.BEGIN_LOAD_QUERY:
            self.drop(number)
            self._files[number] = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="dbfleet-")  # noqa: SIM115
        elif event.header.type == codes.DELETE_FILE:
            self.drop(number)
            return
        if number not in self._files:
            raise reader.damaged("more of a file that has not begun")
        self._files[number].write(reader.rest())

    def pieces_of(self, number: int, what: str) -> t.Iterator[bytes]:
        """A file's bytes.

        :raises CorruptArtifactError: there is no such file.
        """
        file = self._files.get(number)
        if file is None:
            raise BodyReader(b"", what).damaged(f"the file {number} that it loads is missing")
        file.seek(0)
        return iter(lambda: file.read(_PIECE), b"")

    def drop(self, number: int) -> None:
        """Forget a file."""
        file = self._files.pop(number, None)
        if file is not None:
            file.close()

    def close(self) -> None:
        """Forget all of them."""
        for number in list(self._files):
            self.drop(number)
