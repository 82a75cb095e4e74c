# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the optimizer knows of tables, materialized views, foreign tables and indexes, and of their columns.

They are written for PostgreSQL 18 and later, whatever the source: older servers have statistics and cannot take any.
"""

from __future__ import annotations

import collections
import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from ..quoting import literal
from ..session import Row
from ..toc import SECTION_DATA, SECTION_POST_DATA
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .index_constraint import index_comment_key
from .materialized_view import refresh_key
from .relation import MATERIALIZED_VIEW

#: Which indexes are dumped: the others are of no use to anyone.
_INDEX = "(i.indisvalid OR tab.relkind = 'p') AND i.indisready"
_RELATIONS = f"""
    SELECT c.oid, coalesce(i.indrelid, c.oid), n.nspname, c.relname, c.relkind, c.relpages, c.reltuples,
           c.relallvisible, {{all_frozen}}, i.indexrelid IS NULL OR i.indexprs IS NOT NULL,
           pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_catalog.pg_class tab ON tab.oid = i.indrelid
    WHERE c.oid >= 16384 AND c.relpersistence <> 't'
      AND (c.relkind IN ('r', 'p', 'm', 'f') OR c.relkind IN ('i', 'I') AND {_INDEX})
"""
_COLUMNS = """
    SELECT u.oid, s.attname,
           (SELECT a.attnum FROM pg_catalog.pg_attribute a WHERE a.attrelid = u.oid AND a.attname = s.attname),
           s.inherited, s.null_frac, s.avg_width, s.n_distinct, s.most_common_vals, s.most_common_freqs,
           s.histogram_bounds, s.correlation, s.most_common_elems, s.most_common_elem_freqs, s.elem_count_histogram
           {ranges}
    FROM pg_catalog.pg_stats s
    JOIN ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::name[]), pg_catalog.unnest($3::name[]))
      u (oid, schema_name, name) ON s.schemaname = u.schema_name AND s.tablename = u.name
    WHERE s.tablename = ANY ($3::name[])
    ORDER BY u.oid, s.attname, s.inherited
"""
#: The arguments after the column's own, in the order of :data:`_COLUMNS`, with their types.
_ARGUMENTS = (
    ("inherited", "boolean"), ("null_frac", "real"), ("avg_width", "integer"), ("n_distinct", "real"),
    ("most_common_vals", "text"), ("most_common_freqs", "real[]"), ("histogram_bounds", "text"),
    ("correlation", "real"), ("most_common_elems", "text"), ("most_common_elem_freqs", "real[]"),
    ("elem_count_histogram", "real[]"), ("range_length_histogram", "text"), ("range_empty_frac", "real"),
    ("range_bounds_histogram", "text"),
)  # fmt: skip
_BATCH = 100
_SHOWN = 10


class _Source(t.NamedTuple):
    """A relation that has statistics, as the catalog shows it."""

    oid: int
    table: int
    schema: str
    name: str
    kind: str
    pages: str
    tuples: str
    all_visible: str
    all_frozen: str
    has_columns: bool
    is_readable: bool

    @property
    def is_index(self) -> bool:
        return self.kind in "iI"


@dataclass(frozen=True)
class RelationStatistics(DatabaseObject):
    """The statistics of one relation and of its columns.

    :param owner: the relation they are of; an index that a constraint made goes with that.
    :param statements: what restores them.
    :param is_index: they come after the data, as their index does.
    :param is_refreshed: they come after the data, because a REFRESH would reset them.
    """

    owner: Key
    statements: str
    is_index: bool
    is_refreshed: bool

    kind = "optimizer statistics"
    priority = Priority.STATISTICS

    def is_after_data(self, postponed: t.Collection[Key]) -> bool:
        """Whether they belong behind the data.

        :param postponed: the objects that are made there because of a loop.
        """
        return self.is_index or self.is_refreshed or self.owner in postponed

    def edges(self) -> t.Iterable[Key]:
        if self.is_refreshed:
            return (self.owner, refresh_key(self.owner.oid))
        # The comment of a constraint's index stands where the index would.
        return (self.owner, index_comment_key(self.owner.oid)) if self.is_index else (self.owner,)

    def section(self, definitions: Definitions) -> int:
        return SECTION_POST_DATA if self.is_after_data(definitions.postponed) else SECTION_DATA

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        yield Entry("STATISTICS DATA", self.name, self.statements)


def statistics_key(oid: int) -> Key:
    """The key of a relation's statistics."""
    return Key(-Priority.STATISTICS, oid)


