# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Everything that a database's archive will hold, but the rows: read, ordered, written out as a table of contents."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import gc
import typing as t

from ..errors import ConsistencyError, QueryError
from ..lazy_dataclass import dataclass
from .catalog.base import SATELLITE_KINDS, DatabaseObject, Entry, Key
from .catalog.column import Columns
from .catalog.composite_type import CompositeType
from .catalog.context import Catalog, Definitions
from .catalog.data_order import read_data_references
from .catalog.database import read_database
from .catalog.extension_data import ExtensionTableData
from .catalog.inventory import refuse_what_is_not_covered
from .catalog.kinds import readers_of
from .catalog.large_object import LargeObjectContents
from .catalog.relation import SEQUENCE, Relation
from .catalog.table_data import TableData
from .dependencies import Graph
from .options import DumpSettings
from .selection.chosen import Chosen
from .selection.entries import EntryFilter
from .session import Session
from .toc import SECTION_PRE_DATA, TocEntry

_DEPENDENCIES = """
    SELECT classid::oid, objid, refclassid::oid, refobjid FROM pg_catalog.pg_depend
    WHERE deptype NOT IN ('p', 'e') AND objid >= 16384
      AND (refobjid >= 16384 OR refclassid = 'pg_catalog.pg_namespace'::regclass)
"""
#: What the server says when an object that the snapshot shows is gone by now.
_GONE = frozenset(("42P01", "42704", "3F000", "XX000"))


@dataclass(frozen=True)
class DataItem:
    """A table whose rows the archive holds.

    :param table: its OID.
    :param copy_statement: what reads the rows, column for column what the entry's own statement loads.
    :param select: the same as a query to which a condition can be added; empty where there is one already.
    :param into: the table that the rows are loaded into, as SQL; empty for the table itself.
    """

    entry: TocEntry
    table: int
    schema: str
    name: str
    copy_statement: str
    select: str = ""
    into: str = ""


@dataclass(frozen=True)
class LargeObjectsItem:
    """The large objects whose contents the archive holds, in their order."""

    entry: TocEntry
    oids: tuple[int, ...]


@dataclass(frozen=True)
class Contents:
    """What an archive holds.

    :param entries: in restore order.
    :param data: the tables whose rows follow, in the same order.
    :param large_objects: what follows the tables' rows.
    :param objects: how many of each kind.
    :param warnings: what was left out, and why; and what may be in the way of a restore.
    """

    entries: tuple[TocEntry, ...]
    data: tuple[DataItem, ...]
    large_objects: tuple[LargeObjectsItem, ...]
    objects: t.Mapping[str, int]
    warnings: tuple[str, ...]


def read_contents(
    session: Session,
    *,
    groups_large_objects: bool = False,
    inserts: bool = False,
    chosen: Chosen | None = None,
    settings: DumpSettings | None = None,
) -> Contents:
    """Read the catalogs inside the dump's transaction.

    :param groups_large_objects: as :class:`Catalog` has it.
    :param inserts: the tables' data is stored as INSERT statements.
    :param chosen: what of the database; all by default.
    :param settings: how definitions and data are worded.
    :raises UnsupportedObjectError: the database holds something that cannot be dumped yet.
    :raises ConsistencyError: the schema changed while it was read.
    """
    try:
        with _without_collections():
            catalog = Catalog(session, groups_large_objects=groups_large_objects, chosen=chosen, settings=settings)
            contents = _read(catalog)
            return _with_inserts(contents) if inserts else contents
    except QueryError as error:
        if error.context.get("sqlstate") not in _GONE:
            raise
        raise ConsistencyError(
            f"the schema of database {session.database!r} changed while it was read: {error.message}",
            hint="run the backup again when no one alters the schema",
            **error.context,
        ) from error


