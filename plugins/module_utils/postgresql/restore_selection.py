# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which of an archive's entries a restore restores: the options of pg_restore, and what they mean to each entry."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import NotFoundError, UsageError
from ..lazy_dataclass import dataclass
from .toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA, TocEntry

SECTIONS = {"pre-data": SECTION_PRE_DATA, "data": SECTION_DATA, "post-data": SECTION_POST_DATA}

SETTINGS_KINDS = frozenset(("ENCODING", "STDSTRINGS", "SEARCHPATH"))
DATABASE_KINDS = frozenset(("DATABASE", "DATABASE PROPERTIES"))
FOLLOWER_KINDS = frozenset(("ACL", "COMMENT", "SECURITY LABEL"))
_STATISTICS_KIND = "STATISTICS DATA"
_RELATION_KINDS = frozenset(
    (
        "TABLE", "TABLE DATA", "VIEW", "FOREIGN TABLE", "MATERIALIZED VIEW", "MATERIALIZED VIEW DATA", "SEQUENCE",
        "SEQUENCE SET",
    )
)  # fmt: skip
_FUNCTION_KINDS = frozenset(("FUNCTION", "AGGREGATE", "PROCEDURE"))
# Rows that have no dumper of their own, or belong to large objects, which are data.
_DATA_KINDS = frozenset(("SEQUENCE SET", "BLOB", "BLOB METADATA"))
_PARTITION_ROOT_NOTE = "-- load via partition root "
_POLICY_KINDS = frozenset(("POLICY", "ROW SECURITY"))
_PUBLICATION_KINDS = frozenset(("PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA"))
_SUBSCRIPTION_KINDS = frozenset(("SUBSCRIPTION", "SUBSCRIPTION TABLE"))
_MOST_NAMED = 10


@dataclass(frozen=True)
class RestoreSelection:
    """What to restore of an archive. The names are pg_restore's, and so is the meaning; by default everything.

    Names are those of the table of contents, without quotes: a table is named without its schema, a function with its
    arguments (``double(integer)``), a trigger after its table (``customers touch``).

    :param schemas: only what is in these schemas; the schemas themselves are not.
    :param tables: tables, views, materialized views, sequences and foreign tables, with their data.
    :param sections: of ``pre-data``, ``data`` and ``post-data``; empty for all.
    :param use_list: the dump ids of the entries to restore, in the order in which to restore them; ``None`` for all.
    :param no_schema: leave definitions out.
    :param no_data: leave rows, sequences' positions and large objects out.
    :param role_map: other roles, by those in whose place they are to own what is restored and get its privileges.
    :param strict_names: every name must be found.
    :param with_dependencies: restore also what the selected entries depend on, and the defaults of selected tables'
        columns.
    """

    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    use_list: tuple[int, ...] | None = None
    no_schema: bool = False
    no_data: bool = False
    no_statistics: bool = False
    no_owner: bool = False
    no_privileges: bool = False
    no_comments: bool = False
    no_policies: bool = False
    no_publications: bool = False
    no_subscriptions: bool = False
    no_security_labels: bool = False
    no_tablespaces: bool = False
    no_table_access_method: bool = False
    role_map: tuple[tuple[str, str], ...] = ()
    strict_names: bool = False
    with_dependencies: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.sections if name not in SECTIONS]
        if unknown:
            raise UsageError(f"there is no section {unknown[0]!r}", hint=f"use {', '.join(SECTIONS)}")

    @property
    def by_name(self) -> bool:
        """Whether single objects are selected by their names."""
        return bool(self.tables or self.indexes or self.functions or self.triggers)

    @property
    def chooses(self) -> bool:
        """Whether what is restored has to be found in the archive."""
        return self.by_name or bool(self.schemas) or self.use_list is not None

    @property
    def is_everything(self) -> bool:
        """Whether the archive is restored as it is."""
        return self == RestoreSelection()


def select_entries(entries: t.Sequence[TocEntry], selection: RestoreSelection) -> tuple[TocEntry, ...]:
    """The entries to restore, in the order in which a restore goes through them.

    Settings and what is about the database itself are always among them: that a database is created is asked for
    elsewhere. Entries are changed where their owner, tablespace or access method is not to be restored.

    :param entries: the whole table of contents, in the archive's order.
    :raises NotFoundError: nothing that is named was found, or with ``strict_names`` a name was not found.
    :raises UsageError: the list names an entry that is not in the archive.
    """
    if selection.is_everything:
        # Of a database of many tables, what choosing takes is a good part of a restore's memory.
        return tuple(entry for entry in entries if _is_of_everything(entry))
    # What few restores ask for is imported for them.
    if selection.use_list is not None:
        from .restore_use_list import in_listed_order

        entries = in_listed_order(entries, selection.use_list)
    selected = _select(entries, selection)
    others = dict(selection.role_map)
    if others:
        from .entry_roles import with_roles

        selected = tuple(with_roles(entry, others) for entry in selected)
    return tuple(_stripped(entry, selection) for entry in selected)


