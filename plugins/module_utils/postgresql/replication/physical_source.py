# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up a whole server physically: the engine's side of the backup job."""

from __future__ import annotations

from ...errors import CorruptArtifactError, DbfleetError, QueryError, UsageError
from ...interfaces import ArtifactWriter, BackupPlan
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.layout import PHYSICAL
from ...repository.records import BackupContents, ServerIdentity
from ...streams.background import BackgroundSink
from ...streams.base import ByteSink
from ...streams.compression import Compression, compress_sink
from .backup_files import BackupFiles, told_pages
from .backup_label import parse_backup_label
from .backup_manifest import BackupManifest, WalRange, format_backup_manifest, parse_backup_manifest
from .base_backup import (
    BackupStart,
    BaseBackupStream,
    command_of,
    has_manifest,
    upload_manifest,
    verifies_checksums,
)
from .connection import ReplicationConnection, SystemIdentity
from .control_file import ControlFile, parse_control_file
from .lsn import format_lsn
from .options import CHECKPOINTS, CHECKSUM_ERRORS, LARGEST_RATE, LEAST_RATE, PhysicalBackupOptions
from .page_checksums import PAGE_SIZE
from .page_recheck import still_damaged
from .received_archives import DEPTH, Archives
from .server_facts import estimated_size, with_relations
from .wal_beside import WalBeside

FORMAT = "physical"
#: The folder of a backup that holds its archives and its manifest.
ARTIFACT = "base"
MANIFEST = f"{ARTIFACT}/backup_manifest"
WAL_ARCHIVE = "pg_wal.tar"
_DEFAULT_COMPRESSION = "gzip"
_SUMMARIES = "summarize_wal"
#: As many damaged pages or files are named in a message.
_SHOWN = 10


@dataclass(frozen=True)
class _Server:
    """What a server says of itself before a backup.

    :param checksums: its pages have checksums.
    """

    identity: SystemIdentity
    checksums: bool
    segment_size: int


@dataclass(frozen=True)
class _Received:
    """What became of a base backup.

    :param end: the LSN behind the log that it needs.
    """

    start: BackupStart
    end: int
    files: BackupFiles
    manifest: BackupManifest


