# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Writing the data of one archive's entries out of a session's snapshot: rows, INSERT statements, large objects."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import QueryError
from ..progress import Progress
from ..repository.records import LargeObjectsRecord, TableRecord
from ..streams.background import BackgroundSink
from ..streams.base import ByteSink
from ..streams.digest import DigestSink, StoredDigestSink
from .archive.writer import LargeObjectsWriter
from .contents import DataItem, LargeObjectsItem
from .copy_out import Copies, CopyReader
from .inserts import InsertForm, InsertOptions, InsertSink, insert_form
from .large_object_out import large_objects_out
from .session import Session
from .toc import TocEntry

#: Below this many bytes, starting a thread costs more than it saves, and waiting for the server more than reading.
SMALL_TABLE = 1 << 18
_BATCH_TABLES = 100


class DataFiles(t.Protocol):
    """Where the data goes: an archive's writer, or a worker's part of one."""

    def begin_data(self, entry: TocEntry) -> ByteSink: ...

    def begin_large_objects(self, entry: TocEntry) -> LargeObjectsWriter: ...


class TablesOut:
    """Writes tables out of a session's snapshot.

    :param sizes: about how many bytes the tables have, by OID.
    :param inserts: write statements instead of rows.
    """

    def __init__(
        self,
        session: Session,
        files: DataFiles,
        sizes: t.Mapping[int, int],
        *,
        inserts: InsertOptions | None = None,
    ) -> None:
        self._session = session
        self._files = files
        self._sizes = sizes
        self._inserts = inserts
        self._reader = CopyReader(session)

    def write(self, items: t.Sequence[DataItem], progress: Progress) -> t.Iterator[TableRecord]:
        """Write the rows of tables, in their order; what was written of each."""
        for batch in table_batches(items, self._sizes):
            forms = [insert_form(self._session, item, self._inserts) if self._inserts else None for item in batch]
            statements = [form.copy_statement if form else item.copy_statement for item, form in zip(batch, forms)]
            with contextlib.closing(self._reader.start(statements)) as copies:
                for item, form in zip(batch, forms):
                    yield self._write(item, form, copies, progress)

    def _write(self, item: DataItem, form: InsertForm | None, copies: Copies, progress: Progress) -> TableRecord:
        progress.item(f"{item.schema}.{item.name}")
        data = self._files.begin_data(item.entry)
        digest = data if isinstance(data, StoredDigestSink) else DigestSink(data)
        sink: ByteSink = BackgroundSink(digest) if self._sizes.get(item.table, 0) >= SMALL_TABLE else digest
        if form is not None and self._inserts is not None:
            sink = InsertSink(sink, form, self._inserts)
        try:
            rows, _size = copies.read(sink, progress)
            sink.close()
        except BaseException as error:
            sink.abort()
            if isinstance(error, QueryError):
                raise unreadable(item, error) from error
            raise
        # Statements have no digest: a reader could not tell the rows apart to compare them.
        sha256 = digest.hexdigest() if form is None else ""
        return TableRecord(item.schema, item.name, rows, digest.size, sha256)


def unreadable(item: DataItem, error: QueryError) -> QueryError:
    """The error for rows that the server cannot send, with the table's name."""
    hint = error.hint
    if "memory alloc" in error.message:
        hint = (
            "the server cannot send a value whose text is larger than 1 GB, such as a bytea of more than half of that:"
            " split it, or leave the table's rows out with exclude_table_data"
        )
    context = {**error.context, "table": f"{item.schema}.{item.name}"}
    return QueryError(f"the rows of table {context['table']} cannot be read: {error.message}", hint=hint, **context)


def table_batches(items: t.Sequence[DataItem], sizes: t.Mapping[int, int]) -> t.Iterator[t.Sequence[DataItem]]:
    """The tables in their order, in batches to be read with one query: small ones that follow each other together."""
    start = 0
    for index, item in enumerate(items):
        if sizes.get(item.table, 0) >= SMALL_TABLE:
            if start < index:
                yield items[start:index]
            yield items[index : index + 1]
            start = index + 1
        elif index + 1 - start == _BATCH_TABLES:
            yield items[start : index + 1]
            start = index + 1
    if start < len(items):
        yield items[start:]


def write_large_objects(
    session: Session, files: DataFiles, item: LargeObjectsItem, progress: Progress
) -> LargeObjectsRecord:
    """Write the contents of one entry's large objects."""
    progress.item("large objects")
    blocks = files.begin_large_objects(item.entry)
    record = large_objects_out(session, item.oids, blocks, progress)
    blocks.close()
    return record
