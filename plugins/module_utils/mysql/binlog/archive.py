# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archiving a server's binlogs into a folder or a repository, byte for byte, without a gap."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
import typing as t
import zlib

from ...errors import ConnectError, UsageError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.access import NO_ACCESS, Access
from ...streams.encryption import NOT_ENCRYPTED, Encryption
from .. import connection
from ..options import ConnectionOptions
from ..session import Session
from .archive_folder import ArchiveFolder
from .archive_place import ArchivePlace
from .archive_repository import RepositoryArchive
from .archiver import LogArchiver, LogRequest
from .server_identity import identity_of

_LONGEST_PAUSE = 60.0
#: Replicas that people number begin at 1.
_SERVER_IDS_FROM = 1 << 31


@dataclass(frozen=True)
class ArchiveRequest:
    """What to archive, and where to: a folder or a repository.

    :param folder: of this one server.
    :param follow: go on with what will be written, until stopped.
    :param server_id: as which replica to ask; 0 for one made of this host's and the place's names.
    :param heartbeat: seconds of silence after which the server gives a sign of life.
    :param repository: its path or URL.
    :param cluster: the name that the server's backups are filed under; as for backups where empty.
    :param compression: as ``--compress`` names it, for a repository; empty for the usual one.
    :param semi_sync: let commits of the server wait until they are archived; only together with ``follow``.
    :param new_chain: begin anew where what is archived cannot be gone on with.
    :param check: only find out what would be archived.
    :param encryption: to whom files of a repository are encrypted.
    :param access: what it takes to get at the repository.
    """

    connection: ConnectionOptions
    folder: str = ""
    follow: bool = False
    server_id: int = 0
    heartbeat: float = 10.0
    repository: str = ""
    cluster: str = ""
    compression: str = ""
    semi_sync: bool = False
    new_chain: bool = False
    check: bool = False
    encryption: Encryption = NOT_ENCRYPTED
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class ArchiveResult:
    """What was done.

    :param sealed: the files that were completed.
    :param received: bytes that were added; in check mode those that would be.
    :param file: the one that is being written, with how much of it is archived.
    :param gtids: the transactions that are archived or came before.
    :param lag_bytes: what the server had written and was not archived in the end; ``None`` where that is not known.
    """

    folder: str
    changed: bool
    sealed: tuple[str, ...]
    received: int
    file: str
    position: int
    gtids: str
    lag_bytes: int | None = None

    @property
    def diff(self) -> dict[str, str]:
        """For diff mode."""
        after = "".join(f"{name}\n" for name in self.sealed) + (
            f"{self.file} to {self.position}\n" if self.file else ""
        )
        return {"before": "", "after": after if self.changed else ""}

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data."""
        return {**dataclasses.asdict(self), "sealed": list(self.sealed)}


def archive_binlogs(request: ArchiveRequest, progress: Progress) -> ArchiveResult:
    """Archive what the server has written since the last time, or go on until interrupted.

    :raises ConnectError: the server cannot be reached (when following: at the first try).
    :raises PrivilegeError: the user may not read the binlog.
    :raises ConsistencyError: files between those archived and those of the server are missing, or it is another server.
    :raises CorruptArtifactError: an event's checksum or position is wrong.
    :raises LockedError: somebody else archives the same log.
    :raises StorageError: the place cannot be written.
    """
    if bool(request.folder) == bool(request.repository):
        raise UsageError("binlogs are archived into exactly one of a folder and a repository")
    if request.semi_sync and not request.follow:
        raise UsageError(
            "semi-synchronous replication is for an archiver that follows",
            hint="follow the log, or leave semi_sync out: commits would wait for nobody when it has ended",
        )
    with contextlib.ExitStack() as stack:
        run = _Run(request, progress, stack)
        if request.check:
            return run.plan()
        try:
            run.archive()
        finally:
            run.close()
        return run.result()


class _Run:
    """One run: connections come and go, and with them maybe the server behind the address."""

    def __init__(self, request: ArchiveRequest, progress: Progress, stack: contextlib.ExitStack) -> None:
        self._request = request
        self._progress = progress
        self._stack = stack
        self._log = contextlib.ExitStack()
        stack.push(self._log)
        self._place: ArchivePlace | None = None
        self._archiver: LogArchiver | None = None
        self._server: dict[str, str] = {}
        self._before: list[LogArchiver] = []

    def archive(self) -> None:
        """Archive up to the log's end, or until interrupted."""
        pause, was_connected = 1.0, False
        while True:
            try:
                with contextlib.closing(connection.connect(self._request.connection)) as session:
                    archiver = self._archiver_of(session)
                    was_connected = True
                    archiver.archive_from(session)
                    pause = 1.0
                if not self._request.follow:
                    return
            except ConnectError as error:
                if not (self._request.follow and was_connected):
                    raise
                self._progress.warn(f"{error.message}; trying again in {pause:.0f} s")
            except KeyboardInterrupt:
                if not self._request.follow:
                    raise
                return
            try:
                time.sleep(pause)
            except KeyboardInterrupt:
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def plan(self) -> ArchiveResult:
        """What archiving up to the present would add, in bytes."""
        with contextlib.closing(connection.connect(self._request.connection)) as session:
            archiver = self._archiver_of(session)
            waiting = archiver.waiting(session)
        return dataclasses.replace(self.result(), changed=waiting > 0, received=waiting, lag_bytes=waiting)

    def close(self) -> None:
        """Put on the disk what was received."""
        if self._archiver is not None:
            self._archiver.close()

    def result(self) -> ArchiveResult:
        """What all servers together gave, and where the last one stands."""
        last = self._archiver
        all_of = [*self._before, *([last] if last is not None else [])]
        return ArchiveResult(
            folder=self._place.location if self._place is not None else "",
            changed=any(archiver.changed for archiver in all_of),
            sealed=tuple(name for archiver in all_of for name in archiver.newly_sealed),
            received=sum(archiver.received for archiver in all_of),
            file=last.file_name if last is not None else "",
            position=last.position if last is not None else 0,
            gtids=last.gtids if last is not None else "",
            lag_bytes=last.lag_bytes if last is not None else None,
        )

    def _archiver_of(self, session: Session) -> LogArchiver:
        """The archiver of the server that is connected; another one than before where the address was moved."""
        request = self._request
        server = identity_of(session)
        same = [server.get(key) == self._server.get(key) for key in ("uuid", "server_id")]
        if self._archiver is not None and all(same):
            return self._archiver
        if self._archiver is not None:
            self._progress.warn(f"{session.address} is another server than before")
            self._archiver.close()
            self._before.append(self._archiver)
            self._archiver = None
        self._log.close()
        place = self._place or self._open_place(session)
        self._place = place
        log = self._log.enter_context(place.log_of(server, check=request.check))
        self._server = server
        number = request.server_id or _own_server_id(place.location)
        wanted = LogRequest(
            connection=request.connection,
            server_id=number,
            follow=request.follow,
            heartbeat=request.heartbeat,
            semi_sync=request.semi_sync,
        )
        self._archiver = LogArchiver(log, server, wanted, self._progress, check=request.check)
        return self._archiver

    def _open_place(self, session: Session) -> ArchivePlace:
        request = self._request
        if request.folder:
            if request.new_chain:
                raise UsageError("a folder holds one chain", hint="archive into a new folder")
            return ArchiveFolder(request.folder)
        return RepositoryArchive.of(
            request.repository,
            session,
            cluster=request.cluster,
            compression=request.compression,
            new_chain=request.new_chain,
            encryption=request.encryption,
            access=request.access,
        )


def _own_server_id(place: str) -> int:
    return _SERVER_IDS_FROM | zlib.crc32(f"{socket.gethostname()}\0{place}".encode("utf-8", "surrogateescape"))
