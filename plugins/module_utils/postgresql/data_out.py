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
from .large_object_out import large_objects_out
from .session import Session
from .toc import TocEntry

#: Below this, starting a thread costs more than it saves.
_WORTH_A_THREAD = 1 << 18


class DataFiles(t.Protocol):
    """Where the data goes: an archive's writer, or a worker's part of one."""

    def begin_data(self, entry: TocEntry) -> ByteSink: ...

    def begin_large_objects(self, entry: TocEntry) -> LargeObjectsWriter: ...


def write_table(session: Session, files: DataFiles, item: DataItem, size: int, progress: Progress) -> TableRecord:
    """Write the rows of one table.

    :param size: about how many bytes there are.
    """
    progress.item(f"{item.schema}.{item.name}")
    digest = DigestSink(files.begin_data(item.entry))
    sink: ByteSink = BackgroundSink(digest) if size >= _WORTH_A_THREAD else digest
    try:
        rows, written = copy_out(session, item.copy_statement, sink, progress)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    return TableRecord(item.schema, item.name, rows, written, digest.hexdigest())


def write_large_objects(session: Session, files: DataFiles, item: LargeObjectsItem, progress: Progress) -> None:
    """Write the contents of one entry's large objects."""
    progress.item("large objects")
    blocks = files.begin_large_objects(item.entry)
    large_objects_out(session, item.oids, blocks, progress)
    blocks.close()
