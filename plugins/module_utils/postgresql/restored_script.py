# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What comes after a script was run: statistics, a look at what was restored, a comparison of its rows."""

from __future__ import annotations

import typing as t

from ..interfaces import ArtifactReader
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import ByteSource
from .options import RestoreOptions
from .quoting import literal
from .restore_archive import analyze
from .restored_checks import check_database
from .restored_rows import Key, RestoredTable, compare_restored, copy_out_statement
from .script import Statement
from .script_request import script_part
from .script_selected import ScriptPart
from .script_source import ScriptSource
from .script_verify import ScriptSummary
from .session import Session


def finish_script(
    session: Session,
    artifact: ArtifactReader,
    summary: ScriptSummary,
    loaded: t.Iterable[TableRecord],
    manifest: Manifest | None,
    options: RestoreOptions,
    progress: Progress,
) -> dict[str, t.Any]:
    """Do what was asked for.

    :param loaded: what was copied into the tables.
    :returns: what was found, as plain data.
    :raises RestoreError: what is there is not what was backed up.
    """
    how = options.run
    # The settings that the script has left are its own.
    session.execute("RESET ALL")
    # Names need not be valid in any other encoding than the database's own, where that is SQL_ASCII.
    session.execute(f"SET client_encoding TO {literal(session.parameter('server_encoding'))}")
    if how.analyze:
        analyze(session, progress)
    checks = check_database(session, summary.sequences)
    if checks["invalid_indexes"]:
        progress.warn(f"these indexes are not valid: {', '.join(checks['invalid_indexes'])}")
    if how.verify != "none" and manifest is not None:
        tables = _tables(summary, loaded, manifest)
        part = script_part(options)
        checks["compared"] = compare_restored(
            session, tables, lambda keys: _rows_of(artifact, summary, keys, part), manifest, progress,
            how=how.verify, encoding=summary.encoding,
        )  # fmt: skip
    return checks


def _tables(summary: ScriptSummary, loaded: t.Iterable[TableRecord], manifest: Manifest) -> list[RestoredTable]:
    copied = {
        (table.schema, table.name): RestoredTable(
            table, copy_out_statement(summary.copies.get((table.schema, table.name), ""))
        )
        for table in loaded
    }
    # Rows that are stored as statements are not counted when these are run.
    stated = [
        table
        for table in manifest.contents.tables
        if (table.schema, table.name) not in copied
        and (summary.data_of is None or (table.schema, table.name) in summary.data_of)
    ]
    return [*copied.values(), *map(RestoredTable, stated)]


def _rows_of(
    artifact: ArtifactReader, summary: ScriptSummary, keys: t.Collection[Key], part: ScriptPart
) -> t.Iterator[tuple[Key, ByteSource]]:
    """One more walk through the script."""
    source = ScriptSource(artifact)
    try:
        splitter = part.statements(source)
        splitter.use_settings(standard_conforming_strings=summary.standard_strings, client_encoding=summary.encoding)
        for item in splitter:
            if not isinstance(item, Statement) or item.copy is None or splitter.data is None:
                continue
            key = (item.copy.schema, item.copy.table)
            if key in keys:
                yield key, splitter.data
            else:
                splitter.data.skip()
    finally:
        source.close()
