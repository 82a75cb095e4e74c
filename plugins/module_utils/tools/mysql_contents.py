# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What mysqldump wrote, read to its end by our own readers: that it is whole, and what a manifest says of it."""

from __future__ import annotations

import re
import typing as t

from ..errors import CorruptArtifactError
from ..interfaces import ArtifactReader
from ..mysql.options import RestoreOptions
from ..mysql.script_files import Scripts
from ..mysql.script_policy import SqlModes
from ..mysql.script_walk import summarize
from ..mysql.statements import classify
from ..progress import Progress
from ..repository.records import TableRecord

_HEADER = re.compile(rb"^-- (?:MySQL|MariaDB) dump ", re.MULTILINE)
_BEFORE_VALUES = re.compile(rb"(?:[^'`V]|V(?!ALUES?\s*\()|`(?:[^`]|``)*`)*VALUES?\s*(?=\()")
# One row: strings with backslash escapes, numbers, names of character sets, hexadecimal digits, pairs of parentheses.
_ROW = re.compile(rb"\([^'()]*(?:(?:'[^'\\]*(?:\\.[^'\\]*)*'|\([^'()]*\))[^'()]*)*\)\s*,?\s*", re.DOTALL)


def rows_of(statement: bytes) -> t.Iterator[bytes]:
    """The rows of an INSERT or REPLACE statement as a dump program writes them, each between its parentheses.

    :raises ValueError: it is of another form.
    """
    start = _BEFORE_VALUES.match(statement)
    position = -1 if start is None else start.end()
    while 0 <= position < len(statement):
        row = _ROW.match(statement, position)
        if row is None:
            raise ValueError("a row is not of a known form")
        yield row.group().rstrip(b", \r\n\t")
        position = row.end()
    if position < 0:
        raise ValueError("a statement has no rows")


def data_statements(artifact: ArtifactReader) -> t.Iterator[tuple[str, bytes]]:
    """The table and the text of every statement with rows."""
    scripts = Scripts(artifact)
    for file in scripts.files:
        source = scripts.open(file)
        modes = SqlModes()
        try:
            splitter = scripts.splitter(file, source)
            for statement in splitter:
                text = statement.text
                if text[:4].upper() == b"SET " or text[:2] == b"/*":
                    modes.observe(text)
                    splitter.backslash_escapes = modes.backslash_escapes
                action = classify(text)
                if action.is_data and action.names:
                    yield action.names[0].name, text
        finally:
            source.close()


def read_dump(
    artifact: ArtifactReader, options: RestoreOptions, tables: t.Iterable[str], progress: Progress
) -> tuple[tuple[TableRecord, ...], dict[str, int]]:
    """Walk a script: the records of its tables, and how many objects of each kind there are.

    :param options: of the restore that it could be read for, into a database of the same name.
    :param tables: those whose rows it was to hold; of an empty one it says nothing.
    :raises CorruptArtifactError: it is not whole.
    """
    progress.phase("checking")
    head = artifact_head(artifact)
    if not _HEADER.search(head):
        raise CorruptArtifactError(f"{artifact.description} does not begin as a dump program begins a script")
    summary = summarize(artifact, None, options, progress)
    rows: dict[str, int] = {}
    for table, statement in data_statements(artifact):
        try:
            rows[table] = rows.get(table, 0) + sum(1 for _row in rows_of(statement))
        except ValueError as error:
            raise CorruptArtifactError(f"the rows of {table} in {artifact.description}: {error}") from error
    found = {
        name: TableRecord(options.database, name, rows.get(name, 0), data.bytes, data.sha256)
        for name, data in summary.tables.items()
    }
    for name in tables:
        found.setdefault(name, TableRecord(options.database, name, 0, 0, ""))
    return tuple(found[name] for name in sorted(found)), summary.object_counts()


def artifact_head(artifact: ArtifactReader) -> bytes:
    """The first bytes of a script."""
    scripts = Scripts(artifact)
    source = scripts.open(scripts.files[0])
    try:
        source.read(1 << 14)
        return source.head
    finally:
        source.close()
