# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""MySQL's and MariaDB's sides of a comparison: a live database in one snapshot, or a backup.

Both are compared as the scripts that they are or would be: statements that make objects, and rows as they stand there.
"""

from __future__ import annotations

import contextlib
import io
import re
import typing as t

from ..comparison import ObjectName, Table, TableName, Take
from ..errors import UsageError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import ENGINE, Manifest
from ..streams.base import Buffer
from . import quoting, script_text, snapshot
from .catalog import tables as catalog
from .catalog.keys import unique_key
from .connection import connect
from .dump import MysqlBackupSource
from .options import DEFAULT_FORM, BackupOptions, ConnectionOptions, Selection
from .restored_rows import form_of
from .rows_digest import RowsDigest
from .script_files import Scripts
from .script_policy import SqlModes
from .statements import DATABASE_OBJECTS, classify, tokens
from .table_rows import write_rows

# Counters belong to the data; folders make what is not there yet.
_NOT_COMPARED = re.compile(rb" AUTO_INCREMENT=\d+|(?<=^CREATE SEQUENCE) IF NOT EXISTS")
_VALUE = re.compile(rb"(?:_binary )?'[^'\\]*(?:\\.[^'\\]*)*'|[^,()']+(?:\([^()']*(?:'[^']*')?[^()']*\))?", re.DOTALL)


class LiveSide:
    """A live database."""

    def __init__(self, connection: ConnectionOptions, database: str, progress: Progress) -> None:
        self._connection = connection
        self._database = database
        self._progress = progress
        self._session = connect(connection, database=database)
        self.description = f"database {database} at {self._session.address}"
        try:
            snapshot.prepare_session(self._session)
            self._session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            self._tables = {one.name: one for one in catalog.read_tables(self._session, database) if one.has_rows}
        except BaseException:
            self.close()
            raise

    def objects(self) -> t.Mapping[ObjectName, str]:
        selection = Selection(schema_only=True)
        options = BackupOptions(self._connection, self._database, compression="none", selection=selection)
        writer = _Memory()
        with contextlib.closing(MysqlBackupSource(options)) as source:
            source.write(writer, Progress())
        return script_objects(Scripts(_MemoryArtifact(writer.content())))

    def tables(self) -> t.Mapping[TableName, Table]:
        return {
            ("", name): Table(
                tuple(column.name for column in table.stored_columns), unique_key(self._session, self._database, name)
            )
            for name, table in self._tables.items()
        }

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        digest = RowsDigest(self._prefix(table))
        self._read(table, digest)
        return digest.result()

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        self._read(table, _KeyedRows(self._prefix(table), columns, key, take))

    def close(self) -> None:
        self._session.close()

    def catalog_table(self, table: TableName) -> catalog.Table:
        """What the catalog says of a table."""
        return self._tables[table[1]]

    def _prefix(self, table: TableName) -> bytes:
        return script_text.insert_prefix(self._tables[table[1]], DEFAULT_FORM)

    def _read(self, table: TableName, sink: RowsDigest) -> None:
        found = self._tables[table[1]]
        source = quoting.identifier(found.name)
        write_rows(self._session, found, sink, self._progress.advance, form=DEFAULT_FORM, source=source)
        sink.close()


class BackupSide:
    """A backup of ours.

    :param other: the live database that it is compared with, which knows the tables' columns.
    """

    def __init__(
        self, artifact: ArtifactReader, manifest: Manifest | None, other: LiveSide | None, progress: Progress
    ) -> None:
        if manifest is None or other is None:
            raise UsageError(
                f"{artifact.description} can be compared with a live database only, and needs its manifest",
                hint="restore it and compare the two databases",
            )
        if manifest.contents.options.get(ENGINE):
            raise UsageError(
                f"{artifact.description} was written by the server's own dump program, whose rows are other text",
                hint="restore it and compare the two databases",
            )
        self.description = artifact.description
        self._scripts = Scripts(artifact)
        self._form = form_of(manifest)
        self._names = [one.name for one in manifest.contents.tables]
        self._other = other
        self._progress = progress

    def objects(self) -> t.Mapping[ObjectName, str]:
        return script_objects(self._scripts)

    def tables(self) -> t.Mapping[TableName, Table]:
        there = self._other.tables()
        return {("", name): there.get(("", name), Table(())) for name in self._names}

    def digest(self, table: TableName, columns: t.Sequence[str]) -> tuple[int, int]:
        digest = RowsDigest(self._prefix(table))
        self._read(table, digest)
        return digest.result()

    def rows(self, table: TableName, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        self._read(table, _KeyedRows(self._prefix(table), columns, key, take))

    def close(self) -> None:
        """Nothing is held."""

    def _prefix(self, table: TableName) -> bytes:
        return script_text.insert_prefix(self._other.catalog_table(table), self._form)

    def _read(self, table: TableName, sink: RowsDigest) -> None:
        for statement in _statements(self._scripts):
            action = classify(statement)
            if action.is_data and action.names and action.names[0].name == table[1]:
                sink.write(statement + b";\n")
                self._progress.advance(len(statement))
        sink.close()


class _KeyedRows(RowsDigest):
    """Hands out rows with their keys, instead of counting them."""

    def __init__(self, prefix: bytes, columns: t.Sequence[str], key: t.Sequence[str], take: Take) -> None:
        super().__init__(prefix)
        self._places = [list(columns).index(column) for column in key]
        self._hand = take

    def add(self, row: bytes) -> None:
        values = _VALUE.findall(row, 1, len(row) - 1)
        self._hand(tuple([values[place] for place in self._places]), row)


class _Memory:
    """An ArtifactWriter for one small file."""

    can_patch = False

    def __init__(self) -> None:
        self._file = _Kept()

    def create(self, path: str, *, patched: bool = False, large: bool = False) -> _Kept:
        return self._file

    def for_worker(self) -> t.Any:
        raise UsageError("a script in memory is written by one process")

    def adopt(self, files: t.Any) -> None:
        raise UsageError("a script in memory is one file")

    def content(self) -> bytes:
        return self._file.content()


class _Kept:
    """An ArtifactFile that stays in memory."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Buffer) -> None:
        self._parts.append(bytes(data))

    def content(self) -> bytes:
        return b"".join(self._parts)

    def patch(self, offset: int, data: Buffer) -> None:
        raise UsageError("a script is never patched")

    def close(self) -> None:
        """It stays."""

    def abort(self) -> None:
        """It stays."""


