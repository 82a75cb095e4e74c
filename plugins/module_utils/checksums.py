# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whether the files of a backup are what was backed up, read from their first to their last byte."""

from __future__ import annotations

import contextlib
import os
import threading
import typing as t

from .errors import CorruptArtifactError, NotFoundError
from .host_memory import available_memory
from .progress import Progress
from .repository.artifact import StoredArtifact
from .repository.records import FileRecord, Manifest
from .repository.storage import StoredFile
from .streams.digest import DigestSource
from .streams.file import FileSource
from .streams.file_state import FileState, settled_state

_BLOCK_SIZE = 4 << 20
_MOST_THREADS = 4
# What is smaller is read before a second thread has begun.
_SHARED_FROM = 16 << 20
# Files that take no more than this part of the free memory stay in it: read again, they are what was digested.
_KEPT_IN_MEMORY = 2


def verify_checksums(artifact: StoredArtifact, manifest: Manifest, progress: Progress) -> None:
    """Read every file of a backup, several at a time where there are processors for it.

    The artifact then knows which of its files need not be digested once more when they are read again.

    :raises CorruptArtifactError: one is missing, or is not what was backed up.
    """
    progress.phase("checking checksums", total_bytes=manifest.size)
    threads = min(_MOST_THREADS, os.cpu_count() or 1, len(manifest.files))
    reading = _Reading(artifact, manifest.files, progress)
    if threads == 1 or manifest.size < _SHARED_FROM:
        reading.run()
        return
    others = [threading.Thread(target=reading.run_aside, daemon=True) for _number in range(threads - 1)]
    for other in others:
        other.start()
    try:
        reading.run()
        for other in others:
            other.join()
    except BaseException:
        reading.abandon()
        raise
    finally:
        for other in others:
            other.join()
    reading.finish()


class _Reading:
    """Files that several threads take one after the other."""

    def __init__(self, artifact: StoredArtifact, files: t.Collection[FileRecord], progress: Progress) -> None:
        self._artifact = artifact
        self._files = iter(files)
        self._progress = progress
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._abandoned = False
        size = sum(record.size for record in files)
        self._stays_in_memory = size * _KEPT_IN_MEMORY <= available_memory(os.getpid())

    def run(self) -> None:
        """Read files until none is left, or nobody wants to know any more."""
        while True:
            with self._lock:
                record = None if self._abandoned else next(self._files, None)
                if record is None:
                    return
                self._progress.item(record.path)
            self._read(record)

    def run_aside(self) -> None:
        """The same; what goes wrong is kept for :meth:`finish`."""
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = self._error or error
            self.abandon()

    def abandon(self) -> None:
        """Let every thread end at its next block: something is wrong, and that will be told."""
        self._abandoned = True

    def finish(self) -> None:
        """Raise what went wrong aside."""
        if self._error is not None:
            raise self._error

    def _read(self, record: FileRecord) -> None:
        stored = _open_recorded(self._artifact, record.path)
        with contextlib.closing(DigestSource(stored)) as source:
            state = _settled(stored) if self._stays_in_memory else None
            while True:
                # No buffer larger than the file: there may be very many small ones.
                data = source.read(min(_BLOCK_SIZE, record.size + 1))
                if not data:
                    break
                if self._abandoned:
                    return
                with self._lock:
                    self._progress.advance(len(data))
            changed = state != _settled(stored)
        if source.size != record.size or source.hexdigest() != record.sha256:
            cause = f"{source.size} bytes instead of {record.size}" if source.size != record.size else "other content"
            raise CorruptArtifactError(
                f"{self._artifact.description}: the file {record.path} is not what was backed up: {cause}",
                hint="restore another backup; this one is damaged",
                path=record.path,
                expected_sha256=record.sha256,
                found_sha256=source.hexdigest(),
            )
        if state is not None and not changed:
            self._artifact.verified.add(state)


def _settled(stored: StoredFile) -> FileState | None:
    return settled_state(stored.fileno()) if isinstance(stored, FileSource) else None


def _open_recorded(artifact: StoredArtifact, path: str) -> StoredFile:
    try:
        return artifact.open_stored(path)
    except NotFoundError as error:
        raise CorruptArtifactError(
            f"{artifact.description}: a file of the backup is missing: {error.message}",
            hint="restore another backup; this one is damaged",
            path=path,
        ) from error
