# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Comparing the rows that are in the restored tables with those of the backup: numbers, or every byte of them."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ..errors import RestoreError
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import Buffer
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
    """Read the restored tables and compare them with what was loaded into them, and with the manifest.

    A digest is compared with the manifest's; where there is none, and where a table gives its rows in another order,
    the rows themselves are compared with those of the archive, in whatever order they come.

    :param loaded: what was loaded, with the number of rows.
    :param how: ``rows`` or ``digest``.
    :param encoding: of the archive's text.
    :returns: how many tables were compared by their rows' content, and how many by their number.
    :raises RestoreError: a table differs; all that do are named.
    """
    tables = {(table.schema, table.name): table for table in loaded}
    recorded = {} if manifest is None else {(table.schema, table.name): table for table in manifest.contents.tables}
    progress.phase("comparing the restored tables", total_bytes=sum(table.bytes for table in tables.values()))
    apply_dump_settings(session)
    session.execute(f"SET client_encoding TO {literal(encoding)}")
    incomparable = _incomparable(session, manifest, progress) if how == "digest" else frozenset()
    wrong: list[str] = []
    compared = {"digest": 0, "rows": 0}
    for entry in entries:
        key = (entry.namespace or "", entry.tag)
        if entry.desc != TABLE_DATA or key not in tables:
            continue
        progress.item(object_name(entry))
        by_content = how == "digest" and key not in incomparable and bool(entry.copy_stmt)
        compared["digest" if by_content else "rows"] += 1
        if by_content:
            problem = _compare_content(session, archive, entry, tables[key], recorded.get(key), progress)
        else:
            problem = _compare_number(session, key, tables[key])
        if problem:
            wrong.append(f"{object_name(entry)}: {problem}")
    if wrong:
        raise RestoreError(
            f"the restored tables differ from the backup: {'; '.join(wrong[:_NAMED])}",
            hint="rows that were there before, event triggers, or other sessions can be the cause",
            failed=wrong,
        )
    return compared


def _incomparable(session: Session, manifest: Manifest | None, progress: Progress) -> frozenset[tuple[str, str]]:
    """The tables whose text is another one here than at the source, though the values are the same."""
    source = 0 if manifest is None else manifest.server.version_number
    zone = "" if manifest is None else str(manifest.contents.options.get("timezone", ""))
    found: set[tuple[str, str]] = set()
    if zone:
        session.execute(f"SET timezone TO {literal(zone)}")
    elif session.query(_TABLES_WITH_TYPES, (_TIMES,)):
        found |= _tables_with(session, _TIMES)
        progress.warn(
            "the backup does not say in which time zone its times are written: tables with them were compared by their "
            f"number of rows only: {_listed(found)}"
        )
    if source == 0 or (source < _SHORTEST_FLOATS) == (session.version < _SHORTEST_FLOATS):
        return frozenset(found)
    floats = _tables_with(session, _FLOATS)
    if floats:
        progress.warn(
            "PostgreSQL 12 and later write floating point numbers with other digits than before: tables with them were "
            f"compared by their number of rows only: {_listed(floats)}"
        )
    return frozenset(found | floats)


def _tables_with(session: Session, types: str) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in session.rows(_TABLES_WITH_TYPES, (types,))}


def _listed(tables: t.Collection[tuple[str, str]]) -> str:
    names = sorted(f"{schema}.{name}" for schema, name in tables)
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _compare_number(session: Session, key: tuple[str, str], loaded: TableRecord) -> str:
    found = int(session.value(f"SELECT pg_catalog.count(*) FROM ONLY {qualified(*key)}") or 0)
    return "" if found == loaded.rows else f"{found} rows instead of {loaded.rows}"


def _compare_content(
    session: Session,
    archive: ArchiveReader,
    entry: TocEntry,
    loaded: TableRecord,
    recorded: TableRecord | None,
    progress: Progress,
) -> str:
    statement = (entry.copy_stmt or "").strip().removesuffix(_FROM_STDIN) + " TO stdout"
    digest = _PartsDigest(() if recorded is None else recorded.parts)
    rows, _size = copy_out(session, statement, digest, progress)
    if rows != loaded.rows:
        return f"{rows} rows instead of {loaded.rows}"
    if recorded is not None and recorded.sha256 and digest.hexdigest() == recorded.sha256:
        return ""
    # No digest to compare with, or the same rows in another order: a page with room was filled later.
    found = _RowsDigest()
    copy_out(session, statement, found, progress)
    expected = _RowsDigest()
    source = CopyTextSource(archive.data(entry), object_name(entry))
    while True:
        data = source.read(_BLOCK)
        if not data:
            break
        expected.write(data)
    return "" if found.result() == expected.result() else "other content"


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


class _RowsDigest:
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
