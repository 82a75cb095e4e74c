# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which entries of the objects that are taken go into the archive: by section, by data or definition, by kind."""

from __future__ import annotations

import typing as t

from ..toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA
from .options import SECTIONS, Selection

_NUMBERS = dict(zip(SECTIONS, (SECTION_PRE_DATA, SECTION_DATA, SECTION_POST_DATA)))
_DATABASE = ("DATABASE", "DATABASE PROPERTIES")
#: Data, though its statements stand where a definition's do.
_DATA = ("SEQUENCE SET", "BLOB", "BLOB METADATA")
_OF_ANOTHER = ("ACL", "COMMENT", "SECURITY LABEL")
_LEFT_OUT = {
    "comments": ("COMMENT",),
    "policies": ("POLICY", "ROW SECURITY"),
    "privileges": ("ACL", "DEFAULT ACL"),
    "publications": ("PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA"),
    "security_labels": ("SECURITY LABEL",),
    "subscriptions": ("SUBSCRIPTION",),
}


class EntryChoice(t.Protocol):
    """What is asked of an entry."""

    @property
    def desc(self) -> str: ...

    @property
    def tag(self) -> str: ...

    @property
    def had_dumper(self) -> bool: ...


class EntryFilter:
    """Decides entry by entry, in their order: what belongs to another object is in the section that it follows."""

    def __init__(self, selection: Selection) -> None:
        self._definitions = selection.definitions
        self._data = selection.data
        self._sequence_data = selection.sequence_data
        self._sections = frozenset(_NUMBERS[name] for name in selection.sections or SECTIONS)
        self._unwanted = frozenset(desc for kind in selection.without for desc in _LEFT_OUT.get(kind, ()))
        self._section = SECTION_PRE_DATA

    def wants(self, entry: EntryChoice, section: int) -> bool:
        """Whether an entry goes into the archive.

        :param section: its own.
        """
        if section != SECTION_NONE:
            self._section = section
        if entry.desc in _DATABASE:
            # It takes part only where a restore, or a script, makes the database.
            return True
        if entry.desc in self._unwanted or self._section not in self._sections:
            return False
        if entry.desc == "STATISTICS DATA":
            return True
        if entry.desc == "SEQUENCE SET" and self._sequence_data:
            return True
        return self._data if _is_data(entry) else self._definitions


def _is_data(entry: EntryChoice) -> bool:
    if entry.had_dumper or entry.desc in _DATA:
        return True
    return entry.desc in _OF_ANOTHER and entry.tag.startswith("LARGE OBJECT")