@dataclass(frozen=True)
class _MemoryArtifact:
    """An ArtifactReader of a script in memory."""

    content: bytes
    description: str = "the live database"

    def names(self) -> tuple[str, ...]:
        return ("",)

    def open(self, path: str) -> t.Any:
        return io.BytesIO(self.content)


def _statements(scripts: Scripts) -> t.Iterator[bytes]:
    for file in scripts.files:
        source = scripts.open(file)
        modes = SqlModes()
        try:
            splitter = scripts.splitter(file, source)
            for statement in splitter:
                if statement.text[:4].upper() == b"SET " or statement.text[:2] == b"/*":
                    modes.observe(statement.text)
                    splitter.backslash_escapes = modes.backslash_escapes
                yield statement.text
        finally:
            source.close()


def script_objects(scripts: Scripts) -> dict[ObjectName, str]:
    """What makes each object, without counters, which belong to the data."""
    found: dict[ObjectName, str] = {}
    for text in _statements(scripts):
        action = classify(text)
        if action.verb != "CREATE" or action.kind not in DATABASE_OBJECTS or not action.names:
            continue
        # Scripts and folders have executable comments and blanks in other places.
        words = [word.text for word in tokens(_NOT_COMPARED.sub(b"", text))]
        # A view may stand there twice: as a placeholder first.
        found[action.kind, "", action.names[0].name] = " ".join(words)
    return found