def read_relation_statistics(catalog: Catalog) -> t.Iterator[RelationStatistics]:
    """Those of every relation that is dumped, where statistics are asked for.

    :raises PrivilegeError: the server hides some from the user.
    """
    if not catalog.chosen.selection.statistics:
        return
    sources = [source for source in _read_sources(catalog) if _is_dumped(catalog, source)]
    _refuse_hidden(sources)
    for start in range(0, len(sources), _BATCH):
        batch = sources[start : start + _BATCH]
        columns = _read_columns(catalog, [source for source in batch if source.has_columns])
        for source in batch:
            yield RelationStatistics(
                key=statistics_key(source.oid),
                schema=source.schema,
                name=source.name,
                owner=Key(CatalogOid.PG_CLASS, source.oid),
                statements=_relation_statement(source, catalog.version)
                + "".join(_column_statement(source, column, catalog.version) for column in columns[source.oid]),
                is_index=source.is_index,
                is_refreshed=source.kind == MATERIALIZED_VIEW and catalog.includes_data(catalog.relations[source.oid]),
            )


def _read_sources(catalog: Catalog) -> t.Iterator[_Source]:
    all_frozen = "c.relallfrozen" if catalog.version >= 180000 else "NULL"
    for row in catalog.session.stream(_RELATIONS.format(all_frozen=all_frozen)):
        schema, name, kind, pages, tuples, all_visible, frozen = row[2:9]
        yield _Source(
            int(row[0]), int(row[1]), schema, name, kind, pages, tuples, all_visible, frozen,
            has_columns=row[9] == "t", is_readable=row[10] == "t",
        )  # fmt: skip


def _is_dumped(catalog: Catalog, source: _Source) -> bool:
    return source.table in catalog.relations and Key(CatalogOid.PG_CLASS, source.oid) not in catalog.members


def _refuse_hidden(sources: t.Iterable[_Source]) -> None:
    hidden = [f"{one.schema}.{one.name}" for one in sources if one.has_columns and not one.is_readable]
    if hidden:
        more = f" and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
        raise PrivilegeError(
            f"the server hides the statistics of {', '.join(hidden[:_SHOWN])}{more} from this user",
            hint="connect as their owner, a superuser or a member of pg_read_all_data, or leave the statistics out",
            objects=hidden,
        )


def _read_columns(catalog: Catalog, sources: t.Sequence[_Source]) -> t.Mapping[int, list[Row]]:
    """By relation, its columns' statistics in pg_dump's order."""
    found: dict[int, list[Row]] = collections.defaultdict(list)
    if not sources:
        return found
    ranges = ", s.range_length_histogram, s.range_empty_frac, s.range_bounds_histogram"
    query = _COLUMNS.format(ranges=ranges if catalog.version >= 170000 else "")
    oids = "{" + ",".join(str(source.oid) for source in sources) + "}"
    schemas, names = _array(source.schema for source in sources), _array(source.name for source in sources)
    for row in catalog.session.query(query, (oids, schemas, names)):
        found[int(row[0] or 0)].append(row)
    return found


def _array(values: t.Iterable[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _relation_statement(source: _Source, version: int) -> str:
    # Before 14 the number 0 also stood for "not known", which a newer server would take at its word.
    tuples = "-1" if version < 140000 and source.tuples == "0" else source.tuples
    arguments = [
        f"'relpages', '{source.pages}'::integer",
        f"'reltuples', '{tuples}'::real",
        f"'relallvisible', '{source.all_visible}'::integer",
    ]
    if version >= 180000:
        arguments.append(f"'relallfrozen', '{source.all_frozen}'::integer")
    return _statement("pg_restore_relation_stats", source, version, arguments)


def _column_statement(source: _Source, row: Row, version: int) -> str:
    # An index's columns have names of the server's choice, which may be others in the restored database.
    column = f"'attnum', '{row[2]}'::smallint" if source.is_index else f"'attname', {literal(row[1] or '')}"
    arguments = [
        f"'{name}', {literal(value)}::{type_name}"
        for (name, type_name), value in zip(_ARGUMENTS, row[3:])
        if value is not None
    ]
    return _statement("pg_restore_attribute_stats", source, version, [column, *arguments])


def _statement(function: str, source: _Source, version: int, arguments: t.Iterable[str]) -> str:
    named = (
        f"'version', '{version}'::integer",
        f"'schemaname', {literal(source.schema)}",
        f"'relname', {literal(source.name)}",
        *arguments,
    )
    return f"SELECT * FROM pg_catalog.{function}(\n" + ",\n".join(f"\t{one}" for one in named) + "\n);\n"
