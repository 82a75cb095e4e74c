# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the data of one archive's entries out of a session's snapshot: rows, INSERT statements, large objects."""

from __future__ import annotations

import typing as t

from ..progress import Progress
from ..repository.records import TableRecord
from ..streams.background import BackgroundSink
from ..streams.base import ByteSink
from ..streams.digest import DigestSink
from .archive.writer import LargeObjectsWriter
from .contents import DataItem, LargeObjectsItem
from .copy_out import copy_out
from .inserts import InsertOptions, InsertSink, insert_form
from .large_object_out import large_objects_out
from .session import Session
from .toc import TocEntry

#: Below this, starting a thread costs more than it saves.
_WORTH_A_THREAD = 1 << 18


class DataFiles(t.Protocol):
    """Where the data goes: an archive's writer, or a worker's part of one."""

    def begin_data(self, entry: TocEntry) -> ByteSink: ...

    def begin_large_objects(self, entry: TocEntry) -> LargeObjectsWriter: ...


def write_table(
    session: Session,
    files: DataFiles,
    item: DataItem,
    size: int,
    progress: Progress,
    *,
    inserts: InsertOptions | None = None,
) -> TableRecord:
    """Write the rows of one table.

    :param size: about how many bytes there are.
    :param inserts: write statements instead of rows.
    """
    progress.item(f"{item.schema}.{item.name}")
    form = insert_form(session, item, inserts) if inserts else None
    digest = DigestSink(files.begin_data(item.entry))
    sink: ByteSink = BackgroundSink(digest) if size >= _WORTH_A_THREAD else digest
    statement = item.copy_statement
    if form is not None and inserts is not None:
        sink, statement = InsertSink(sink, form, inserts), form.copy_statement
    try:
        rows, _size = copy_out(session, statement, sink, progress)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    # Statements have no digest: a reader could not tell the rows apart to compare them.
    sha256 = digest.hexdigest() if inserts is None else ""
    return TableRecord(item.schema, item.name, rows, digest.size, sha256)


def write_large_objects(session: Session, files: DataFiles, item: LargeObjectsItem, progress: Progress) -> None:
    """Write the contents of one entry's large objects."""
    progress.item("large objects")
    blocks = files.begin_large_objects(item.entry)
    large_objects_out(session, item.oids, blocks, progress)
    blocks.close()
