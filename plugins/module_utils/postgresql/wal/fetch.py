# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Giving a server the archived files that it asks for: whole and verified, or not at all."""

from __future__ import annotations

import contextlib
import os

from ...errors import CorruptArtifactError
from ...streams.base import ByteSource
from ...streams.file import FileSink, storage_error
from .archive import WalArchive
from .archived_file import ArchivedFile, copy_blocks
from .quick import UNFINISHED
from .segment import PAGE_SIZE, SegmentName, check_header

_BLOCK = 1 << 20


def fetch_file(archive: WalArchive, file: ArchivedFile, path: str) -> int:
    """Put an archived file to where a server wants it.

    :return: its size.
    :raises NotFoundError: it is gone.
    :raises CorruptArtifactError: it is damaged.
    :raises StorageError: it cannot be read or written.
    """
    with contextlib.closing(archive.open(file)) as source:
        return write_file(source, file.segment, path, name=archive.storage.url(file.path))


def write_file(source: ByteSource, place: SegmentName | None, path: str, *, name: str) -> int:
    """Write a file beside its name, and rename it when it is whole; its size.

    It need not survive a crash of the host: the server fetches it again then.

    :param place: for a segment: which one it must be.
    :param name: where it comes from, for messages.
    :raises CorruptArtifactError: it is not.
    :raises StorageError: it cannot be written.
    """
    beside = path + UNFINISHED
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    sink = FileSink(beside, durable=False)
    try:
        first = source.read(_BLOCK)
        sink.write(first)
        header = check_header(first[:PAGE_SIZE], place, name=name) if place is not None else None
        copy_blocks(source, sink.write)
        if header is not None and sink.size != header.segment_size:
            raise CorruptArtifactError(
                f"{name} holds {sink.size} bytes instead of {header.segment_size}: it is not a whole segment", path=name
            )
        sink.close()
        os.rename(beside, path)
    except OSError as error:
        sink.abort()
        remove_quietly(beside)
        raise storage_error("write", path, error) from error
    except BaseException:
        sink.abort()
        remove_quietly(beside)
        raise
    return sink.size


def remove_quietly(path: str) -> None:
    """Remove what nobody needs; whether it was there does not matter."""
    with contextlib.suppress(OSError):
        os.unlink(path)
