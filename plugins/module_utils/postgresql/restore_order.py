# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which entries a restore runs, and in which order: the table of contents in three passes.

Privileges come after everything else, so that nothing is created under restricted rights, and what acts on later
statements (event triggers) or reads tables under their final rights (materialized views) comes last.
"""

from __future__ import annotations

import collections
import typing as t

from ..lazy_dataclass import dataclass
from .archive.entries import LARGE_OBJECTS, TABLE_DATA, entry_name
from .toc import SECTION_POST_DATA, TocEntry

_SETTINGS = frozenset(("ENCODING", "STDSTRINGS", "SEARCHPATH"))
_DATABASE_KINDS = frozenset(("DATABASE", "DATABASE PROPERTIES"))
_FOLLOWERS = frozenset(("ACL", "COMMENT", "SECURITY LABEL"))
_PRIVILEGES = frozenset(("ACL", "ACL LANGUAGE", "DEFAULT ACL"))
_LAST = frozenset(("EVENT TRIGGER", "MATERIALIZED VIEW DATA"))


@dataclass(frozen=True)
class RestoreOrder:
    """The entries of an archive by what a restore does with them.

    :param main: definitions and data, in the archive's order.
    :param privileges: after all of them.
    :param last: after those.
    :param database: about the database itself; they matter where it is created.
    """

    main: tuple[TocEntry, ...]
    privileges: tuple[TocEntry, ...]
    last: tuple[TocEntry, ...]
    database: tuple[TocEntry, ...]

    @property
    def steps(self) -> tuple[TocEntry, ...]:
        """All that is run inside the database, in order."""
        return self.main + self.privileges + self.last

    @property
    def drops(self) -> tuple[TocEntry, ...]:
        """What may be dropped before, in order: the archive's order reversed."""
        return tuple(reversed(self.main + self.last))

    def tables(self) -> tuple[tuple[str, str], ...]:
        """Schema and name of every table with data."""
        return tuple((entry.namespace or "", entry.tag) for entry in self.main if entry.desc == TABLE_DATA)

    def counts(self) -> dict[str, int]:
        """How many objects of each kind are restored; data and followers of other objects are not counted."""
        uncounted = _PRIVILEGES | _FOLLOWERS | {TABLE_DATA, LARGE_OBJECTS, "SEQUENCE SET"}
        counted = collections.Counter(entry.desc for entry in self.steps if entry.desc not in uncounted)
        return dict(sorted(counted.items()))


def restore_order(entries: t.Iterable[TocEntry]) -> RestoreOrder:
    """Sort an archive's entries into the passes; each keeps the archive's order."""
    passes: dict[str, list[TocEntry]] = {"main": [], "privileges": [], "last": [], "database": []}
    for entry in entries:
        if entry.desc not in _SETTINGS:
            passes[_pass_of(entry)].append(entry)
    return RestoreOrder(**{name: tuple(found) for name, found in passes.items()})


def script_order(entries: t.Iterable[TocEntry], *, create: bool) -> tuple[TocEntry, ...]:
    """The same for a script.

    :param create: with what is about the database itself, each in the pass of its kind.
    """
    passes: dict[str, list[TocEntry]] = {"main": [], "privileges": [], "last": []}
    for entry in entries:
        if entry.desc not in _SETTINGS and (create or not _is_about_database(entry)):
            passes[_pass_of_kind(entry)].append(entry)
    return (*passes["main"], *passes["privileges"], *passes["last"])


def _pass_of(entry: TocEntry) -> str:
    return "database" if _is_about_database(entry) else _pass_of_kind(entry)


def _is_about_database(entry: TocEntry) -> bool:
    return entry.desc in _DATABASE_KINDS or (entry.desc in _FOLLOWERS and entry.tag.startswith("DATABASE "))


def _pass_of_kind(entry: TocEntry) -> str:
    if entry.desc in _PRIVILEGES:
        return "privileges"
    if entry.desc in _LAST or (entry.desc == "COMMENT" and entry.tag.startswith("EVENT TRIGGER ")):
        return "last"
    if entry.desc == "STATISTICS DATA" and entry.section == SECTION_POST_DATA:
        return "last"
    return "main"


def names(entries: t.Iterable[TocEntry]) -> list[str]:
    """``KIND schema.name`` of each, for reports."""
    return [entry_name(entry) for entry in entries]
