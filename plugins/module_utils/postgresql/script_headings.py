# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a script's comments say of the statements behind them: each entry's name, kind, schema and owner.

pg_dump, pg_restore and dbfleet write such a comment before every entry of a plain script::

    -- Name: orders; Type: TABLE; Schema: public; Owner: clerk
    -- Data for Name: orders; Type: TABLE DATA; Schema: public; Owner: clerk
"""

from __future__ import annotations

import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from .text import to_text

_LINE = re.compile(
    rb"^-- ((?:Data for |Statistics for )?)Name: (.*); Type: (.*); Schema: (.*); Owner: .*$", re.MULTILINE
)
_MARKS = (b"; Type: ", b"; Schema: ", b"; Owner: ")
_NONE = "-"
_DATA = b"Data for "
_SHOWN = 200
# Between two statements of a dump there is seldom more than one.
_MOST_PENDING = 16 << 20


class Heading(t.NamedTuple):
    """One such comment.

    :param tag: the name, in which a space stands for a line break.
    :param desc: the kind, as in a table of contents.
    :param namespace: ``None`` for what is in no schema.
    :param is_data: what follows are rows.
    """

    tag: str
    desc: str
    namespace: str | None
    is_data: bool


class Headings:
    """Collects them from the comments of a script, as a splitter passes them.

    :param name: what to call the script in messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: list[bytes] = []
        self._size = 0
        #: Whether there was none yet since the last :meth:`clear`.
        self.is_first = True

    def see(self, comments: bytes) -> None:
        """Comments before a statement, whole lines.

        :raises CorruptArtifactError: there are very many before one statement.
        """
        if b"Name: " in comments:
            self._seen.append(comments)
            self._size += len(comments)
            if self._size > _MOST_PENDING:
                raise CorruptArtifactError(
                    f"{self._name} holds more comments before one statement than any dump",
                    hint="the file is damaged or not a dump: restore it as it is, or another one",
                )

    def clear(self) -> None:
        """Forget those that were not taken: another database's entries follow."""
        self._seen.clear()
        self._size = 0
        self.is_first = True

    def take(self) -> list[Heading]:
        """Those before the present statement; the last is the one that it belongs to. None: it belongs to the last.

        :raises UsageError: one can be read in several ways.
        """
        found = [self._heading(match) for comments in self._seen for match in _LINE.finditer(comments)]
        self._seen.clear()
        self._size = 0
        if found:
            self.is_first = False
        return found

    def _heading(self, match: re.Match[bytes]) -> Heading:
        line = match.group()
        if any(line.count(mark) > 1 for mark in _MARKS):
            raise UsageError(
                f"{self._name}: the comment {to_text(line[:_SHOWN])!r} can be read in several ways",
                hint="a name in it looks like its end: restore the whole script, or select from an archive",
            )
        prefix, tag, desc, namespace = match.groups()
        schema = to_text(namespace)
        return Heading(to_text(tag), to_text(desc), None if schema == _NONE else schema, prefix == _DATA)
