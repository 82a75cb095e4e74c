# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Answering a server that asks for a file of its log (``restore_command``).

The server takes every failure for "there is no such file", ends recovery there and opens the database, unless the
command exits with more than 125 or by a signal: then it stops (``RestoreArchivedFile()`` in
access/transam/xlogarchive.c). So a file that is not there and a failure are told by different codes:
:data:`NOT_THERE`, and :data:`FAILED`, on which the server stops instead of opening a database that ends too early. A
standby asks again by itself, and must not be stopped because a storage cannot be reached for a moment: for it the code
is :data:`FAILED_STANDBY`.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ...errors import ConsistencyError, NotFoundError, UsageError
from ...lazy_dataclass import dataclass
from ...repository.access import NO_ACCESS, Access
from ...repository.repository import Repository
from .archive import WalArchive
from .archived_file import is_log_file
from .data_folder import data_folder_of, is_standby, require_system_identifier
from .fetch import fetch_file, write_file
from .fetch_spool import FetchSpool
from .segment import PARTIAL, SegmentName, parse_segment
from .tail import TailSource, read_tail

FOUND, NOT_THERE = 0, 1
FAILED, FAILED_STANDBY = 255, 3
ARCHIVE, AHEAD, UNFINISHED, NOWHERE = "archive", "ahead", "unfinished", ""


@dataclass(frozen=True)
class FetchRequest:
    """What a server asks for.

    :param name: of the file (``%f``).
    :param path: where it wants it (``%p``).
    :param cluster: the name that the server's backups are filed under.
    :param system_identifier: whose file it is; 0 to look into the data folder.
    :param ahead: how many of the following segments to fetch in the background.
    :param spool: the folder of this host for those of this server, see :func:`.quick.spool_path`.
    """

    name: str
    path: str
    repository: str
    cluster: str
    system_identifier: int = 0
    ahead: int = 0
    spool: str = ""
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class FetchResult:
    """What became of it.

    :param source: ``archive``; ``ahead`` where it was fetched before; ``unfinished`` for what is archived of a segment
        that is not complete, filled with zeros; empty where there is no such file.
    """

    file: str
    source: str

    @property
    def exit_code(self) -> int:
        """For the server."""
        return FOUND if self.source else NOT_THERE

    def to_dict(self) -> dict[str, t.Any]:
        return {"file": self.file, "found": bool(self.source), "source": self.source}


def failure_code() -> int:
    """The exit code by which the server in whose data folder this runs learns that something failed."""
    folder = data_folder_of("")
    return FAILED_STANDBY if folder and is_standby(folder) else FAILED


def fetch_wal(request: FetchRequest, run_apart: t.Callable[[t.Callable[[], None]], None]) -> FetchResult:
    """Put a file to where the server wants it, whole and verified, or find out that there is none.

    :param run_apart: does something after this has returned, in the background.
    :raises UsageError: the request is wrong.
    :raises NotFoundError: nothing at all is archived of the server, or the location is no repository.
    :raises ConsistencyError: there is a gap in the archive, behind which it goes on.
    :raises CorruptArtifactError: the file is damaged.
    :raises StorageError: it cannot be read or written.
    """
    if not is_log_file(request.name):
        raise UsageError(f"{request.name} is not a file of the write-ahead log", hint="restore_command = '... %f %p'")
    identifier = require_system_identifier(request.path, request.system_identifier)
    repository = Repository(request.repository, request.access)
    place = parse_segment(request.name)
    spool = FetchSpool(request.spool) if request.ahead and request.spool and place is not None else None
    if spool is not None and place is not None and spool.take(place, request.path):
        _begin_ahead(request, run_apart)
        return FetchResult(request.name, AHEAD)
    repository.require()
    archive = WalArchive(repository, request.cluster, identifier)
    file = archive.find(request.name)
    if file is not None:
        fetch_file(archive, file, request.path)
        if spool is not None:
            _begin_ahead(request, run_apart)
        return FetchResult(request.name, ARCHIVE)
    record = archive.record()
    if record is None:
        raise NotFoundError(
            f"{archive.location} holds no archived WAL at all",
            hint="see the name of the cluster and the system identifier; nothing can be recovered from here",
        )
    if place is None:
        return FetchResult(request.name, NOWHERE)
    if spool is not None:
        # It is the end of the log, or near to it.
        spool.clear()
    return FetchResult(request.name, _unfinished(archive, place, record.segment_size, request.path))


def _unfinished(archive: WalArchive, place: SegmentName, size: int, path: str) -> str:
    """Give what there is of a segment that is not complete."""
    start = place.start(size)
    behind = archive.find(str(place.next(size)))
    if behind is not None:
        before = SegmentName(place.timeline, *divmod((start - size) // size, (1 << 32) // size)) if start else None
        if before is not None and archive.find(str(before)) is not None:
            raise ConsistencyError(
                f"there is a gap in the archive: {place} is missing between {before} and {behind.name}",
                hint="recovery cannot go past it; see dbfleet wal check, and choose an earlier target",
            )
        return NOWHERE
    tail = read_tail(archive, place)
    if tail is not None:
        with contextlib.closing(TailSource(archive, tail, fill=True)) as source:
            write_file(source, place, path, name=f"the unfinished segment {place}")
        return UNFINISHED
    partial = archive.find(f"{place}{PARTIAL}")
    if partial is not None:
        with contextlib.closing(archive.open(partial)) as source:
            write_file(source, place, path, name=partial.name)
        return UNFINISHED
    return NOWHERE


def fetch_ahead(request: FetchRequest, size: int) -> None:
    """Fetch the segments behind the one that was asked for, and go on as long as the server takes them.

    Nothing is done where enough of them are there, or another process is about to fetch them.

    :param size: of a segment.
    """
    wanted = _behind(request, size)
    spool = FetchSpool(request.spool)
    if wanted and not spool.has_enough(wanted) and not spool.is_filled_with(wanted[0]):
        identifier = require_system_identifier(request.path, request.system_identifier)
        repository = Repository(request.repository, request.access)
        spool.fill(WalArchive(repository, request.cluster, identifier), wanted, size)


def _begin_ahead(request: FetchRequest, run_apart: t.Callable[[t.Callable[[], None]], None]) -> None:
    size = os.path.getsize(request.path)
    wanted = _behind(request, size)
    if wanted and not FetchSpool(request.spool).has_enough(wanted):
        run_apart(lambda: fetch_ahead(request, size))


def _behind(request: FetchRequest, size: int) -> list[SegmentName]:
    place = parse_segment(request.name)
    wanted: list[SegmentName] = []
    for _count in range(request.ahead if request.spool else 0):
        if place is not None:
            place = place.next(size)
            wanted.append(place)
    return wanted
