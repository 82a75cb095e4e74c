# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Comparing the rows that are in the restored tables with those of the backup: numbers, or every byte of them."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ..errors import RestoreError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import Buffer, ByteSource
from ..streams.digest import combined_digest
from .archive.copy_text import CopyTextSource
from .archive.entries import TABLE_DATA, object_name
from .archive.reader import ArchiveReader
from .copy_out import copy_out
from .dump_settings import apply_dump_settings
from .quoting import literal, qualified
from .session import Session
from .toc import TocEntry

VERIFY = ("none", "rows", "digest")
_SHORTEST_FLOATS = 120000
_FROM_STDIN = " FROM stdin;"
_BLOCK = 1 << 18
_NAMED = 10
# Tables with a column of one of the types, or of a type that is made of it.
_TABLES_WITH_TYPES = """
    WITH RECURSIVE made AS (
        SELECT oid FROM pg_catalog.pg_type WHERE typname = ANY ($1::pg_catalog.name[])
            AND typnamespace = 'pg_catalog'::pg_catalog.regnamespace
      UNION
        SELECT y.oid FROM made m JOIN pg_catalog.pg_type y ON m.oid IN (y.typelem, y.typbasetype)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_range r WHERE r.rngtypid = y.oid AND r.rngsubtype = m.oid)
            OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = y.typrelid AND a.atttypid = m.oid
                AND a.attnum > 0 AND NOT a.attisdropped)
    )
    SELECT DISTINCT n.nspname, c.relname
    FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND a.atttypid IN (SELECT oid FROM made)
"""
_FLOATS = "{float4,float8,point,lseg,path,box,polygon,line,circle}"
_TIMES = "{timestamptz}"


#: Schema and name of a table.
Key = tuple[str, str]


@dataclass(frozen=True)
class RestoredTable:
    """A table to be compared.

    :param loaded: what was loaded into it.
    :param copy_out: the statement that gives its rows in the backup's form; empty where there is none.
    """

    loaded: TableRecord
    copy_out: str = ""

    @property
    def key(self) -> Key:
        return self.loaded.schema, self.loaded.name


#: Gives the backup's rows of the tables that it is asked for, in pieces of whole rows and in any order.
RowsOf = t.Callable[[t.Collection[Key]], t.Iterator[tuple[Key, ByteSource]]]


def verify_restored(
    session: Session,
    archive: ArchiveReader,
    entries: t.Iterable[TocEntry],
    loaded: t.Iterable[TableRecord],
    manifest: Manifest | None,
    progress: Progress,
    *,
    how: str,
    encoding: str,
) -> dict[str, int]:
    """Compare the tables that were restored from an archive; see :func:`compare_restored`."""
    records = {(table.schema, table.name): table for table in loaded}
    found = {(entry.namespace or "", entry.tag): entry for entry in entries if entry.desc == TABLE_DATA}
    tables = [
        RestoredTable(records[key], copy_out_statement(entry.copy_stmt or ""))
        for key, entry in found.items()
        if key in records
    ]

    def rows_of(keys: t.Collection[Key]) -> t.Iterator[tuple[Key, ByteSource]]:
        for key in keys:
            yield key, CopyTextSource(archive.data(found[key]), object_name(found[key]))

    return compare_restored(session, tables, rows_of, manifest, progress, how=how, encoding=encoding)


def copy_out_statement(copy_in: str) -> str:
    """The statement that gives what a dump's COPY takes; empty for what is no such COPY."""
    statement = copy_in.strip()
    return statement.removesuffix(_FROM_STDIN) + " TO stdout" if statement.endswith(_FROM_STDIN) else ""


def compare_restored(
    session: Session,
    tables: t.Sequence[RestoredTable],
    rows_of: RowsOf,
    manifest: Manifest | None,
    progress: Progress,
    *,
    how: str,
    encoding: str,
) -> dict[str, int]:
    """Read the restored tables and compare them with what was loaded into them, and with the manifest.

    A digest is compared with the manifest's; where there is none, and where a table gives its rows in another order,
    the rows themselves are compared with those of the backup, in whatever order they come.

    :param how: ``rows`` or ``digest``.
    :param encoding: of the backup's text.
    :returns: how many tables were compared by their rows' content, and how many by their number.
    :raises RestoreError: a table differs; all that do are named.
    """
    recorded = {} if manifest is None else {(table.schema, table.name): table for table in manifest.contents.tables}
    progress.phase("comparing the restored tables", total_bytes=sum(table.loaded.bytes for table in tables))
    apply_dump_settings(session)
    session.execute(f"SET client_encoding TO {literal(encoding)}")
    keys = frozenset(table.key for table in tables)
    incomparable = _incomparable(session, keys, manifest, progress) if how == "digest" else frozenset()
    wrong: dict[Key, str] = {}
    unsure: dict[Key, RowsDigest] = {}
    compared = {"digest": 0, "rows": 0}
    for table in tables:
        progress.item(_name(table.key))
        by_content = how == "digest" and table.key not in incomparable and bool(table.copy_out)
        compared["digest" if by_content else "rows"] += 1
        if by_content:
            problem = _compare_content(session, table, recorded.get(table.key), unsure, progress)
        else:
            problem = _compare_number(session, table)
        if problem:
            wrong[table.key] = problem
    wrong.update((key, "other content") for key in _differing(unsure, rows_of))
    if wrong:
        named = [f"{_name(table.key)}: {wrong[table.key]}" for table in tables if table.key in wrong]
        raise RestoreError(
            f"the restored tables differ from the backup: {'; '.join(named[:_NAMED])}",
            hint="rows that were there before, event triggers, or other sessions can be the cause",
            failed=named,
        )
    return compared


