# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archiving a file that a server hands over (``archive_command``), and with it those that wait behind it.

The server runs its command for one file after the other. When several wait, one call archives a number of them side by
side, and remembers which, so that the calls for those return at once. Nothing in ``archive_status`` is touched: whether
a file was archived is for the server to note, after its own call for it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
import typing as t

from ...errors import DbfleetError, UsageError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.access import NO_ACCESS, Access
from ...repository.repository import Repository
from ...streams.compression import Compression
from ...streams.encryption import NOT_ENCRYPTED, Encryption
from ...streams.file import storage_error
from .archive import WalArchive
from .archived_file import is_log_file
from .data_folder import require_system_identifier
from .quick import Notes, facts_of
from .segment import is_history

READY = ".ready"
#: So many files at most are archived by one call, and none is begun after so many seconds: a server that is to stop
#: waits for its command.
MOST_FILES = 64
_SECONDS = 20.0
_LOCAL_THREADS, _REMOTE_THREADS = 2, 8


@dataclass(frozen=True)
class PushRequest:
    """What to archive, and where to.

    :param path: of the file (``%p``).
    :param cluster: the name that the server's backups are filed under.
    :param compression: as ``--compress`` names it; empty for the usual one.
    :param system_identifier: whose file it is; 0 to look into the data folder.
    :param notes: a file of this host, for notes about what was archived ahead (see :mod:`.quick`); empty to archive
        nothing ahead.
    """

    path: str
    repository: str
    cluster: str
    compression: str = ""
    system_identifier: int = 0
    notes: str = ""
    encryption: Encryption = NOT_ENCRYPTED
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class PushResult:
    """What was done.

    :param file: its name.
    :param changed: whether anything was stored; false where all was archived before.
    :param ahead: further files that were archived in the same call.
    """

    file: str
    changed: bool
    ahead: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, t.Any]:
        return {"file": self.file, "changed": self.changed, "ahead": list(self.ahead)}


def push_wal(request: PushRequest, progress: Progress) -> PushResult:
    """Archive a file; it is durable when this returns.

    :raises UsageError: it is not a file of the log, or it cannot be told whose.
    :raises CorruptArtifactError: it is not what its name says.
    :raises ConsistencyError: another content is archived under its name.
    :raises StorageError: it cannot be read or stored.
    """
    name = os.path.basename(request.path)
    if not is_log_file(name):
        raise UsageError(f"{request.path} is not a file of the write-ahead log", hint="archive_command = '... push %p'")
    identifier = require_system_identifier(request.path, request.system_identifier)
    with contextlib.ExitStack() as stack:
        notes = _open_notes(request, stack, progress)
        compression = Compression.parse(request.compression) if request.compression else None
        archive = WalArchive(
            Repository(request.repository, request.access),
            request.cluster,
            identifier,
            compression=compression,
            encryption=request.encryption,
        )
        waiting = _waiting(request.path) if notes is not None else []
        if notes is None or not waiting:
            return PushResult(name, changed=archive.put(request.path))
        return _push_all(request.path, waiting, archive, notes, progress)


def _push_all(path: str, waiting: t.Sequence[str], archive: WalArchive, notes: Notes, progress: Progress) -> PushResult:
    """Archive the file that was asked for, and others beside it."""
    threads = _REMOTE_THREADS if "://" in archive.storage.location else _LOCAL_THREADS
    deadline = time.monotonic() + _SECONDS

    def ahead(other: str) -> list[int] | None:
        if time.monotonic() > deadline:
            return None
        try:
            facts = facts_of(other)
        except OSError as error:
            raise storage_error("look at", other, error) from error
        archive.put(other)
        return facts

    done: dict[str, list[int]] = {}
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        asked = pool.submit(archive.put, path)
        others = {other: pool.submit(ahead, other) for other in waiting}
        for other, future in others.items():
            try:
                facts = future.result()
            except DbfleetError as error:
                # The server will ask for this one too, and then it is that call's failure.
                progress.warn(f"{os.path.basename(other)} was not archived ahead: {error.message}")
                continue
            if facts is not None:
                done[os.path.basename(other)] = facts
        try:
            notes.add(done)
        except OSError as error:
            progress.warn(f"what was archived ahead could not be noted: {error.strerror}")
        return PushResult(os.path.basename(path), changed=asked.result() or bool(done), ahead=tuple(sorted(done)))


def _waiting(path: str) -> list[str]:
    """The files that the server has marked as ready to be archived, in the order in which it will ask for them."""
    folder, own = os.path.split(path)
    try:
        marks = os.listdir(os.path.join(folder, "archive_status"))
    except OSError:
        # It is run for a file that lies elsewhere.
        return []
    names = [mark[: -len(READY)] for mark in marks if mark.endswith(READY)]
    names = [name for name in names if name != own and is_log_file(name)]
    # The server begins with histories, so that a standby finds them.
    names.sort(key=lambda name: (not is_history(name), name))
    return [os.path.join(folder, name) for name in names[: MOST_FILES - 1]]


def _open_notes(request: PushRequest, stack: contextlib.ExitStack, progress: Progress) -> Notes | None:
    """``None`` where there can be none, or another call has them: it archives, and nothing has to be ahead of both."""
    if not request.notes:
        return None
    try:
        return Notes.open(request.notes, stack)
    except OSError as error:
        progress.warn(f"one file at a time is archived, {request.notes} cannot be written: {error.strerror}")
        return None
