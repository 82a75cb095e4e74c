# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""From the private folder into the backup, once what a program wrote was found to be whole."""

from __future__ import annotations

import contextlib
import os

from ..interfaces import ArtifactWriter
from ..progress import Progress
from ..streams.base import pour
from ..streams.file import FileSource


def store(path: str, name: str, writer: ArtifactWriter, progress: Progress) -> None:
    """Write a file, or every file of a folder, into a backup.

    :param name: the artifact's.
    :raises StorageError: it failed.
    """
    if not os.path.isdir(path):
        progress.phase("storing", total_bytes=os.path.getsize(path))
        _store_file(path, name, writer, progress)
        return
    files = sorted(os.listdir(path))
    progress.phase("storing", total_bytes=sum(os.path.getsize(os.path.join(path, one)) for one in files))
    for one in files:
        _store_file(os.path.join(path, one), f"{name}/{one}", writer, progress)


def _store_file(path: str, name: str, writer: ArtifactWriter, progress: Progress) -> None:
    progress.item(name)
    with contextlib.closing(FileSource(path)) as source:
        pour(source, writer.create(name), advance=progress.advance)
