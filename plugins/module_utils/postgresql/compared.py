# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""PostgreSQL's sides of a comparison: a live database in one snapshot, or an archive.

Rows are compared as COPY text. The objects are the entries of a table of contents, with their definitions.
"""

from __future__ import annotations

import re
import typing as t

from ..comparison import ObjectName, Table, TableName, Take
from ..errors import UsageError
from ..interfaces import ArtifactReader
from ..progress import Progress
from ..repository.records import Manifest
from ..streams.base import Buffer
from .archive.copy_text import CopyTextSource
from .archive.entries import TABLE_DATA, object_name
from .archive.reader import open_archive
from .connection import connect
from .contents import read_contents
from .copy_out import copy_out
from .dump_settings import apply_dump_settings
from .options import ConnectionOptions
from .pooler import refuse_transaction_pooler
from .quoting import identifier, literal, qualified
from .restore_sql import archive_settings
from .restored_rows import RowsDigest
from .script_source import is_script
from .snapshot import begin_snapshot
from .toc import TocEntry

_COPY = re.compile(r"COPY .*? \((.*)\) FROM stdin;\s*", re.DOTALL)
_COLUMN = re.compile(r'"((?:[^"]|"")*)"|([^",\s]+)')
# What is about the database itself or the form of the archive: two databases may have other names.
_NOT_COMPARED = frozenset(
    ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES", TABLE_DATA, "BLOBS", "STATISTICS DATA")
)
_BLOCK = 1 << 18
_KEYS = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (attnum, position)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE i.indisprimary ORDER BY n.nspname, c.relname, k.position
"""


class LiveSide:
    """A live database.

    :param encoding, timezone: of the other side, where that is a backup; else what all databases have in common.
    """

    def __init__(
        self, connection: ConnectionOptions, database: str, progress: Progress, *, encoding: str, timezone: str
    ) -> None:
        self._progress = progress
        self._session = connect(connection, database=database)
        self.description = f"database {database} at {self._session.host}:{self._session.port}"
        try:
            refuse_transaction_pooler(self._session, connection)
            apply_dump_settings(self._session)
            self._session.execute(f"SET timezone TO {literal(timezone)}")
            begin_snapshot(self._session)
            self._contents = read_contents(self._session)
            self._keys: dict[TableName, list[str]] = {}
            for schema, table, column in self._session.rows(_KEYS):
                self._keys.setdefault((schema, table), []).append(column)
            # Definitions are read in the database's own encoding.
            self._session.execute(f"SET client_encoding TO {literal(encoding)}")
        except BaseException:
            self.close()
            raise

    def objects(self) -> t.Mapping[ObjectName, str]:
        return _objects(self._contents.entries)

    def tables(self) -> t.Mapping[TableName, Table]:
        return {
            (item.schema, item.name): Table(_columns(item.entry), tuple(self._keys.get((item.schema, item.name), ())))
            for item in self._contents.data
        }

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        digest = RowsDigest()
        copy_out(self._session, _copy(table, columns), digest, self._progress)
        rows, content, _rest = digest.result()
        return rows, content

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        copy_out(self._session, _copy(table, columns), _KeyedRows(columns, key, take), self._progress)

    def close(self) -> None:
        self._session.close()


class ArchiveSide:
    """A backup.

    :raises UsageError: it is a script, of which objects cannot be told apart.
    """

    def __init__(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> None:
        if is_script(artifact):
            raise UsageError(
                f"{artifact.description} is a script, and only archives can be compared",
                hint="restore it and compare the two databases",
            )
        self.description = artifact.description
        self._progress = progress
        self._archive = open_archive(artifact)
        self.encoding = archive_settings(self._archive.entries).encoding
        options = {} if manifest is None else manifest.contents.options
        self.timezone = str(options.get("timezone", "")) or "UTC"
        self._data = {
            (entry.namespace or "", entry.tag): entry
            for entry in self._archive.entries
            if entry.desc == TABLE_DATA and entry.copy_stmt
        }

    def objects(self) -> t.Mapping[ObjectName, str]:
        return _objects(self._archive.entries)

    def tables(self) -> t.Mapping[TableName, Table]:
        return {name: Table(_columns(entry)) for name, entry in self._data.items()}

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        digest = RowsDigest()
        for block in self._blocks(table, columns):
            digest.write(block)
        rows, content, _rest = digest.result()
        return rows, content

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        rows = _KeyedRows(columns, key, take)
        for block in self._blocks(table, columns):
            rows.write(block)

    def close(self) -> None:
        self._archive.close()

    def _blocks(self, table: TableName, columns: t.Sequence[str]) -> t.Iterator[bytes]:
        entry = self._data[table]
        own = _columns(entry)
        order = None if own == tuple(columns) else [own.index(column) for column in columns]
        source = CopyTextSource(self._archive.data(entry), object_name(entry))
        rest = b""
        while True:
            data = source.read(_BLOCK)
            if not data:
                return
            self._progress.advance(len(data))
            if order is None:
                yield bytes(data)
                continue
            lines = (rest + bytes(data)).split(b"\n")
            rest = lines.pop()
            fields = (line.split(b"\t") for line in lines)
            yield b"".join(b"\t".join([values[place] for place in order]) + b"\n" for values in fields)


class _KeyedRows:
    """A sink for COPY text that hands out rows with their keys."""

    def __init__(self, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        self._places = [list(columns).index(column) for column in key]
        self._take = take
        self._rest = b""

    def write(self, data: Buffer) -> None:
        lines = (self._rest + bytes(data)).split(b"\n")
        self._rest = lines.pop()
        places, take = self._places, self._take
        for line in lines:
            values = line.split(b"\t")
            take(tuple([values[place] for place in places]), line)

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""


def _copy(table: TableName, columns: t.Sequence[str]) -> str:
    listed = ", ".join(identifier(column) for column in columns)
    return f"COPY (SELECT {listed} FROM ONLY {qualified(*table)}) TO stdout"


def _objects(entries: t.Iterable[TocEntry]) -> dict[ObjectName, str]:
    found: dict[ObjectName, str] = {}
    for entry in entries:
        if entry.desc in _NOT_COMPARED or (
            entry.desc in ("COMMENT", "ACL", "SECURITY LABEL") and entry.tag.startswith("DATABASE ")
        ):
            continue
        name = (entry.desc, entry.namespace or "", entry.tag)
        found[name] = found.get(name, "") + (entry.defn or "") + f"-- owner {entry.owner}\n"
    return found


def _columns(entry: TocEntry) -> tuple[str, ...]:
    match = _COPY.fullmatch(entry.copy_stmt or "")
    if match is None:
        return ()
    return tuple(
        quoted.replace('""', '"') if quoted or not plain else plain for quoted, plain in _COLUMN.findall(match.group(1))
    )