class PhysicalBackupSource:
    """A whole PostgreSQL server that can be backed up physically (a :class:`BackupSource`).

    :raises UsageError: the options ask for what does not exist.
    :raises DriverMissingError: the driver or a compression's package is not installed.
    """

    def __init__(self, options: PhysicalBackupOptions) -> None:
        _check(options)
        self._options = options
        self._compression = Compression.parse(options.compression or _DEFAULT_COMPRESSION)
        self._compression.check_available()
        if options.server_compression and self._compression.method == "none":
            raise UsageError("server_compression makes no sense without a compression", hint="leave one of them out")
        self._connection: ReplicationConnection | None = None
        self._server: _Server | None = None

    def plan(self) -> BackupPlan:
        """Connect and find out whether the server can be backed up."""
        connection, server = self._begun()
        command_of(self._options, connection.version, self._by_server)
        session = connection.session
        return BackupPlan(
            kind=PHYSICAL,
            server=ServerIdentity(
                dbms="postgresql",
                version=session.version_text,
                version_number=session.version,
                host=session.host,
                port=session.port,
                identifier=server.identity.identifier,
            ),
            database="",
            artifact=ARTIFACT,
            format=FORMAT,
            compression=str(self._compression),
            # Of an incremental one nobody knows it.
            estimated_bytes=estimated_size(self._options.connection) if self._options.parent is None else 0,
            tables=(),
            objects={},
            # Whoever wants a full backup is not content with an incremental one.
            options={"incremental": ""} if self._options.parent is None else {},
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Receive the backup, and beside it the log that it needs."""
        connection, server = self._begun()
        if self._options.parent is not None:
            upload_manifest(connection, self._options.parent.manifest())
        wal = WalBeside(
            self._options.connection,
            identifier=server.identity.identifier,
            segment_size=server.segment_size,
            sink=self._new_file(writer, WAL_ARCHIVE),
            timeout=self._options.timeout,
            use_slot=self._options.use_slot,
        )
        try:
            received = self._receive(connection, server, writer, wal, progress)
        finally:
            wal.close()
        return self._contents(server, received)

    def close(self) -> None:
        """Release the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _begun(self) -> tuple[ReplicationConnection, _Server]:
        """The connection and what the server says of itself, made at the first call."""
        if self._connection is not None and self._server is not None:
            return self._connection, self._server
        connection = self._connection = ReplicationConnection(self._options.connection)
        self._server = _Server(
            identity=connection.identify(),
            checksums=connection.setting("data_checksums") == "on",
            segment_size=connection.wal_segment_size(),
        )
        if connection.setting("wal_level") == "minimal":
            raise UsageError(
                "the server's wal_level is minimal, which allows no physical backup",
                hint="set wal_level to replica or logical and restart the server",
            )
        if self._options.parent is not None and connection.version >= 170000:
            self._check_summaries(connection)
        if self._server.checksums and int(connection.setting("block_size")) != PAGE_SIZE:
            raise UsageError(f"the server's pages have other than {PAGE_SIZE} bytes, whose checksums nobody here knows")
        return connection, self._server

    def _check_summaries(self, connection: ReplicationConnection) -> None:
        if connection.setting(_SUMMARIES) != "on":
            raise UsageError(
                "the server does not summarize its log, which an incremental backup needs",
                hint=f"set {_SUMMARIES} to on, reload the server, and make a full backup",
            )

    def _receive(
        self,
        connection: ReplicationConnection,
        server: _Server,
        writer: ArtifactWriter,
        wal: WalBeside,
        progress: Progress,
    ) -> _Received:
        progress.phase("checkpoint")
        stream = BaseBackupStream(connection, self._options, self._by_server)
        try:
            start = stream.start()
        except QueryError as error:
            raise error if self._options.parent is None else _of_chain(error) from error
        progress.phase("reading", total_bytes=start.size)
        wal.start(start.lsn, start.timeline)
        # A server from 11 on looks itself, unless a damaged page shall not end the backup.
        ours = server.checksums and (not verifies_checksums(connection.version) or not self._fails_on_damage)
        files = BackupFiles(start.lsn if ours else None)
        archives = Archives(files, lambda name: self._new_file(writer, name), progress, self._by_server)

        def watch(size: int) -> None:
            wal.check()
            progress.advance(size)

        try:
            stream.read(archives, watch=watch)
            end, _timeline = stream.finish()
        except BaseException as error:
            archives.abort()
            if isinstance(error, DbfleetError):
                raise self._explained(error, connection) from error
            raise
        progress.phase("waiting for the log")
        wal.finish(end)
        progress.phase("checking")
        manifest = self._manifest(connection, archives, files, WalRange(start.timeline, start.lsn, end))
        files.compare(manifest)
        self._check_files(server, start, files, progress)
        file = writer.create(MANIFEST)
        try:
            file.write(archives.sent_manifest or format_backup_manifest(manifest))
            file.close()
        except BaseException:
            file.abort()
            raise
        return _Received(start, end, files, manifest)

    @property
    def _fails_on_damage(self) -> bool:
        return self._options.checksum_errors == "fail"

    @property
    def _by_server(self) -> Compression | None:
        """What the server compresses with, ``None`` where this host does it."""
        return self._compression if self._options.server_compression else None

    def _new_file(self, writer: ArtifactWriter, name: str) -> ByteSink:
        file = writer.create(f"{ARTIFACT}/{name}{self._compression.suffix}", large=True)
        if self._by_server is not None and name != WAL_ARCHIVE:
            return BackgroundSink(file, depth=DEPTH)
        return BackgroundSink(compress_sink(file, self._compression), depth=DEPTH)

    def _explained(self, error: DbfleetError, connection: ReplicationConnection) -> DbfleetError:
        """An error of the server with what it had said before of damaged pages."""
        damage = connection.warnings
        if error.context.get("sqlstate") != "XX001" or not damage:
            return error if self._options.parent is None else _of_chain(error)
        more = f"; {len(damage) - _SHOWN} more" if len(damage) > _SHOWN else ""
        told = with_relations(self._options.connection, damage[:_SHOWN])
        return CorruptArtifactError(
            f"the server's own files are damaged: {'; '.join(told)}{more}",
            hint="restore what is damaged from an older backup; to back up the rest, set checksum_errors to warn",
        )

    def _manifest(
        self, connection: ReplicationConnection, archives: Archives, files: BackupFiles, wal: WalRange
    ) -> BackupManifest:
        if not has_manifest(connection.version):
            return files.own_manifest(wal)
        manifest = parse_backup_manifest(archives.sent_manifest, name="the manifest that the server sent")
        if manifest.wal_ranges and manifest.wal_ranges[-1].end > wal.end:
            raise CorruptArtifactError(
                f"the backup needs log up to {format_lsn(manifest.wal_ranges[-1].end)}, "
                f"and ends at {format_lsn(wal.end)}"
            )
        return manifest

    def _check_files(self, server: _Server, start: BackupStart, files: BackupFiles, progress: Progress) -> None:
        for name in ("backup_label", "global/pg_control"):
            if name not in files.kept:
                raise CorruptArtifactError(f"the backup holds no {name}", path=name)
        label = parse_backup_label(files.kept["backup_label"])
        if (label.start, label.timeline or start.timeline) != (start.lsn, start.timeline):
            raise CorruptArtifactError("the backup's label names another beginning than the server")
        control = self._control(files)
        if str(control.system_identifier) != server.identity.identifier:
            raise CorruptArtifactError("the backup's control file is of another system")
        damaged = files.damaged and still_damaged(self._options.connection, files.damaged, written_before=start.lsn)
        if damaged:
            told = with_relations(self._options.connection, told_pages(damaged))
            if self._fails_on_damage:
                raise CorruptArtifactError(
                    f"the server's own files are damaged: {'; '.join(told[:_SHOWN])}",
                    hint="restore what is damaged from an older backup; to back up the rest, set checksum_errors to"
                    " warn",
                    damaged=told,
                )
            for text in told:
                progress.warn(f"a damaged page is in the backup: {text}")

    def _control(self, files: BackupFiles) -> ControlFile:
        return parse_control_file(files.kept["global/pg_control"])

    def _contents(self, server: _Server, received: _Received) -> BackupContents:
        start, files = received.start, received.files
        label = parse_backup_label(files.kept["backup_label"])
        parent = self._options.parent
        return BackupContents(
            format=FORMAT,
            artifact=ARTIFACT,
            compression=str(self._compression),
            snapshot={
                "lsn": format_lsn(start.lsn),
                "end_lsn": format_lsn(received.end),
                "timeline": start.timeline,
                "checkpoint_lsn": format_lsn(label.checkpoint),
            },
            tables=(),
            objects={},
            options={
                "incremental": "" if parent is None else parent.id,
                "label": self._options.label,
                "tablespaces": [{"oid": one.oid, "location": one.location} for one in start.tablespaces],
                "checksums": server.checksums,
                "wal_segment_size": server.segment_size,
                "from_standby": label.from_standby,
            },
        )


def _of_chain(error: DbfleetError) -> DbfleetError:
    """An error of a server that cannot build on an older backup."""
    if isinstance(error, QueryError) and not error.hint:
        error.hint = "make a full backup: the next incremental ones build on it"
    return error


def _check(options: PhysicalBackupOptions) -> None:
    if options.checkpoint not in CHECKPOINTS:
        raise UsageError(f"unknown checkpoint {options.checkpoint!r}", hint=f"use {' or '.join(CHECKPOINTS)}")
    if options.checksum_errors not in CHECKSUM_ERRORS:
        raise UsageError(f"unknown checksum_errors {options.checksum_errors!r}", hint="use fail or warn")
    if options.max_rate and not LEAST_RATE <= options.max_rate <= LARGEST_RATE:
        raise UsageError(
            f"a rate of {options.max_rate} kB/s is not possible", hint=f"use {LEAST_RATE} to {LARGEST_RATE}"
        )
    if len(options.label.encode("utf-8", "replace")) > 1024 or any(not char.isprintable() for char in options.label):
        raise UsageError("the label is too long or not printable", hint="use at most 1024 bytes on one line")
    if not options.timeout > 0:
        raise UsageError("the time limit must be more than nothing")
