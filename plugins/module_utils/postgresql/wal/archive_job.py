# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Archiving a server's write-ahead log over a replication connection, up to the present or as a service."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import typing as t

from ...errors import ConnectError, ConsistencyError, NotFoundError, QueryError, UsageError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.access import NO_ACCESS, Access
from ...repository.cluster_name import default_cluster
from ...repository.layout import LOCK_NAME
from ...repository.lock import RepositoryLock
from ...repository.records import ServerIdentity
from ...repository.repository import Repository
from ...streams.compression import Compression
from ...streams.encryption import NOT_ENCRYPTED, Encryption
from ...streams.file import FOLDER_MODE, storage_error
from .. import connection as sql
from ..options import ConnectionOptions
from ..replication.connection import ReplicationConnection
from ..replication.lsn import format_lsn, parse_lsn
from .archive import WalArchive
from .archiver import StreamArchiver

_LONGEST_PAUSE = 60.0
_EXISTS = "42710"


@dataclass(frozen=True)
class WalArchiveRequest:
    """What to archive, and where to.

    :param cluster: the name that the server's backups are filed under; as for backups where empty.
    :param compression: as ``--compress`` names it; empty for the usual one.
    :param follow: go on with what will be written, until stopped.
    :param slot: the physical slot to stream from, so that the server keeps what is not archived.
    :param create_slot: make the slot where it is missing.
    :param new_chain: begin at the present where what is archived cannot be gone on with.
    :param spool: a folder for the segment at hand.
    :param check: only find out what would be archived.
    """

    connection: ConnectionOptions
    repository: str
    cluster: str = ""
    compression: str = ""
    follow: bool = False
    slot: str = ""
    create_slot: bool = False
    new_chain: bool = False
    spool: str = ""
    check: bool = False
    encryption: Encryption = NOT_ENCRYPTED
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class WalArchiveResult:
    """What was done.

    :param folder: of the archive, for people.
    :param sealed: the segments that were completed.
    :param histories: of timelines, that were archived.
    :param received: bytes that came; in check mode those that would.
    :param segment: the one that is being written.
    :param lsn: everything before is archived.
    :param lag_bytes: what the server had written and was not archived in the end.
    :param lag_seconds: how old that was.
    """

    folder: str
    changed: bool
    sealed: tuple[str, ...]
    histories: tuple[str, ...]
    received: int
    segment: str
    timeline: int
    lsn: str
    lag_bytes: int
    lag_seconds: float

    @property
    def diff(self) -> dict[str, str]:
        """For diff mode."""
        after = "".join(f"{name}\n" for name in self.sealed) + (f"{self.segment} to {self.lsn}\n" if self.lsn else "")
        return {"before": "", "after": after if self.changed else ""}

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data."""
        return {**dataclasses.asdict(self), "sealed": list(self.sealed), "histories": list(self.histories)}


def archive_wal(request: WalArchiveRequest, progress: Progress) -> WalArchiveResult:
    """Archive what the server has written since the last time, or go on until interrupted.

    :raises ConnectError: the server cannot be reached (when following: at the first try).
    :raises PrivilegeError: the user may not replicate.
    :raises ConsistencyError: the server's log is not the continuation of what is archived, or has a gap to it.
    :raises CorruptArtifactError: what the server sent is not a log as it must be.
    :raises LockedError: somebody else streams the same log.
    :raises StorageError: the repository cannot be written.
    """
    if request.create_slot and not request.slot:
        raise UsageError("a slot to be made needs a name")
    if request.spool:
        try:
            os.makedirs(request.spool, mode=FOLDER_MODE, exist_ok=True)
        except OSError as error:
            raise storage_error("make the folder", request.spool, error) from error
    with contextlib.ExitStack() as stack:
        run = _Run(request, progress, stack)
        if request.check:
            return run.plan()
        run.archive()
        return run.result()


class _Run:
    """One run: connections come and go, the server behind the address stays the same."""

    def __init__(self, request: WalArchiveRequest, progress: Progress, stack: contextlib.ExitStack) -> None:
        self._request = request
        self._progress = progress
        self._stack = stack
        self._archiver: StreamArchiver | None = None
        self._archive: WalArchive | None = None

    def archive(self) -> None:
        """Archive up to the log's end, or until interrupted."""
        pause, was_connected = 1.0, False
        while True:
            try:
                with ReplicationConnection(self._request.connection) as connection:
                    archiver = self._archiver_of(connection)
                    was_connected = True
                    self._stream(connection, archiver)
                    return None
            except ConnectError as error:
                if not (self._request.follow and was_connected):
                    raise
                # What came in the meantime shows that the connection was good for a while.
                pause = 1.0 if self._came() else pause
                self._progress.warn(f"{error.message}; trying again in {pause:.0f} s")
            except KeyboardInterrupt:
                return self._stopped()
            try:
                time.sleep(pause)
            except KeyboardInterrupt:
                return self._stopped()
            pause = min(2 * pause, _LONGEST_PAUSE)

    def plan(self) -> WalArchiveResult:
        """What archiving up to the present would add, in bytes."""
        with ReplicationConnection(self._request.connection) as connection:
            archiver = self._archiver_of(connection)
            start, archiver.timeline = archiver.start_of(connection, slot_start=self._slot_start())
            waiting = max(0, archiver.server_end - start)
        archiver.durable = start
        return dataclasses.replace(self.result(), changed=waiting > 0, received=waiting, lag_bytes=waiting)

    def result(self) -> WalArchiveResult:
        """What was archived."""
        archiver, archive = self._archiver, self._archive
        if archiver is None or archive is None:
            raise NotFoundError("no server was reached")
        return WalArchiveResult(
            folder=archive.location,
            changed=bool(archiver.sealed or archiver.histories or archiver.stored),
            sealed=tuple(archiver.sealed),
            histories=tuple(archiver.histories),
            received=archiver.received,
            segment=archiver.segment,
            timeline=archiver.timeline,
            lsn=format_lsn(archiver.durable),
            lag_bytes=archiver.lag_bytes,
            lag_seconds=round(archiver.lag_seconds, 3),
        )

    def _stream(self, connection: ReplicationConnection, archiver: StreamArchiver) -> None:
        if self._request.create_slot:
            self._make_slot(connection)
        start, timeline = archiver.start_of(connection, slot_start=self._slot_start())
        until = None if self._request.follow else archiver.server_end
        self._progress.phase("archiving", total_bytes=0 if until is None else max(0, until - start))
        archiver.stream(connection, start, timeline, until=until)

    def _came(self) -> bool:
        return self._archiver is not None and self._archiver.is_moving()

    def _stopped(self) -> None:
        """The service is told to end: that is how it ends."""
        if not self._request.follow or self._archiver is None:
            raise KeyboardInterrupt

    def _make_slot(self, connection: ReplicationConnection) -> None:
        try:
            connection.create_slot(self._request.slot, temporary=False)
        except QueryError as error:
            if error.context.get("sqlstate") != _EXISTS:
                raise

    def _slot_start(self) -> int:
        """From where on the slot keeps the log; 0 where there is none, or it keeps nothing yet.

        :raises NotFoundError: there is no such slot.
        """
        request = self._request
        if not request.slot:
            return 0
        options = request.connection
        session = sql.connect(options, database=options.maintenance_database)
        try:
            rows = session.query(
                "SELECT restart_lsn::text, slot_type FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
                (request.slot,),
            )
        finally:
            session.close()
        if not rows:
            if request.check and request.create_slot:
                return 0
            raise NotFoundError(
                f"the server has no slot {request.slot!r}", hint="let it be made (create_slot), or see the name"
            )
        start, kind = rows[0]
        if kind != "physical":
            raise UsageError(f"the slot {request.slot!r} is {kind}", hint="a physical one is needed")
        return parse_lsn(start) if start else 0

    def _archiver_of(self, connection: ReplicationConnection) -> StreamArchiver:
        """The archiver, made with the first connection.

        :raises ConsistencyError: another server answers now.
        """
        identity = connection.identify()
        if self._archiver is not None and self._archive is not None:
            if str(self._archive.system_identifier) != identity.identifier:
                raise ConsistencyError(
                    f"the server has the system identifier {identity.identifier}, it was "
                    f"{self._archive.system_identifier} before",
                    hint="another server is at its address: begin again for that one",
                )
            return self._archiver
        request, session = self._request, connection.session
        server = ServerIdentity(
            dbms="postgresql",
            version=session.version_text,
            version_number=session.version,
            host=session.host,
            port=session.port,
            identifier=identity.identifier,
        )
        repository = Repository(request.repository, request.access)
        archive = WalArchive(
            repository,
            request.cluster or default_cluster(server),
            int(identity.identifier),
            compression=Compression.parse(request.compression) if request.compression else None,
            encryption=request.encryption,
        )
        if not request.check:
            repository.initialise()
            self._stack.enter_context(
                RepositoryLock(
                    repository.storage, f"{archive.folder}/{LOCK_NAME}", purpose=f"archiving WAL of {session.host}"
                )
            )
            archive.storage.abandon_uploads(archive.folder)
        self._archive = archive
        self._archiver = StreamArchiver(
            archive,
            self._progress,
            slot=request.slot,
            new_chain=request.new_chain,
            spool=request.spool,
            server={"host": server.host, "port": str(server.port), "version": server.version},
        )
        return self._archiver