@contextlib.contextmanager
def _without_collections() -> t.Iterator[None]:
    """Pause Python's cycle collector: it would walk the many records, which hold no cycles, over and over."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _read(catalog: Catalog) -> Contents:
    session = catalog.session
    database = read_database(catalog)
    selection = catalog.chosen.selection
    objects: list[DatabaseObject] = [one for read in readers_of(selection) for one in read(catalog)]
    refuse_what_is_not_covered(catalog, {one.key for one in objects}.union(catalog.aliases, catalog.left_out))
    graph = Graph(objects, catalog.aliases, catalog.redirects)
    for catalog_oid, oid, needed_catalog, needed_oid in session.stream(_DEPENDENCIES):
        graph.add(Key(int(catalog_oid), int(oid)), Key(int(needed_catalog), int(needed_oid)))
    if not selection.definitions:
        for data, needed in read_data_references(catalog):
            graph.add(data, needed)
    ordered = graph.order()
    parts: dict[Key, list[DatabaseObject]] = collections.defaultdict(list)
    for one in objects:
        if one.embedded_in is not None:
            parts[one.embedded_in].append(one)
    definitions = Definitions(
        catalog,
        columns=Columns(session, _with_columns(ordered), compression="toast_compression" not in selection.without),
        parts=parts,
        separate=graph.separate,
        postponed=graph.postponed,
    )
    table = _TableOfContents(session, graph, definitions, EntryFilter(selection))
    table.add(database)
    for one in ordered:
        table.add(one)
    return Contents(
        entries=tuple(table.entries),
        data=tuple(table.data),
        large_objects=tuple(table.large_objects),
        objects=table.counts(ordered),
        warnings=tuple(_warnings(catalog, graph)),
    )


def _warnings(catalog: Catalog, graph: Graph) -> t.Iterator[str]:
    for why in catalog.left_out.values():
        yield f"not in the backup: {why}"
    for loop in graph.circular:
        names = ", ".join(f"{one.schema}.{one.name}" for one in map(graph.objects.__getitem__, loop))
        among = "these tables refer to each other" if len(loop) > 1 else "this table refers to itself"
        yield (
            f"{among} by foreign keys, so that no order of their rows is sure to load: {names}"
            " (disable the triggers or drop the keys when loading, or back the definitions up too)"
        )


def _with_inserts(contents: Contents) -> Contents:
    """The same with no COPY statement in the entries."""
    entries = {entry.dump_id: dataclasses.replace(entry, copy_stmt=None) for entry in contents.entries}
    data = tuple(dataclasses.replace(item, entry=entries[item.entry.dump_id]) for item in contents.data)
    return dataclasses.replace(contents, entries=tuple(entries.values()), data=data)


def _with_columns(ordered: t.Sequence[DatabaseObject]) -> list[int]:
    """The relations whose columns the definitions need, in the order of the definitions."""
    found: list[int] = []
    for one in ordered:
        if isinstance(one, CompositeType):
            found.append(one.relation)
        else:
            relation = getattr(one, "relation", None)
            if isinstance(relation, Relation) and relation.key == one.key and relation.kind != SEQUENCE:
                found.append(relation.oid)
    return found


class _TableOfContents:
    """Gives every entry its number and its dependencies."""

    def __init__(self, session: Session, graph: Graph, definitions: Definitions, wanted: EntryFilter) -> None:
        self.entries: list[TocEntry] = []
        self.data: list[DataItem] = []
        self.large_objects: list[LargeObjectsItem] = []
        self._graph = graph
        self._definitions = definitions
        self._wanted = wanted
        # The objects whose own entries, not only comments and the like, are left out.
        self._left_out: set[Key] = set()
        # What stands for an object among the dependencies of others: its number, or what it needs itself.
        self._numbers: dict[Key, tuple[int, ...]] = {}
        encoding = session.parameter("client_encoding")
        self._add_setting("ENCODING", f"SET client_encoding = '{encoding}';\n")
        self._add_setting("STDSTRINGS", "SET standard_conforming_strings = 'on';\n")
        self._add_setting("SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n")

    def _add_setting(self, name: str, statement: str) -> None:
        number = len(self.entries) + 1
        self.entries.append(TocEntry(number, False, 0, 0, name, name, SECTION_PRE_DATA, statement, ""))

    def add(self, one: DatabaseObject) -> None:
        """Write out one object."""
        # What the object needs is of no use after this, and of very many objects it takes much memory.
        needed = {number for key in self._graph.needs.pop(one.key, ()) for number in self._numbers.get(key, ())}
        section = one.section(self._definitions)
        main = acl = 0
        for entry in one.entries(self._definitions):
            if not self._wanted.wants(entry, section if entry.section is None else entry.section):
                if entry.desc not in SATELLITE_KINDS:
                    self._left_out.add(one.key)
                continue
            number = len(self.entries) + 1
            depends: t.Collection[int] = needed
            if main or (entry.after_acl and acl):
                depends = {main, acl} - {0} if entry.after_acl else {main}
            made = self._entry(one, entry, number, section, depends, has_oid=not main)
            self.entries.append(made)
            if entry.desc == "ACL":
                acl = acl or number
            if entry.desc not in SATELLITE_KINDS:
                main = main or number
            if isinstance(one, TableData):
                columns = self._definitions.copy_columns(one.relation.oid)
                reads, select = one.copy_statement(columns), one.select(columns)
                self.data.append(DataItem(made, one.relation.oid, one.schema, one.name, reads, select, one.root))
            elif isinstance(one, ExtensionTableData):
                self.data.append(DataItem(made, one.table, one.schema, one.name, one.copy_statement))
            elif isinstance(one, LargeObjectContents):
                self.large_objects.append(LargeObjectsItem(made, one.oids))
        self._numbers[one.key] = (main,) if main else tuple(needed)

    def counts(self, ordered: t.Iterable[DatabaseObject]) -> dict[str, int]:
        """How many objects of each kind were written out, with those that stand in others' statements."""
        found: collections.Counter[str] = collections.Counter()
        for one in ordered:
            owner = one.key if self._definitions.is_separate(one) else one.embedded_in
            if owner not in self._left_out:
                found[one.kind] += one.count
        return dict(sorted(found.items()))

    def _entry(
        self,
        one: DatabaseObject,
        entry: Entry,
        number: int,
        section: int,
        depends: t.Collection[int],
        *,
        has_oid: bool,
    ) -> TocEntry:
        # Only the object's own entry has its numbers, none of those that follow it.
        has_oid = has_oid and entry.desc not in SATELLITE_KINDS
        return TocEntry(
            dump_id=number,
            had_dumper=entry.had_dumper,
            table_oid=int(one.key.catalog) if has_oid and one.key.catalog > 0 else 0,
            oid=one.key.oid if has_oid else 0,
            tag=entry.tag,
            desc=entry.desc,
            section=section if entry.section is None else entry.section,
            defn=entry.defn,
            drop_stmt=entry.drop,
            copy_stmt=entry.copy_stmt,
            namespace=one.schema or None,
            tablespace=entry.tablespace,
            table_am=entry.table_am or None,
            relkind=entry.relkind,
            owner=entry.owner,
            dependencies=tuple(sorted(depends)),
        )
