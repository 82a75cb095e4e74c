# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Turning a selection's patterns into OIDs, as one database has them at this moment."""

from __future__ import annotations

import typing as t

from ...errors import NotFoundError, QueryError, UsageError
from ..session import Session
from .chosen import Chosen
from .options import Selection
from .pattern import Part, name_regexp, parse_pattern

_NOT_SYSTEM = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_SCHEMAS = "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE {name} AND {more}"
_EXTENSIONS = "SELECT e.oid FROM pg_catalog.pg_extension e WHERE {name}"
_SERVERS = "SELECT s.oid FROM pg_catalog.pg_foreign_server s WHERE {name}"
_TABLES = """
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') AND c.relpersistence <> 't' AND {more} AND {name} AND {schema}
"""
_WITH_CHILDREN = """
    WITH RECURSIVE family (oid) AS (
        {query} UNION SELECT i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid)
    SELECT oid FROM family
"""
#: A table that is named without its schema is the one that the user's own search_path finds.
_VISIBLE = "pg_catalog.pg_table_is_visible(c.oid)"
_INVALID_REGEXP = "2201B"


def resolve(session: Session, selection: Selection) -> Chosen:
    """What a selection means now.

    :raises NotFoundError: nothing fits what is asked for, or with ``strict_names`` one of the patterns.
    :raises UsageError: a pattern is not valid.
    """
    if selection == Selection():
        return Chosen()
    return _Resolver(session, selection).chosen()


class _Resolver:
    def __init__(self, session: Session, selection: Selection) -> None:
        self._session = session
        self._selection = selection
        # Names are compared byte by byte unless told otherwise; before 12 they have no collation at all.
        self._collation = " COLLATE pg_catalog.default" if session.version >= 120000 else ""

    def chosen(self) -> Chosen:
        wanted = self._selection
        return Chosen(
            selection=wanted,
            schemas=self._wanted("schema", self._schemas, wanted.schemas),
            excluded_schemas=self._excluded(self._schemas, wanted.exclude_schemas),
            tables=self._wanted("table", self._tables, wanted.tables, wanted.tables_and_children),
            excluded_tables=self._excluded(
                self._tables, wanted.exclude_tables, wanted.exclude_tables_and_children
            ),
            excluded_data=self._excluded(
                self._tables, wanted.exclude_table_data, wanted.exclude_table_data_and_children
            ),
            extensions=self._wanted("extension", self._extensions, wanted.extensions),
            excluded_extensions=self._excluded(self._extensions, wanted.exclude_extensions),
            foreign_servers=self._wanted("foreign server", self._servers, wanted.foreign_data, strict=True)
            or frozenset(),
        )  # fmt: skip

    def _wanted(
        self,
        kind: str,
        find: t.Callable[..., t.Iterable[int]],
        patterns: tuple[str, ...],
        with_children: tuple[str, ...] = (),
        *,
        strict: bool = False,
    ) -> frozenset[int] | None:
        """The OIDs of what is asked for, ``None`` if nothing is."""
        if not patterns and not with_children:
            return None
        found: set[int] = set()
        unmatched: list[str] = []
        for number, pattern in enumerate((*patterns, *with_children)):
            fits = set(find(pattern, children=number >= len(patterns), system=False))
            if not fits:
                unmatched.append(pattern)
            found |= fits
        if unmatched and (strict or self._selection.strict_names or not found):
            raise NotFoundError(
                f"no {kind} of database {self._session.database!r} fits {', '.join(map(repr, unmatched))}",
                hint="name it as psql's patterns do; what belongs to the server itself is never backed up",
                patterns=unmatched,
            )
        return frozenset(found)

    def _excluded(
        self,
        find: t.Callable[..., t.Iterable[int]],
        patterns: tuple[str, ...],
        with_children: tuple[str, ...] = (),
    ) -> frozenset[int]:
        found: set[int] = set()
        for pattern in patterns:
            found.update(find(pattern, children=False, system=True))
        for pattern in with_children:
            found.update(find(pattern, children=True, system=True))
        return frozenset(found)

    def _schemas(self, pattern: str, *, children: bool, system: bool) -> t.Iterable[int]:
        *outer, name = parse_pattern(pattern)
        self._check_database(pattern, outer, most=1)
        more = "true" if system else _NOT_SYSTEM
        return self._find(pattern, _SCHEMAS.format(name=self._fits("n.nspname", 1), more=more), name)

    def _tables(self, pattern: str, *, children: bool, system: bool) -> t.Iterable[int]:
        *outer, name = parse_pattern(pattern)
        self._check_database(pattern, outer[:-1], most=1)
        schema = self._fits("n.nspname", 2) if outer else _VISIBLE
        more = "true" if system else _NOT_SYSTEM
        query = _TABLES.format(name=self._fits("c.relname", 1), schema=schema, more=more)
        if children:
            query = _WITH_CHILDREN.format(query=query)
        return self._find(pattern, query, name, *outer[-1:])

    def _extensions(self, pattern: str, *, children: bool, system: bool) -> t.Iterable[int]:
        regexp = name_regexp(pattern, kind="an extension")
        return self._find(pattern, _EXTENSIONS.format(name=self._fits("e.extname", 1)), Part(regexp, ""))

    def _servers(self, pattern: str, *, children: bool, system: bool) -> t.Iterable[int]:
        regexp = name_regexp(pattern, kind="a foreign server")
        return self._find(pattern, _SERVERS.format(name=self._fits("s.srvname", 1)), Part(regexp, ""))

    def _fits(self, column: str, number: int) -> str:
        return f"{column} OPERATOR(pg_catalog.~) ${number}{self._collation}"

    def _check_database(self, pattern: str, outer: t.Sequence[Part], *, most: int) -> None:
        """The first of the names may be the database's; it must be the connected one."""
        if len(outer) > most:
            raise UsageError(
                f"there are too many dots in the pattern {pattern!r}",
                hint='put names with dots in double quotes: "a.b"',
            )
        if outer and outer[0].literal != self._session.database:
            raise UsageError(
                f"the pattern {pattern!r} is for another database than {self._session.database!r}",
                hint="leave the database out of the pattern; one backup is of one database",
            )

    def _find(self, pattern: str, query: str, *parts: Part) -> list[int]:
        session = self._session
        # The session of a dump has no search_path; the user's own one says which tables need no schema.
        needs_path = _VISIBLE in query
        if needs_path:
            session.execute("RESET search_path")
        try:
            found = [int(oid) for (oid,) in session.rows(query, tuple(part.regexp for part in parts))]
        except QueryError as error:
            if error.context.get("sqlstate") == _INVALID_REGEXP:
                raise UsageError(f"the pattern {pattern!r} is not valid: {error.message}") from error
            raise
        if needs_path:
            session.execute("SET search_path TO ''")
        return found