def _name(key: Key) -> str:
    return f"{key[0]}.{key[1]}"


def _differing(found: t.Mapping[Key, RowsDigest], rows_of: RowsOf) -> list[Key]:
    """The tables whose rows are not those of the backup, in whatever order."""
    if not found:
        return []
    expected = {key: RowsDigest() for key in found}
    for key, source in rows_of(tuple(found)):
        while True:
            data = source.read(_BLOCK)
            if not data:
                break
            expected[key].write(data)
    return [key for key, digest in found.items() if digest.result() != expected[key].result()]


def _incomparable(
    session: Session, tables: frozenset[Key], manifest: Manifest | None, progress: Progress
) -> frozenset[Key]:
    """Those of the tables whose text is another one here than at the source, though the values are the same."""
    source = 0 if manifest is None else manifest.server.version_number
    zone = "" if manifest is None else str(manifest.contents.options.get("timezone", ""))
    times: frozenset[Key] = frozenset()
    if zone:
        session.execute(f"SET timezone TO {literal(zone)}")
    else:
        times = tables & _tables_with(session, _TIMES)
    if times:
        progress.warn(
            "the backup does not say in which time zone its times are written: tables with them were compared by their "
            f"number of rows only: {_listed(times)}"
        )
    if source == 0 or (source < _SHORTEST_FLOATS) == (session.version < _SHORTEST_FLOATS):
        return times
    floats = tables & _tables_with(session, _FLOATS)
    if floats:
        progress.warn(
            "PostgreSQL 12 and later write floating point numbers with other digits than before: tables with them were "
            f"compared by their number of rows only: {_listed(floats)}"
        )
    return times | floats


def _tables_with(session: Session, types: str) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in session.rows(_TABLES_WITH_TYPES, (types,))}


def _listed(tables: t.Collection[tuple[str, str]]) -> str:
    names = sorted(f"{schema}.{name}" for schema, name in tables)
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _compare_number(session: Session, table: RestoredTable) -> str:
    found = int(session.value(f"SELECT pg_catalog.count(*) FROM ONLY {qualified(*table.key)}") or 0)
    return "" if found == table.loaded.rows else f"{found} rows instead of {table.loaded.rows}"


def _compare_content(
    session: Session,
    table: RestoredTable,
    recorded: TableRecord | None,
    unsure: dict[Key, RowsDigest],
    progress: Progress,
) -> str:
    """What is wrong with a table, empty for nothing.

    :param unsure: gets the rows' digest where they must be compared with the backup's own.
    """
    digest = _PartsDigest(() if recorded is None else recorded.parts)
    rows, _size = copy_out(session, table.copy_out, digest, progress)
    if rows != table.loaded.rows:
        return f"{rows} rows instead of {table.loaded.rows}"
    if recorded is None or not recorded.sha256 or digest.hexdigest() != recorded.sha256:
        # No digest to compare with, or the same rows in another order: a page with room was filled later.
        unsure[table.key] = RowsDigest()
        copy_out(session, table.copy_out, unsure[table.key], progress)
    return ""


@dataclasses.dataclass
class _PartsDigest:
    """A sink that makes the digest that a manifest has of a table."""

    parts: t.Sequence[int]

    def __post_init__(self) -> None:
        self._left = list(reversed(self.parts)) or [1 << 62]
        self._room = self._left.pop()
        self._hash = hashlib.sha256()
        self._digests: list[str] = []

    def write(self, data: Buffer) -> None:
        view = memoryview(data)
        while view:
            while not self._room and self._left:
                self._next()
            taken = view[: self._room] if self._room else view
            self._hash.update(taken)
            self._room -= min(self._room, len(taken))
            view = view[len(taken) :]

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""

    def hexdigest(self) -> str:
        if not self.parts:
            return self._hash.hexdigest()
        while not self._room and self._left:
            self._next()
        return combined_digest([*self._digests, self._hash.hexdigest()])

    def _next(self) -> None:
        self._digests.append(self._hash.hexdigest())
        self._hash = hashlib.sha256()
        self._room = self._left.pop()


class RowsDigest:
    """A sink that makes a digest of rows which does not depend on their order: the sum of the rows' digests."""

    def __init__(self) -> None:
        self._sum = 0
        self._rows = 0
        self._rest = b""

    def write(self, data: Buffer) -> None:
        rows = (self._rest + bytes(data)).split(b"\n")
        self._rest = rows.pop()
        digest, number = hashlib.sha256, int.from_bytes
        self._sum += sum([number(digest(row).digest(), "big") for row in rows])
        self._rows += len(rows)

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""

    def result(self) -> tuple[int, int, bytes]:
        return self._rows, self._sum % (1 << 256), self._rest