def _stripped(entry: TocEntry, selection: RestoreSelection) -> TocEntry:
    """The entry without what is not to be restored of it."""
    changes: dict[str, t.Any] = {}
    if selection.no_owner and entry.owner:
        changes["owner"] = ""
    if selection.no_tablespaces and entry.tablespace is not None:
        changes["tablespace"] = None
    if selection.no_table_access_method and entry.table_am:
        changes["table_am"] = None
    return dataclasses.replace(entry, **changes) if changes else entry


def _is_of_everything(entry: TocEntry) -> bool:
    if entry.desc in SETTINGS_KINDS or entry.desc in DATABASE_KINDS:
        return True
    return not _is_largest_oid(entry) and (entry.desc == _STATISTICS_KIND or _has_data(entry) or _has_schema(entry))


def _is_largest_oid(entry: TocEntry) -> bool:
    """What only pg_upgrade is interested in."""
    return (entry.desc, entry.tag) == ("<Init>", "Max OID")


def _select(entries: t.Sequence[TocEntry], selection: RestoreSelection) -> tuple[TocEntry, ...]:
    selector = EntrySelector(selection)
    for entry in entries:
        selector.add(entry)
    selected = selector.selected
    if selection.with_dependencies:
        from .restore_dependencies import with_dependencies

        chosen = [entry for entry in entries if entry.dump_id in selected]
        selected |= set(with_dependencies(entries, chosen, selector.is_allowed))
    selector.check("the archive", "its contents: dbfleet info")
    return tuple(entry for entry in entries if entry.dump_id in selected)


