# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The archives of a base backup on their way: stored and looked into, both beside receiving the next piece."""

from __future__ import annotations

import typing as t

from ...progress import Progress
from ...streams.background import BackgroundSink
from ...streams.base import ByteSink, ByteSource
from ...streams.compression import Compression, decompress_source
from ...streams.piped import PipedSink
from .backup_files import BackupFiles
from .tar_walk import TarWalk

#: Pieces of up to a megabyte that may wait for a thread.
DEPTH = 4
_READ = 1 << 18


class Archives:
    """Takes what a server sends (an :class:`~.base_backup.ArchiveSink`).

    :param files: what becomes known of the files.
    :param new_file: where an archive is stored, by its name.
    :param compression: what the server has compressed with, ``None`` where it did not.
    """

    def __init__(
        self,
        files: BackupFiles,
        new_file: t.Callable[[str], ByteSink],
        progress: Progress,
        compression: Compression | None,
    ) -> None:
        self._compression = compression
        self._files = files
        self._new_file = new_file
        self._progress = progress
        self._open: list[ByteSink] = []
        self._manifest: list[bytes] = []

    @property
    def sent_manifest(self) -> bytes:
        return b"".join(self._manifest)

    def begin_archive(self, name: str) -> None:
        archive = name.removesuffix(self._compression.suffix) if self._compression is not None else name
        walk = self._files.walk(archive)
        self._progress.item(archive)
        self._open.append(self._new_file(archive))
        self._open.append(self._walking(archive, walk))

    def _walking(self, archive: str, walk: TarWalk) -> ByteSink:
        if self._compression is None:
            return BackgroundSink(walk, depth=DEPTH)
        method = self._compression.method

        def consume(source: ByteSource) -> None:
            plain = decompress_source(source, method, name=archive)
            while True:
                piece = plain.read(_READ)
                if not piece:
                    break
                walk.write(piece)
            walk.close()

        return PipedSink(consume, depth=DEPTH)

    def write(self, data: bytes) -> None:
        for sink in self._open:
            sink.write(data)

    def end_archive(self) -> None:
        while self._open:
            # The first that fails is left for abort(), like those behind it.
            self._open[0].close()
            del self._open[0]

    def manifest(self, data: bytes) -> None:
        self._manifest.append(data)

    def abort(self) -> None:
        while self._open:
            self._open.pop().abort()
