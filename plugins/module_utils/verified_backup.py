# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The checks of a backup before it is restored: its files' digests, and beside them what they hold."""

from __future__ import annotations

import functools
import threading
import typing as t

from .errors import JobInterrupted
from .interfaces import RestorePlan, RestoreTarget
from .progress import Progress, ProgressState
from .repository.artifact import StoredArtifact
from .repository.records import Manifest

Checksums = t.Callable[[StoredArtifact, Manifest, Progress], None]


def verify_beside(
    target: RestoreTarget,
    artifact: StoredArtifact,
    manifest: Manifest,
    progress: Progress,
    checksums: Checksums,
    may_plan: t.Callable[[], None] | None = None,
) -> RestorePlan | None:
    """Read the backup's files for their digests in a thread, while the target looks through what they hold.

    What the target finds wrong is only told where the digests are right: else it is the damage that is to be told.

    :param checksums: reads every file and raises where one is not what was backed up.
    :param may_plan: the target plans beside too, when this has returned.
    :returns: the plan, if it was made.
    :raises CorruptArtifactError: a file is missing, or is not what was backed up; of what else ``target.verify``
        raises see there.
    """
    reader = _ChecksumThread(artifact, manifest, progress, checksums)
    held_back = _HeldBack()
    failure: Exception | None = None
    plan: RestorePlan | None = None
    try:
        try:
            target.verify(artifact, manifest, held_back, checked=True)
            if may_plan is not None:
                may_plan()
                plan = target.plan(artifact, manifest)
        except JobInterrupted:
            raise
        except Exception as error:  # noqa: BLE001 - raised again where it is not the damage that has led to it
            failure = error
        reader.finish()
    finally:
        reader.stop()
    held_back.tell(progress)
    if failure is not None:
        raise failure
    return plan


class _ChecksumThread:
    """Reads all files of a backup; the only one that tells progress meanwhile."""

    def __init__(self, artifact: StoredArtifact, manifest: Manifest, progress: Progress, checksums: Checksums) -> None:
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        work = functools.partial(checksums, artifact, manifest, _SeenProgress(progress, self._stopped))
        self._thread = threading.Thread(target=self._run, args=(work,), name="dbfleet-checksums", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for its end, and raise what it found."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it at the next block."""
        self._stopped.set()
        self._thread.join()

    def _run(self, work: t.Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = error


class _Stopped(Exception):
    """Nobody waits for the digests any more."""


class _SeenProgress(Progress):
    """The job's progress, which ends the work when it is told to stop."""

    def __init__(self, progress: Progress, stopped: threading.Event) -> None:
        super().__init__()
        self._progress = progress
        self._stop = stopped

    @property
    def state(self) -> ProgressState:
        return self._progress.state

    def phase(self, name: str, *, total_bytes: int = 0) -> None:
        self._progress.phase(name, total_bytes=total_bytes)

    def item(self, name: str) -> None:
        self._progress.item(name)

    def advance(self, size: int, rows: int = 0) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._progress.advance(size, rows)


class _HeldBack(Progress):
    """Keeps what is said until nobody else speaks."""

    def __init__(self) -> None:
        super().__init__()
        self._said: list[tuple[bool, str]] = []

    def message(self, text: str) -> None:
        self._said.append((False, text))

    def warn(self, text: str) -> None:
        self._said.append((True, text))

    def tell(self, progress: Progress) -> None:
        for is_warning, text in self._said:
            (progress.warn if is_warning else progress.message)(text)