class EntrySelector:
    """Decides entry by entry, in the order of a table of contents.

    :attr:`selected` are the dump ids of those that were added and are to be restored.
    """

    def __init__(self, selection: RestoreSelection) -> None:
        self.selected: set[int] = set()
        self._selection = selection
        self._wanted = None if selection.use_list is None else frozenset(selection.use_list)
        self._sections = frozenset(SECTIONS[name] for name in selection.sections) or frozenset(SECTIONS.values())
        self._by_id: dict[int, TocEntry] = {}
        self._found: set[tuple[str, str]] = set()
        self._section = SECTION_PRE_DATA
        self._chosen = False

    def add(self, entry: TocEntry, *, section: int = SECTION_NONE) -> bool:
        """Whether it is to be restored. What it belongs to was added before.

        :param section: of what has none of its own; otherwise it is that of what it stands behind.
        """
        if entry.section != SECTION_NONE:
            self._section = section = entry.section
        self._by_id[entry.dump_id] = entry
        if entry.desc in SETTINGS_KINDS or entry.desc in DATABASE_KINDS:
            self.selected.add(entry.dump_id)
        elif self._is_selected(entry, self._section if section == SECTION_NONE else section):
            self.selected.add(entry.dump_id)
            self._chosen = self._chosen or not is_about_database(entry)
        return entry.dump_id in self.selected

    def check(self, name: str, contents: str) -> None:
        """After everything was added.

        :param name: what the entries are of; ``contents`` where to look them up.
        :raises NotFoundError: nothing that is named was found, or with ``strict_names`` a name was not found.
        """
        self._check_names(name, contents)
        if not self._chosen and self._selection.chooses:
            raise NotFoundError(f"{name} holds nothing of what is selected", hint=f"see {contents}")

    def _is_selected(self, entry: TocEntry, section: int) -> bool:
        if _is_largest_oid(entry):
            return False
        if self._is_unwanted_kind(entry) or section not in self._sections:
            return False
        if self._wanted is not None and entry.dump_id not in self._wanted:
            return False
        if entry.desc in FOLLOWER_KINDS:
            if not self._follows_selected(entry):
                return False
        elif not self._is_named(entry):
            return False
        return self._has_wanted_part(entry)

    def _is_unwanted_kind(self, entry: TocEntry) -> bool:
        selection, kind = self._selection, entry.desc
        if kind == "COMMENT":
            return selection.no_comments or any(
                off and entry.tag.startswith(word)
                for off, word in (
                    (selection.no_policies, "POLICY"),
                    (selection.no_publications, "PUBLICATION"),
                    (selection.no_subscriptions, "SUBSCRIPTION"),
                )
            )
        if kind == "SECURITY LABEL":
            return selection.no_security_labels or any(
                off and entry.tag.startswith(word)
                for off, word in (
                    (selection.no_publications, "PUBLICATION"),
                    (selection.no_subscriptions, "SUBSCRIPTION"),
                )
            )
        return (
            (selection.no_statistics and kind == _STATISTICS_KIND)
            or (selection.no_privileges and kind in ("ACL", "ACL LANGUAGE", "DEFAULT ACL"))
            or (selection.no_policies and kind in _POLICY_KINDS)
            or (selection.no_publications and kind in _PUBLICATION_KINDS)
            or (selection.no_subscriptions and kind in _SUBSCRIPTION_KINDS)
        )

    def _follows_selected(self, entry: TocEntry) -> bool:
        """Whether what belongs to another entry goes with it; in a selection of names or schemas only."""
        selection = self._selection
        if is_about_database(entry):
            return True
        if not (selection.by_name or selection.schemas or selection.exclude_schemas):
            return True
        for number in entry.dependencies:
            parent = self._by_id.get(number)
            # A column's privileges depend on those of its table, which says nothing of the table.
            if parent is not None and parent.desc != "ACL" and number in self.selected:
                return True
        return False

    def _is_named(self, entry: TocEntry) -> bool:
        selection = self._selection
        if selection.schemas and not self._names("schema", selection.schemas, entry.namespace):
            return False
        if selection.exclude_schemas and self._names("excluded schema", selection.exclude_schemas, entry.namespace):
            return False
        if not selection.by_name:
            return True
        if entry.desc in _RELATION_KINDS:
            return self._names("table", selection.tables, entry.tag)
        if entry.desc == "INDEX":
            return self._names("index", selection.indexes, entry.tag)
        if entry.desc in _FUNCTION_KINDS:
            return self._names("function", selection.functions, entry.tag)
        if entry.desc == "TRIGGER":
            return self._names("trigger", selection.triggers, entry.tag)
        if entry.desc == _STATISTICS_KIND:
            # Both are to be looked at: each notes what it found.
            of_table = self._names("table", selection.tables, entry.tag)
            return self._names("index", selection.indexes, entry.tag) or of_table
        return False

    def _names(self, kind: str, names: t.Sequence[str], name: str | None) -> bool:
        if name is None or name not in names:
            return False
        self._found.add((kind, name))
        return True

    def _has_wanted_part(self, entry: TocEntry) -> bool:
        selection = self._selection
        if entry.desc == _STATISTICS_KIND:
            return True
        return (_has_data(entry) and not selection.no_data) or (_has_schema(entry) and not selection.no_schema)

    def _check_names(self, name: str, contents: str) -> None:
        if not self._selection.strict_names:
            return
        named = (
            ("schema", self._selection.schemas),
            ("table", self._selection.tables),
            ("index", self._selection.indexes),
            ("function", self._selection.functions),
            ("trigger", self._selection.triggers),
        )
        missing = [f"{kind} {one!r}" for kind, names in named for one in names if (kind, one) not in self._found]
        if missing:
            more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
            raise NotFoundError(
                f"{name} holds no {', no '.join(missing[:_MOST_NAMED])}{more}",
                hint=f"for the names, see {contents}",
                missing=missing,
            )

    def is_allowed(self, entry: TocEntry) -> bool:
        """Whether an entry that nobody named may come with another that was."""
        in_section = entry.section in self._sections or entry.section == SECTION_NONE
        return in_section and not self._is_unwanted_kind(entry) and self._has_wanted_part(entry)


def is_about_database(entry: TocEntry) -> bool:
    """Whether it belongs to the database itself."""
    return entry.desc in FOLLOWER_KINDS and entry.tag.startswith("DATABASE ")


def _has_data(entry: TocEntry) -> bool:
    if entry.had_dumper or entry.desc in _DATA_KINDS:
        return True
    return entry.desc in FOLLOWER_KINDS and entry.tag.startswith("LARGE OBJECT")


def _has_schema(entry: TocEntry) -> bool:
    if not entry.defn or entry.defn.startswith(_PARTITION_ROOT_NOTE):
        return False
    return entry.had_dumper or not _has_data(entry)
