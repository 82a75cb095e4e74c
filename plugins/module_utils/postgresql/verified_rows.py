# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Loading a table's rows out of a file that was digested before the first change, without digesting them once more.

That the file is still the same is known before the rows are sent, and after the server has taken the last of them.
"""

from __future__ import annotations

import sys
import typing as t

from ..errors import CorruptArtifactError
from ..progress import Progress
from ..repository.records import TableRecord
from ..streams.digest import CountingSource
from ..streams.file import FileSource
from .archive.copy_text import CopyTextSource
from .archive.entries import object_name
from .archive.reader import ArchiveReader
from .load import load_file, load_table
from .session import Session
from .toc import TocEntry
from .verify import drain, table_rows
from .wire_messages import is_plain

# To digest fewer bytes takes no longer than to find out that they need not be.
_WORTH_IT = 1 << 16


def load_verified(
    session: Session,
    statement: str,
    archive: ArchiveReader,
    entry: TocEntry,
    recorded: TableRecord,
    progress: Progress,
    *,
    first: t.Sequence[str] = (),
) -> int | None:
    """Load the rows of an entry if they lie in a file that is known to be the backup's.

    :param first: statements that are sent with it.
    :returns: how many rows the server took; ``None``: nothing was sent, the rows must be digested on the way.
    :raises CorruptArtifactError: the file was changed meanwhile.
    :raises QueryError: the server refused the statement or a row.
    """
    if recorded.bytes < _WORTH_IT:
        return None
    extents = archive.extents(entry)
    file = archive.file
    before = file.verified_state() if isinstance(file, FileSource) else None
    if before is None or not isinstance(file, FileSource):
        return None
    if extents is not None and sys.platform == "linux" and is_plain(session):
        rows = load_file(session, statement, file, extents, progress, size=recorded.bytes, first=first)
    else:
        source = CountingSource(CopyTextSource(archive.data(entry), f"{object_name(entry)} in {archive.name}"))
        file = archive.file
        loaded = load_table(session, statement, source, progress, counted=False, first=first)
        rows = loaded.rows
        if loaded.bytes != recorded.bytes:
            raise not_recorded()
    if not isinstance(file, FileSource) or not before.is_unwritten(file.state()):
        # What it holds now need not be what it held when the server read it.
        raise not_recorded()
    if not file.is_verified():
        _digest_again(archive, entry, recorded)
    return rows


def not_recorded() -> CorruptArtifactError:
    """The error for rows that are not the manifest's."""
    return CorruptArtifactError("its data are not those that were backed up", hint="restore another backup")


def _digest_again(archive: ArchiveReader, entry: TocEntry, recorded: TableRecord) -> None:
    """The file was given another name, owner or mode meanwhile."""
    source = table_rows(archive, entry, recorded)
    drain(source, Progress())
    if source.hexdigest() != recorded.sha256:
        raise not_recorded()
