# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One database out of a script of several: what pg_dumpall's script runs in it, and what it says about it."""

from __future__ import annotations

import itertools
import typing as t

from ..errors import NotFoundError
from .script import ScriptSplitter, Statement
from .script_commands import ScriptSettings, tokens
from .script_copy import CopyData
from .script_headings import Headings
from .script_meta import MetaCommand
from .text import to_text
from .toc import SECTION_NONE, TocEntry

_MOST_TOKENS = 64
_VERBS = (b"CRE", b"ALT", b"DRO", b"COM", b"SEC", b"GRA", b"REV")
_BEFORE_DATABASE = frozenset(("CREATE", "ALTER", "DROP", "ON", "IN"))
_OWNER = ("OWNER", "TO")
_MOST_NAMED = 20


class DatabaseSection:
    """Iterates like the splitter that it is made of, over what is run in one database alone.

    Statements about a database itself name it, so they are never among the items: another database of that name would
    be meant. :attr:`properties` has those about this one.

    :param database: its name in the script.
    :param headings: what sees the splitter's comments; those of other databases are forgotten.
    """

    def __init__(self, splitter: ScriptSplitter, database: str, *, headings: Headings | None = None) -> None:
        self._splitter = splitter
        self._headings = headings
        self._database = database
        self._inside = False
        self._outside = ScriptSettings()
        self._given = (True, "UTF8")
        self._found: dict[str, None] = {}
        self.properties: list[str] = []

    @property
    def data(self) -> CopyData | None:
        return self._splitter.data

    def use_settings(self, *, standard_conforming_strings: bool, client_encoding: str) -> None:
        """Those of the session in the database; elsewhere the script's own hold."""
        self._given = (standard_conforming_strings, client_encoding)
        self._apply()

    def __iter__(self) -> t.Iterator[Statement | MetaCommand]:
        for item in self._splitter:
            if isinstance(item, MetaCommand):
                if item.name == "connect":
                    self._switch(item.argument)
                elif self._inside:
                    yield item
                elif item.name == "encoding":
                    self._outside.client_encoding = item.argument
                    self._apply()
                continue
            database = database_of(item.text)
            if database:
                if database == self._database:
                    self.properties.append(to_text(item.text))
            elif self._inside:
                yield item
            elif item.copy is None and self._outside.observe(item.text):
                self._apply()

    def require(self, script: str) -> None:
        """After everything was read.

        :raises NotFoundError: the script does not connect to the database.
        """
        if self._database not in self._found:
            names = list(self._found)
            listed = ", ".join(map(repr, names[:_MOST_NAMED])) or "none at all"
            raise NotFoundError(
                f"{script} holds no database {self._database!r}", hint=f"it connects to these: {listed}"
            )

    def _switch(self, database: str) -> None:
        self._found[database] = None
        self._inside = database == self._database
        if self._headings is not None:
            self._headings.clear()
        self._outside.reset()
        self._apply()

    def _apply(self) -> None:
        outside = (self._outside.standard_conforming_strings, self._outside.client_encoding)
        strings, encoding = self._given if self._inside else outside
        self._splitter.use_settings(standard_conforming_strings=strings, client_encoding=encoding)


def database_of(text: bytes) -> str:
    """The database that a statement is about, as dumps write such statements; empty for all others."""
    if text[:3] not in _VERBS or b"DATABASE" not in text:
        return ""
    found = list(itertools.islice(tokens(text), _MOST_TOKENS))
    for place, token in enumerate(found):
        if token.word == "DATABASE" and place and found[place - 1].word in _BEFORE_DATABASE:
            names = [one for one in found[place + 1 : place + 4] if one.word not in ("IF", "EXISTS")]
            return names[0].name if names else ""
    return ""


def database_entries(name: str, properties: t.Iterable[str]) -> tuple[TocEntry | None, tuple[TocEntry, ...]]:
    """What a script says about a database, as an archive would hold it.

    :returns: the entry that creates it, if there is one, and those with everything else.
    """
    created, owner = "", ""
    others = []
    for text in properties:
        words = [token.word for token in itertools.islice(tokens(text.encode("utf-8", "surrogateescape")), 2)]
        if words == ["CREATE", "DATABASE"]:
            created = text
        elif words[:1] == ["ALTER"] and _owner(text):
            owner = _owner(text)
        elif words[:1] != ["DROP"]:
            others.append(_entry(name, "COMMENT" if words[:1] == ["COMMENT"] else "DATABASE PROPERTIES", text))
    entry = _entry(name, "DATABASE", created, owner=owner) if created else None
    return entry, tuple(others)


def _owner(text: str) -> str:
    found = list(itertools.islice(tokens(text.encode("utf-8", "surrogateescape")), 6))
    is_owner = tuple(token.word for token in found[3:5]) == _OWNER
    return found[5].name if is_owner and len(found) > len(_OWNER) + 3 else ""


def _entry(name: str, desc: str, defn: str, *, owner: str = "") -> TocEntry:
    return TocEntry(
        dump_id=0, had_dumper=False, table_oid=0, oid=0, tag=name, desc=desc, section=SECTION_NONE, defn=defn,
        owner=owner,
    )  # fmt: skip
